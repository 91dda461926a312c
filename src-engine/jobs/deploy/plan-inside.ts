/** What a deploy changes inside a guest, worked out from its files: the same at the plan and when it is carried out. */
import {
  IDENTITY_THINGS,
  type GuestSettings,
  type IdentityThing,
  type SettingNote,
} from '../../contract/deploy.contract.ts';
import { copyChange, type CopiedLoader } from '../../boot-chain/fallback-loader.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { GuestChange } from '../../guest/changes.port.ts';
import { GuestSettingsSchema } from '../../contract/deploy.contract.ts';
import { planGuestChanges } from '../../guest/customise/plan-guest-changes.ts';
import { inspectGuest } from '../../guest/inspect-guest.ts';
import { GuestFiles } from '../../guest/guest-files.ts';
import type { GuestVolume } from '../../guest/guest-input.ts';
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
 * @param isAlone the disk is its machine's only one: a system is to be on it, where it is to be changed
 * @param copied loaders that are to lie in another place too
 * @throws EngineError `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE`, `READ_FAILED`
 */
export async function planInside(
  source: BlockSource,
  { settings = NO_SETTINGS, identity, keep }: Asked,
  isAlone: boolean,
  copied: readonly CopiedLoader[],
  signal: AbortSignal,
): Promise<Inside> {
  const volumes = await openVolumes(source);
  const input = await guestInputOf([{ source, opened: volumes }]);
  const opened = changesInside({ settings, identity, keep }) ? await openGuestFiles(input.volumes, signal) : null;
  if (!opened) {
    if (isAlone && changesInside({ settings, identity, keep })) throw impossible('/', 'no-system');
    return { volumes, notes: [], changes: await besideGuest(copied, input.volumes, signal) };
  }
  const { files, mounts } = opened;
  const mountOf = ({ volume }: CopiedLoader) => mounts.find((mount) => mount.volume === volume)?.mountPoint;
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
  const own = await copyChanges(
    copied.filter((copy) => mountOf(copy) !== undefined),
    files,
    mountOf,
  );
  const others = copied.filter((copy) => mountOf(copy) === undefined);
  return {
    volumes,
    notes: [...notes, ...keptNotes],
    changes: [
      ...(await resolveChanges([...changes, ...own], files, input.volumes, signal)),
      ...(await besideGuest(others, input.volumes, signal)),
    ],
  };
}

/** Loaders in partitions that the guest mounts nowhere. @throws EngineError `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE` */
export async function besideGuest(
  copied: readonly CopiedLoader[],
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<VolumeChanges[]> {
  const changes: VolumeChanges[] = [];
  for (const { ref, tree } of volumes) {
    const own = copied.filter(({ volume }) => volume === ref);
    if (!tree || own.length === 0) continue;
    const files = new GuestFiles({ tree, node: tree.root }, signal);
    changes.push(...(await resolveChanges(await copyChanges(own, files, () => ''), files, volumes, signal)));
  }
  return changes;
}

async function copyChanges(
  copied: readonly CopiedLoader[],
  files: GuestFiles,
  mountOf: (copy: CopiedLoader) => string | undefined,
): Promise<GuestChange[]> {
  const changes = await Promise.all(copied.map((copy) => copyChange(copy, files, mountOf(copy)!)));
  return changes.filter((change) => change !== null);
}
