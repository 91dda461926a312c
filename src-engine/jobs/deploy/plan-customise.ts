/** What of a deploy's plan is about the inside of the guest: changes, notes, and what forbids them. */
import {
  RENEWAL_REASONS,
  type GuestChangeView,
  type IdentifierChange,
  type SettingNote,
} from '../../contract/deploy.contract.ts';
import type { DiskView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { findTool, TOOL_PACKAGES } from '../../tools/tools.ts';
import { changeViews } from '../../writers/change-views.ts';
import { writerOf } from '../../writers/write-volume.ts';
import type { DeployRecord } from '../plan-records.ts';
import { changesInside, planInside, type Inside, type InsideOptions } from './plan-inside.ts';
import type { OpenedDisk } from './opened-disk.ts';
import { neededRoom, type NeededRoom } from './room-for-changes.ts';
import { writeRefusal, type Reach } from './write-refusal.ts';

export interface CustomisePlan {
  readonly checks: readonly Check[];
  readonly guestChanges: GuestChangeView[];
  readonly settingNotes: SettingNote[];
  readonly identifiers: readonly IdentifierChange[];
  /** GRUB's core names some of them: it is unpacked, and written anew */
  readonly rewritesCore: boolean;
  /** room that the changes take, volume by volume */
  readonly needs: readonly NeededRoom[];
}

const MAX_SHOWN_CHANGES = 1000;
export const NOTHING: CustomisePlan = {
  checks: [],
  guestChanges: [],
  settingNotes: [],
  identifiers: [],
  rewritesCore: false,
  needs: [],
};

/** @param template opened @param disk as it was captured @param options see {@link planInside} */
export async function planCustomise(
  template: OpenedDisk,
  request: DeployRecord['request'],
  disk: Pick<DiskView, 'groups'>,
  options: InsideOptions,
  signal: AbortSignal,
): Promise<CustomisePlan> {
  if (!changesInside(request) && options.copied.length === 0) return NOTHING;
  const inside = await planInside(template, request, options, signal).catch((error) => {
    if (error instanceof EngineError && isOfGuest(error.code)) return error;
    throw error;
  });
  if (inside instanceof EngineError) return { ...NOTHING, checks: [blockOf(inside)] };
  const views = await Promise.all(inside.changes.map((volume) => changeViews(volume)));
  return {
    checks: [...noteChecks(inside.notes), ...writingChecks(inside, disk, options)],
    guestChanges: views
      .flat()
      .filter((view) => view !== null)
      .slice(0, MAX_SHOWN_CHANGES),
    settingNotes: [...inside.notes],
    identifiers: inside.identifiers,
    rewritesCore: inside.corePatches.length > 0,
    needs: inside.changes.map(neededRoom),
  };
}

const isOfGuest = (code: string): code is 'GUEST_UNSAFE' | 'GUEST_CHANGE_IMPOSSIBLE' =>
  code === 'GUEST_UNSAFE' || code === 'GUEST_CHANGE_IMPOSSIBLE';

function blockOf({ code, data }: EngineError): Check {
  if (data.reason === 'no-system') return { code: 'NO_SYSTEM_TO_CHANGE', level: 'block', data: {} };
  return { code: isOfGuest(code) ? code : 'GUEST_CHANGE_IMPOSSIBLE', level: 'block', data };
}

/** A setting that was asked for and cannot be made blocks; what cannot be renewed of an identity is told. */
function noteChecks(notes: readonly SettingNote[]): Check[] {
  const others = notes.filter(({ code }) => code === 'other-systems-keep');
  const settings = new Set(notes.filter(({ isPossible }) => !isPossible).map(({ reason }) => reason));
  const kept = others.map(({ data }): Check => ({ code: 'OTHER_SYSTEMS_KEPT', level: 'warn', data }));
  const shared = notes
    .filter(({ code }) => code === 'secrets-shared')
    .map(({ data }): Check => ({ code: 'IDENTITY_SHARED', level: 'warn', data }));
  const refused = [...settings].map((setting): Check => {
    const isIdentity = (RENEWAL_REASONS as readonly string[]).includes(setting);
    const code = isIdentity ? 'IDENTITY_KEPT' : 'SETTING_IMPOSSIBLE';
    return { code, level: isIdentity ? 'warn' : 'block', data: { setting } };
  });
  return [...kept, ...shared, ...refused];
}

/** Whether this machine can write what is to be written. */
function writingChecks({ volumes, changes }: Inside, disk: Pick<DiskView, 'groups'>, reach: Reach): Check[] {
  const checks: Check[] = [];
  const missing = new Set<string>();
  for (const change of changes) {
    const reason = isHalfMirror(disk, change.ref)
      ? 'half-mirror'
      : writeRefusal(volumes, change.ref, change.kind, reach);
    const { path } = change.steps[0].change;
    if (reason) checks.push({ code: 'GUEST_CHANGE_IMPOSSIBLE', level: 'block', data: { path, reason } });
    for (const tool of writerOf(change.kind)?.tools ?? []) {
      if (findTool(tool) || missing.has(tool)) continue;
      missing.add(tool);
      checks.push({ code: 'TOOL_MISSING', level: 'block', data: { tool, package: TOOL_PACKAGES[tool] } });
    }
  }
  return checks;
}

/** A change to one half of a mirror would be undone, or believed, by whichever half is read. */
const isHalfMirror = ({ groups }: Pick<DiskView, 'groups'>, ref: string) =>
  groups.some(
    ({ kind, missingMembers, volumes }) =>
      kind === 'md-raid' && missingMembers > 0 && volumes.some((volume) => volume.ref === ref),
  );
