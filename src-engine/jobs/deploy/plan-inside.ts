/** What a deploy changes inside a guest, worked out from its files: the same at the plan and when it is carried out. */
import {
  IDENTITY_THINGS,
  type GuestSettings,
  type IdentifierChange,
  type SettingNote,
} from '../../contract/deploy.contract.ts';
import { copyChange, type CopiedLoader } from '../../boot-chain/fallback-loader.ts';
import type { GuestChange } from '../../guest/changes.port.ts';
import { GuestSettingsSchema } from '../../contract/deploy.contract.ts';
import { planGuestChanges } from '../../guest/customise/plan-guest-changes.ts';
import { inspectGuest } from '../../guest/inspect-guest.ts';
import { GuestFiles } from '../../guest/guest-files.ts';
import type { GuestVolume } from '../../guest/guest-input.ts';
import { otherSystems } from '../../guest/other-systems.ts';
import { openGuestFiles } from '../../guest/open-guest-files.ts';
import type { OpenedVolume } from '../../inspection/disk-inspection.ts';
import type { Searches } from '../../identifiers/known-searches.ts';
import { newId } from '../../identifiers/new-ids.ts';
import { planIds } from '../../identifiers/plan-ids.ts';
import type { Patch } from '../../volumes/layout.port.ts';
import { impossible } from '../../writers/refusals.ts';
import { resolveChanges } from '../../writers/resolve.ts';
import type { VolumeChanges, VolumeStep } from '../../writers/steps.port.ts';
import type { DeployRecord } from '../plan-records.ts';
import { idAbilities } from './id-abilities.ts';
import type { OpenedDisk } from './opened-disk.ts';
import type { Reach } from './write-refusal.ts';

type Asked = Pick<DeployRecord['request'], 'settings' | 'identity' | 'keep' | 'groupNames' | 'virtioDrivers'>;

export interface Inside {
  readonly volumes: readonly OpenedVolume[];
  readonly notes: readonly SettingNote[];
  readonly changes: readonly VolumeChanges[];
  /** what becomes other in no file */
  readonly identifiers: readonly IdentifierChange[];
  /** of a boot loader that lies in no file, and names them */
  readonly corePatches: readonly Patch[];
}

export interface InsideOptions extends Reach {
  /** the disk is its machine's only one: a system is to be on it */
  readonly isAlone: boolean;
  /** see `identifiers/new-ids.ts` */
  readonly idSeed: string;
  /** loaders that are to lie in another place too */
  readonly copied: readonly CopiedLoader[];
  /** drivers that are put into it */
  readonly drivers: readonly GuestChange[];
  /** what is known of a template; left out: nothing, as of a target */
  readonly searches?: Searches;
}

const NO_SETTINGS: GuestSettings = GuestSettingsSchema.parse({});
/** When its updates end is of no interest here. */
const NO_DATES = { madeOn: '1970-01-01', releases: {} };

/** Whether a deploy is to change anything inside. */
export const changesInside = ({ settings, identity, groupNames, virtioDrivers }: Omit<Asked, 'keep'>): boolean =>
  identity === 'fresh' ||
  groupNames.length > 0 ||
  virtioDrivers !== undefined ||
  JSON.stringify(settings ?? NO_SETTINGS) !== JSON.stringify(NO_SETTINGS);

/**
 * @param disk the template, or the target as it will be
 * @throws EngineError `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE`, `READ_FAILED`
 */
export async function planInside(
  { source, volumes, input }: OpenedDisk,
  { settings = NO_SETTINGS, identity, keep, groupNames, virtioDrivers }: Asked,
  { isAlone, isDevice, hasRoot, idSeed, copied, drivers, searches }: InsideOptions,
  signal: AbortSignal,
): Promise<Inside> {
  const isChanged = changesInside({ settings, identity, groupNames, virtioDrivers });
  const opened = isChanged ? await openGuestFiles(input.volumes, signal) : null;
  if (!opened) {
    if (isAlone && isChanged) throw impossible('/', 'no-system');
    const changes = await besideGuest(copied, input.volumes, signal);
    return { volumes, notes: [], changes, identifiers: [], corePatches: [] };
  }
  const { files, mounts } = opened;
  const mountOf = ({ volume }: CopiedLoader) => mounts.find((mount) => mount.volume === volume)?.mountPoint;
  const [mounted, unmounted] = [true, false].map((is) => copied.filter((copy) => (mountOf(copy) !== undefined) === is));
  const fresh = new Set(identity === 'fresh' ? IDENTITY_THINGS.filter((thing) => !keep.includes(thing)) : []);
  const guest = await inspectGuest(input, NO_DATES, signal);
  const nowMs = Date.now();
  const hexFor = (thing: string) => newId(idSeed, 'uuid', thing).replaceAll('-', '');
  const own = { files, guest, settings, identity: { fresh, hexFor }, volumes: input.volumes, nowMs };
  const { changes, notes } = await planGuestChanges(own);
  // a fresh identity does not reach into what a system was once
  const others = fresh.has('machine-id') ? await otherSystems(input.volumes, mounts[0], signal) : [];
  const copies = await copyChanges(mounted, files, mountOf);
  const ids = await planIds(
    {
      source,
      guest,
      volumes: input.volumes,
      mounts,
      fresh,
      groupNames,
      seed: idSeed,
      isAlone,
      changes: [
        ...(await resolveChanges([...changes, ...copies, ...drivers], files, input.volumes, signal)),
        ...(await besideGuest(unmounted, input.volumes, signal)),
      ],
      abilities: idAbilities(volumes, { isDevice, hasRoot }),
      searches,
    },
    signal,
  );
  const { corePatches, renewed: identifiers } = ids;
  const all = ids.changes.map((volume) => withOriginals(volume, copied));
  return { volumes, notes: [...notes, ...ids.notes, ...keptSystems(others)], changes: all, identifiers, corePatches };
}

const MAX_SHOWN_SYSTEMS = 8;

function keptSystems(paths: readonly string[]): SettingNote[] {
  if (paths.length === 0) return [];
  const shown = paths.slice(0, MAX_SHOWN_SYSTEMS).join(', ');
  const systems = paths.length > MAX_SHOWN_SYSTEMS ? `${shown}, …` : shown;
  return [
    { reason: 'machine-id', isPossible: true, code: 'other-systems-keep', data: { count: paths.length, systems } },
  ];
}

/** A copied loader becomes what its original becomes: the identifiers that it names are those of the target, too. */
function withOriginals(volume: VolumeChanges, copied: readonly CopiedLoader[]): VolumeChanges {
  // the partition's file system makes no difference between them
  const isAt = ({ names }: VolumeStep, path: string) => `/${names.join('/')}`.toLowerCase() === path.toLowerCase();
  const own = copied.filter((copy) => copy.volume === volume.ref);
  const steps = volume.steps.map((step) => {
    const copy = own.find(({ path }) => isAt(step, path));
    const original = copy && volume.steps.find((one) => isAt(one, copy.from));
    return step.do === 'put-file' && original?.do === 'put-file' ? { ...step, bytes: original.bytes } : step;
  });
  return { ...volume, steps };
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
