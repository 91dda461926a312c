/**
 * Which identifiers of a disk become others, every place in which files name them, and for each that stays the reason. Reads only; what it
 * returns is the same whenever the same disk is looked at with the same seed.
 */
import type {
  GroupName,
  IdentityThing,
  IdentifierChange,
  RenewalReason,
  SettingNote,
} from '../contract/deploy.contract.ts';
import type { Guest } from '../contract/guest.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { uuidWay } from '../filesystems/new-uuid.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import type { GuestMount } from '../guest/open-guest-files.ts';
import type { Patch } from '../volumes/layout.port.ts';
import type { VolumeChanges } from '../writers/steps.port.ts';
import { groupNameIds, isDamage, readDiskIds, type DiskId, type DiskIds, type Keeping } from './disk-ids.ts';
import { IdForms, type Renaming } from './forms.ts';
import { corePatches, isCoreApart, packedCore } from './grub-core.ts';
import type { Searches } from './known-searches.ts';
import { newId } from './new-ids.ts';
import { findReferences, type Reference } from './references.ts';
import { withReferences } from './rewrite-references.ts';

export interface IdsInput {
  readonly source: BlockSource;
  readonly guest: Guest;
  readonly volumes: readonly GuestVolume[];
  readonly mounts: readonly GuestMount[];
  /** what is to be renewed at all */
  readonly fresh: ReadonlySet<IdentityThing>;
  readonly groupNames: readonly GroupName[];
  readonly seed: string;
  /** the disk is its machine's only one: another one may name what is on this */
  readonly isAlone: boolean;
  /** what is to become other in files anyway */
  readonly changes: readonly VolumeChanges[];
  readonly abilities: IdAbilities;
  /** what is known of a template; left out: nothing */
  readonly searches?: Searches | undefined;
}

export interface IdAbilities {
  /** whether files of a volume can be written here */
  canWrite(ref: string, kind: string): boolean;
  /** why a program cannot give a file system another UUID here; null: it can */
  refusalOf(volume: GuestVolume): Keeping | null;
}

export interface IdsPlan {
  readonly renewed: readonly IdentifierChange[];
  readonly notes: readonly SettingNote[];
  /** GRUB's core, where it names any */
  readonly corePatches: readonly Patch[];
  /** those of the input, with the files in which identifiers are named */
  readonly changes: readonly VolumeChanges[];
}

const ID_THINGS: readonly IdentityThing[] = ['file-system-uuids', 'disk-ids', 'lvm-uuids'];

/** @throws EngineError `READ_FAILED`, `ABORTED` */
export async function planIds(input: IdsInput, signal: AbortSignal): Promise<IdsPlan> {
  const things: RenewalReason[] = ID_THINGS.filter((thing) => input.fresh.has(thing));
  if (input.groupNames.length > 0) things.push('group-name');
  const { changes } = input;
  if (things.length === 0) return { renewed: [], notes: [], corePatches: [], changes };
  const all = (code: Keeping['code']) => things.map((reason) => noteOf(reason, { code }));
  const isWindows = input.guest.family.value === 'windows';
  if (!input.isAlone && !isWindows)
    return { renewed: [], notes: all('id-kept-several-disks'), corePatches: [], changes };

  const disk = await readDiskIds(input.source);
  if (isWindows) {
    const hasLvm = disk.ids.some(({ reason }) => reason === 'lvm-uuids');
    const notes = all('id-kept-windows').filter(({ reason }) => reason !== 'lvm-uuids' || hasLvm);
    return { renewed: [], notes, corePatches: [], changes };
  }
  const ids = [
    ...disk.ids.filter(({ reason }) => things.includes(reason)),
    ...groupNameIds(disk.tree, input.groupNames),
  ];
  const kept = new Map<DiskId, Keeping>();
  for (const id of ids) {
    const keeping = id.kept ?? (await ownKeeping(id, disk, input));
    if (keeping) kept.set(id, keeping);
  }
  const free = ids.filter((id) => !kept.has(id));
  const renamings = free.map((id) => renamingOf(id, disk, input.seed));
  const found = free.length > 0 ? await findReferences(input, new IdForms(renamings), signal) : null;
  const references: Reference[] = [];
  if (found?.everything) for (const id of free) kept.set(id, found.everything);
  else {
    for (const reference of found?.references ?? []) {
      if (reference.keeping) for (const i of reference.found) keepOnce(kept, free[i], reference.keeping);
      else references.push(reference);
    }
  }
  const forms = new IdForms(renamings);
  const choose = () => {
    keepTogether(kept, free);
    return new Set(free.flatMap((id, i) => (kept.has(id) ? [] : [i])));
  };
  let chosen = choose();
  const core = found?.core ?? null;
  let patches: Patch[] | null = [];
  // its configuration has as much room as it takes
  for (const i of core?.found ?? []) {
    if (forms.changesLength(new Set([i]))) keepOnce(kept, free[i], { code: 'id-kept-grub-core' });
  }
  chosen = choose();
  if (core && [...core.found].some((i) => chosen.has(i))) {
    const content = forms.replaced(core.content!, chosen);
    const isApart = isCoreApart(core, disk.tables.layout.partitions);
    patches = content && isApart ? corePatches(core, await packedCore(core, content, signal)) : null;
    if (!patches) for (const i of core.found) keepOnce(kept, free[i], { code: 'id-kept-grub-core' });
    chosen = choose();
  }
  return {
    renewed: [...chosen].map((i) => changeOf(free[i], renamings[i].after)),
    notes: notesOf(things, free, chosen, kept),
    corePatches: patches ?? [],
    changes: await withReferences(
      changes,
      references,
      { forms, chosen, reasons: free.map(({ reason }) => reason) },
      input,
    ),
  };
}

/** What stands against an identifier before anybody looks for who names it. */
async function ownKeeping(id: DiskId, { tree }: DiskIds, input: IdsInput): Promise<Keeping | null> {
  if (id.reason === 'disk-ids') return (await hasWindows(input.volumes)) ? { code: 'id-kept-boot-store' } : null;
  if (id.of !== 'file-system' || id.format === 'group-name') return null;
  const volume = input.volumes.find(({ ref }) => ref === id.volume);
  const found = [...tree.partitions, ...tree.groups.flatMap(({ volumes }) => volumes)].find(
    ({ ref }) => ref === id.volume,
  );
  const kind = found?.content.fileSystem?.kind;
  if (!volume || !found || !kind) return { code: 'id-kept-no-way', data: { kind: kind ?? '' } };
  try {
    const way = await uuidWay(found.source, kind, newId(input.seed, id.format, id.before));
    if (way.by === 'nothing') return { code: `id-kept-${way.refusal}`, data: { kind } };
    const { oldestKernel } = way;
    const kernels = (input.guest.kernels.value ?? []).map(({ version }) => version);
    if (oldestKernel) {
      const needed = oldestKernel.join('.');
      if (kernels.length === 0) return { code: 'id-kept-kernel-unknown', data: { kind, needed } };
      const old = kernels.find((version) => isOlder(version, oldestKernel));
      if (old) return { code: 'id-kept-guest-too-old', data: { kind, kernel: old, needed } };
    }
    return way.by === 'program' ? input.abilities.refusalOf(volume) : null;
  } catch (error) {
    if (isDamage(error)) return { code: 'id-kept-damaged', data: { kind } };
    throw error;
  }
}

/** @returns whether a kernel's version is older, or is none */
function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, a, b] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return a === undefined || Number(a) < major || (Number(a) === major && Number(b) < minor);
}

/** A boot store of Windows names disk and partitions by their identifiers, wherever it lies. */
async function hasWindows(volumes: readonly GuestVolume[]): Promise<boolean> {
  for (const { tree, kind } of volumes) {
    if (!tree || kind === null) continue;
    if (/^(?:ntfs|exfat)/.test(kind) || (/^fat/.test(kind) && (await hasBootStore(tree)))) return true;
  }
  return false;
}

async function hasBootStore(tree: NonNullable<GuestVolume['tree']>): Promise<boolean> {
  try {
    for (const path of [
      ['EFI', 'Microsoft', 'Boot', 'BCD'],
      ['Boot', 'BCD'],
    ]) {
      let node: typeof tree.root | null = tree.root;
      for (const name of path) node = node?.kind === 'folder' ? await tree.find(node, name) : null;
      if (node) return true;
    }
    return false;
  } catch (error) {
    // what cannot be read may be one
    if (isDamage(error)) return true;
    throw error;
  }
}

/** Groups and their logical volumes are named together, so the one does not become another without the other. */
function keepTogether(kept: Map<DiskId, Keeping>, free: readonly DiskId[]): void {
  for (const id of free.filter(({ of }) => of === 'logical-volume')) {
    const group = free.find(({ of, volume }) => of === 'volume-group' && id.volume.startsWith(`${volume}/`));
    const keeping = kept.get(id) ?? (group && kept.get(group));
    if (!keeping || !group) continue;
    keepOnce(kept, id, keeping);
    keepOnce(kept, group, keeping);
  }
}

function keepOnce(kept: Map<DiskId, Keeping>, id: DiskId, keeping: Keeping): void {
  if (!kept.has(id)) kept.set(id, keeping);
}

function renamingOf({ format, before, after, of, volume }: DiskId, { ids, tree }: DiskIds, seed: string): Renaming {
  if (format === 'group-name') {
    const group = tree.groups.find((one) => one.group.name === before)!;
    return { format, before, after: after!, volumeNames: group.group.volumes.map(({ name }) => name) };
  }
  const renamed = (old: string) => ({ before: old, after: newId(seed, format, old.toLowerCase()) });
  const inside = ids.filter((one) => of === 'volume-group' && one.volume.startsWith(`${volume}/`));
  return { format, ...renamed(before), joined: inside.map((one) => renamed(one.before)) };
}

/** In the case in which blkid and sfdisk write it. */
function changeOf({ reason, of, volume, format, before }: DiskId, after: string): IdentifierChange {
  const isUpper = format === 'serial' || of === 'disk';
  const written =
    format === 'lvm' || format === 'group-name' ? after : isUpper ? after.toUpperCase() : after.toLowerCase();
  return { reason, of, volume, before, after: written };
}

const noteOf = (reason: RenewalReason, { code, data = {} }: Keeping): SettingNote => ({
  reason,
  isPossible: false,
  code,
  data,
});

function notesOf(
  things: readonly RenewalReason[],
  free: readonly DiskId[],
  chosen: ReadonlySet<number>,
  kept: ReadonlyMap<DiskId, Keeping>,
): SettingNote[] {
  const notes: SettingNote[] = [];
  for (const reason of things) {
    const renewed = [...chosen].filter((i) => free[i].reason === reason);
    const staying = [...kept].filter(([id]) => id.reason === reason);
    if (renewed.length > 0)
      notes.push({ reason, isPossible: true, code: 'ids-renewed', data: { count: renewed.length } });
    if (renewed.length === 0 && staying.length === 0) {
      notes.push({ reason, isPossible: true, code: 'nothing-there', data: {} });
    }
    for (const [{ before, volume }, { code, data = {} }] of staying) {
      notes.push({ reason, isPossible: false, code, data: { ...data, id: before, volume: volume || '0' } });
    }
  }
  const isNamedByFirmware = [...chosen].some((i) => free[i].of === 'partition');
  if (isNamedByFirmware) notes.push({ reason: 'disk-ids', isPossible: true, code: 'firmware-entries', data: {} });
  return notes;
}
