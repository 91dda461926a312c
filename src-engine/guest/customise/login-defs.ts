/** login.defs(5): how this guest makes users. */
import type { GuestDraft } from './draft.ts';
import { splitLines } from './text-lines.ts';
import type { Traits } from './traits.ts';

export interface LoginDefs {
  readonly minUserId: number;
  readonly maxUserId: number;
  readonly minGroupId: number;
  readonly maxGroupId: number;
  /** each user has a group of the same name */
  readonly hasUserGroups: boolean;
  readonly homeMode: number;
  readonly minDays: number;
  readonly maxDays: number;
  readonly warnDays: number;
}

export async function readLoginDefs(draft: GuestDraft, traits: Traits): Promise<LoginDefs> {
  const values = new Map<string, string>();
  for (const { body } of splitLines((await draft.glance('/etc/login.defs')) ?? '')) {
    const [name, value] = body.trim().split(/\s+/);
    if (/^[A-Z_]{1,40}$/.test(name) && value !== undefined) values.set(name, value);
  }
  /** What is no number, or none that makes sense, is as if it were not there. */
  const number = (name: string, otherwise: number, min: number, max: number, radix = 10) => {
    const text = values.get(name) ?? '';
    const value = /^[0-9]{1,9}$/.test(text) ? parseInt(text, radix) : NaN;
    return value >= min && value <= max ? value : otherwise;
  };
  const first = traits.isOldRedHat ? 500 : 1000;
  const umask = number('UMASK', traits.isRedHat ? 0o077 : 0o022, 0, 0o777, 8);
  const minUserId = number('UID_MIN', first, 1, 2 ** 31);
  const minGroupId = number('GID_MIN', first, 1, 2 ** 31);
  return {
    minUserId,
    maxUserId: number('UID_MAX', Math.max(60_000, minUserId), minUserId, 2 ** 31),
    minGroupId,
    maxGroupId: number('GID_MAX', Math.max(60_000, minGroupId), minGroupId, 2 ** 31),
    hasUserGroups: (values.get('USERGROUPS_ENAB') ?? 'yes') !== 'no',
    // nobody but the user writes into a home folder, whatever the guest says: sshd would take no keys from it
    homeMode: number('HOME_MODE', 0o777 & ~umask, 0o700, 0o777, 8) & ~0o022,
    minDays: number('PASS_MIN_DAYS', 0, 0, 99_999),
    maxDays: number('PASS_MAX_DAYS', 99_999, 0, 99_999),
    warnDays: number('PASS_WARN_AGE', 7, 0, 99_999),
  };
}
