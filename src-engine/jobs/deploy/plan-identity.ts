/** What changes inside, with the identity that was chosen for it: one that nobody asked for refuses no deploy. */
import type { IdentityPlan, VolumePlan } from '../../contract/deploy.contract.ts';
import type { DiskView } from '../../contract/disk.contract.ts';
import type { MessageData } from '../../contract/errors.ts';
import type { Check, Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { isDamage } from '../../identifiers/disk-ids.ts';
import type { DeployRecord } from '../plan-records.ts';
import { notLookedIntoData, type NotLookedInto } from './not-looked-into.ts';
import type { OpenedDisk } from './opened-disk.ts';
import { NOTHING, planCustomise, type CustomisePlan } from './plan-customise.ts';
import type { InsideOptions } from './plan-inside.ts';
import { withoutRoom, type NeededRoom } from './room-for-changes.ts';

interface PlannedIdentity {
  readonly identity: IdentityPlan;
  readonly inside: CustomisePlan;
  readonly checks: readonly Check[];
}

/** What stands against changes inside, whatever they are for. */
const HINDRANCES: readonly Check['code'][] = [
  'GUEST_UNSAFE',
  'GUEST_CHANGE_IMPOSSIBLE',
  'TOOL_MISSING',
  'NO_SYSTEM_TO_CHANGE',
];

const DAMAGED: Check = { code: 'GUEST_CHANGE_IMPOSSIBLE', level: 'block', data: { path: '/', reason: 'damaged' } };

const fullVolume = (room: NeededRoom | null): Check | undefined =>
  room
    ? { code: 'GUEST_CHANGE_IMPOSSIBLE', level: 'block', data: { path: room.path, reason: 'volume-full' } }
    : undefined;

/** A journal of ext that waits is replayed before files are changed, for which a loop device is needed. */
function unreplayed({ volumes }: OpenedDisk, { needs }: CustomisePlan, hasRoot: boolean): Check | undefined {
  if (hasRoot) return undefined;
  const waits = needs.find(({ ref }) => {
    const fileSystem = volumes.find((one) => one.ref === ref)?.fileSystem;
    return /^ext/.test(fileSystem?.kind ?? '') && fileSystem!.warnings.some(({ code }) => code === 'JOURNAL_NOT_CLEAN');
  });
  return waits && { code: 'GUEST_CHANGE_IMPOSSIBLE', level: 'block', data: { path: waits.path, reason: 'journal' } };
}

/** In words of `guestReason`, with what they are about. */
function lackOf({ code, data }: Check, target: string): MessageData {
  return code === 'TOOL_MISSING'
    ? { target, what: `${String(data.tool)} (${String(data.package)})`, reason: 'tool-missing' }
    : { target, what: data.path ?? '/', reason: data.reason ?? '' };
}

/** That Windows keeps its identifiers is so for every Windows: it stands in the plan's notes, and warns nobody who did not ask. */
function withoutUsual({ checks, settingNotes }: CustomisePlan): Check[] {
  const isUsual = (setting: unknown) =>
    settingNotes.every(({ reason, code }) => reason !== setting || code === 'id-kept-windows');
  return checks.filter(({ code, data }) => code !== 'IDENTITY_KEPT' || !isUsual(data.setting));
}

/**
 * @param request with the identity that was chosen @param identity why
 * @param unread where a system may lie that is not seen
 * @param disk as it was captured @param volumes where they get another length
 * @throws as {@link planCustomise}
 */
export async function planIdentity(
  template: OpenedDisk,
  request: DeployRecord['request'],
  identity: IdentityPlan,
  unread: NotLookedInto | null,
  disk: Pick<DiskView, 'volumes' | 'groups'>,
  volumes: readonly VolumePlan[],
  options: InsideOptions,
  signal: AbortSignal,
): Promise<PlannedIdentity> {
  const { target } = request;
  const isAsked = identity.because === 'asked';
  const inside = await planCustomise(template, request, disk, options, signal).catch((error) => {
    if (isAsked || !(error instanceof EngineError) || !isDamage(error)) throw error;
    return { ...NOTHING, checks: [DAMAGED] };
  });
  const hindrance =
    inside.checks.find(({ code, level }) => level === 'block' && HINDRANCES.includes(code)) ??
    fullVolume(withoutRoom(inside.needs, disk, volumes)) ??
    unreplayed(template, inside, options.hasRoot);
  const isNothing = inside.guestChanges.length === 0 && inside.identifiers.length === 0;
  const isUnseen = identity.because === 'not-looked-into' || (isAsked && identity.becomes === 'fresh' && isNothing);
  if (unread && isUnseen) {
    const data = notLookedIntoData(unread, target);
    return { identity, inside, checks: [{ code: 'IDENTITY_NOT_SEEN', level: 'warn', data }] };
  }
  if (isAsked || identity.becomes === 'keep') return { identity, inside, checks: [] };
  if (!hindrance) return { identity, inside: { ...inside, checks: withoutUsual(inside) }, checks: [] };
  const kept = await planCustomise(template, { ...request, identity: 'keep' }, disk, options, signal);
  if (hindrance.code === 'NO_SYSTEM_TO_CHANGE') {
    return { identity: { becomes: 'keep', because: 'nothing-to-renew', data: {} }, inside: kept, checks: [] };
  }
  const data = lackOf(hindrance, target);
  return {
    identity: { becomes: 'keep', because: 'lacking', data },
    inside: kept,
    checks: [{ code: 'IDENTITY_NOT_RENEWED', level: 'warn', data }],
  };
}

/** @returns what of the checks still holds of the target when it is finished */
export const toldAtEnd = (checks: readonly Check[], target: string): Warning[] =>
  checks.flatMap(({ code, data }): Warning[] =>
    code === 'IDENTITY_NOT_RENEWED' || code === 'IDENTITY_SHARED' || code === 'IDENTITY_NOT_SEEN'
      ? [{ code, data: { target, ...data } }]
      : [],
  );
