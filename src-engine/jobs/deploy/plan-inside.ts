/** What a deploy changes inside a guest, worked out from its files: the same at the plan and when it is carried out. */
import {
  IDENTITY_THINGS,
  type GuestSettings,
  type IdentityThing,
  type SettingNote,
} from '../../contract/deploy.contract.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { GuestSettingsSchema } from '../../contract/deploy.contract.ts';
import { planGuestChanges } from '../../guest/customise/plan-guest-changes.ts';
import { inspectGuest } from '../../guest/inspect-guest.ts';
import { openGuestFiles } from '../../guest/open-guest-files.ts';
import { openVolumes, type OpenedVolume } from '../../inspection/disk-inspection.ts';
import { guestInputOf } from '../../inspection/guest-of.ts';
import { impossible } from '../../writers/refusals.ts';
import { resolveChanges } from '../../writers/resolve.ts';
import type { VolumeChanges } from '../../writers/steps.port.ts';
import type { DeployRecord } from '../plan-records.ts';

type Asked = Pick<DeployRecord['request'], 'settings' | 'identity' | 'keep'>;

export interface Inside {
  readonly volumes: readonly OpenedVolume[];
  readonly notes: readonly SettingNote[];
  readonly changes: readonly VolumeChanges[];
}

const NO_SETTINGS: GuestSettings = GuestSettingsSchema.parse({});
/** When its updates end is of no interest here. */
const NO_DATES = { madeOn: '1970-01-01', releases: {} };

/** What stands in superblocks, tables and what refers to them: no stage gives these new ones, and whoever asks for a fresh identity is told. */
const NOT_RENEWED: readonly IdentityThing[] = ['file-system-uuids', 'disk-ids', 'lvm-uuids'];

/** Whether a deploy is to change anything inside. */
export const changesInside = ({ settings, identity }: Asked): boolean =>
  identity === 'fresh' || JSON.stringify(settings ?? NO_SETTINGS) !== JSON.stringify(NO_SETTINGS);

/**
 * @param source the template, or the target as it will be
 * @param isAlone the disk is its machine's only one: a system is to be on it
 * @throws EngineError `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE`, `READ_FAILED`
 */
export async function planInside(
  source: BlockSource,
  { settings = NO_SETTINGS, identity, keep }: Asked,
  isAlone: boolean,
  signal: AbortSignal,
): Promise<Inside> {
  const volumes = await openVolumes(source);
  const input = await guestInputOf([{ source, opened: volumes }]);
  const opened = await openGuestFiles(input.volumes, signal);
  if (!opened) {
    if (isAlone) throw impossible('/', 'no-system');
    return { volumes, notes: [], changes: [] };
  }
  const { files } = opened;
  const fresh = new Set(identity === 'fresh' ? IDENTITY_THINGS.filter((thing) => !keep.includes(thing)) : []);
  const { changes, notes } = await planGuestChanges({
    files,
    guest: await inspectGuest(input, NO_DATES, signal),
    settings,
    identity: { fresh },
    volumes: input.volumes,
    nowMs: Date.now(),
  });
  const kept = NOT_RENEWED.filter((thing) => fresh.has(thing));
  const keptNotes = kept.map((reason) => ({ reason, isPossible: false, code: 'identity-not-renewed', data: {} }));
  return {
    volumes,
    notes: [...notes, ...keptNotes],
    changes: await resolveChanges(changes, files, input.volumes, signal),
  };
}
