/**
 * Finds the volumes of a disk: partitions, what MD arrays mirror, the logical volumes of LVM2, in this order, each looked for in
 * what was found before. Told from tables and superblocks alone: quick, whatever the sizes.
 */
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { memorySource } from '../disk/memory-source.ts';
import { slice } from '../disk/slice.ts';
import { recogniseFileSystem } from '../filesystems/recognise.ts';
import type { BrokenMember, InnerVolume, VolumeGroup } from '../volumes/group.port.ts';
import { readVolumeGroups } from '../volumes/lvm2/groups.ts';
import { tableIn } from '../volumes/read-layout.ts';
import { mappedSource } from '../volumes/mapped-source.ts';
import { readArrays } from '../volumes/md/arrays.ts';
import { withoutLabel } from '../volumes/without-label.ts';
import { readClaimedTables } from './disk-claims.ts';
import { contentOf, damage, withNames, type VolumeContent } from './volume-content.ts';
import { UNREADABLE_SECTOR } from './unreadable.ts';
import type { TreeGroup, TreeVolume, VolumeTree } from './volume-tree.ts';

const NOTHING: VolumeContent = { fileSystem: null, recognised: null, refusal: null, warnings: [] };

/** @throws EngineError `READ_FAILED`; damage is told in warnings */
export async function readVolumeTree(disk: BlockSource): Promise<VolumeTree> {
  const { tables, signatures } = await readClaimedTables(disk);
  const { layout, contested } = tables;
  const partitions = layout.partitions.map((partition): TreeVolume => ({
    ref: String(partition.number ?? 0),
    name: partition.name,
    partition,
    inside: null,
    source: slice(disk, partition.startBytes, partition.lengthBytes),
    isContested: contested.some(({ startBytes }) => startBytes === partition.startBytes),
    content: NOTHING,
    membership: null,
  }));
  const builder = new TreeBuilder();

  // what is claimed twice is not looked into for members: nobody is to say of its bytes that they are free
  const certain = partitions.filter(({ isContested }) => !isContested);
  const arrays = await readArrays(certain.map(({ source }) => source));
  await builder.add('md-raid', arrays.groups, arrays.broken, certain);
  for (const { volume, member } of arrays.members) {
    const { level, role, deviceCount } = member;
    const data = { level, role: typeof role === 'number' ? role + 1 : role, devices: deviceCount };
    builder.tell(certain[volume], 'md-raid', 'member of an array', [{ code: 'RAID_MEMBER', data }]);
  }

  const single = [...certain, ...builder.innerVolumes].filter((volume) => builder.isFree(volume));
  const found = await readVolumeGroups(single.map(({ source }) => source));
  await builder.add('lvm2', found.groups, found.broken, single);

  for (const volume of [...partitions, ...builder.innerVolumes]) {
    // the disk itself was looked at before
    const known = volume.partition && volume.partition.number === null ? signatures : null;
    volume.content = builder.isFree(volume)
      ? await contentOf(volume.source, known)
      : await withNames(volume.source, volume.content, known);
    // a disk's own table was judged before
    if (volume.content.fileSystem && layout.table !== 'none') await contestByTable(volume);
    if (volume.isContested) volume.content = takenWhole(volume.content);
  }
  return { layout, signatures, partitions, groups: builder.groups };
}

/** What divides a volume may use what the file system says is free. */
async function contestByTable(volume: TreeVolume): Promise<void> {
  const { source, content } = volume;
  const table = await tableIn(source);
  if (table === null || volume.isContested) return;
  volume.isContested = true;
  const data = { names: [content.fileSystem!.kind, table] };
  volume.content = { ...content, warnings: [...content.warnings, { code: 'VOLUME_CLAIMED_TWICE', data }] };
}

/** Nothing of it is left out. */
function takenWhole(content: VolumeContent): VolumeContent {
  return { ...content, warnings: content.warnings.filter(({ code }) => code !== 'SWAP_CONTENT_DROPPED') };
}

class TreeBuilder {
  readonly groups: TreeGroup[] = [];
  readonly #told = new Set<TreeVolume>();
  readonly #refs = new Set<string>();

  get innerVolumes(): TreeVolume[] {
    return this.groups.flatMap(({ volumes }) => volumes);
  }

  /** Whether nothing is known of a volume yet. */
  isFree(volume: TreeVolume): boolean {
    return !this.#told.has(volume);
  }

  /** Says what a volume is that cannot be read. What was told first holds. */
  tell(volume: TreeVolume, recognised: string | null, feature: string, warnings: readonly Warning[]): void {
    if (!this.isFree(volume)) return;
    this.#told.add(volume);
    const refusal = new EngineError('FORMAT_UNSUPPORTED', { feature });
    volume.content = { fileSystem: null, recognised, refusal, warnings };
  }

  /** @param volumes that the groups were looked for in */
  async add(
    kind: VolumeGroup['kind'],
    groups: readonly VolumeGroup[],
    broken: readonly BrokenMember[],
    volumes: readonly TreeVolume[],
  ): Promise<void> {
    for (const { volume, reason } of broken) {
      // what cannot be read says nothing of groups: whatever else the volume is
      if (reason !== UNREADABLE_SECTOR) this.#break(kind, volumes[volume], reason);
    }
    for (const group of groups) {
      const members = group.members.map(({ volume }) => volumes[volume]);
      const isDouble = await hasOtherFace(group, members);
      if (isDouble) for (const member of members) this.#break(kind, member, 'something else is there too');
      else this.#addGroup(group, members);
    }
  }

  #break(kind: VolumeGroup['kind'], volume: TreeVolume, reason: string): void {
    this.tell(volume, kind, reason, [{ code: 'GROUP_UNREADABLE', data: { reason } }]);
  }

  #addGroup(group: VolumeGroup, members: readonly TreeVolume[]): void {
    const volumes: TreeVolume[] = [];
    const added: TreeGroup = { group, members, volumes };
    const ref = this.#refOf(group);
    for (const inner of group.volumes) volumes.push(this.#innerVolume(added, inner, `${ref}/${inner.name}`));
    for (const [member, volume] of members.entries()) {
      if (group.isReadable) {
        this.#told.add(volume);
        volume.membership = { group: added, member };
        volume.content = { ...NOTHING, recognised: group.kind };
      } else if (group.kind === 'lvm2') {
        const data = { group: group.name, missing: group.missingMembers };
        this.tell(
          volume,
          group.kind,
          'group with missing members',
          member > 0 ? [] : [{ code: 'GROUP_INCOMPLETE', data }],
        );
      }
    }
    this.groups.push(added);
  }

  #innerVolume(group: TreeGroup, inner: InnerVolume, ref: string): TreeVolume {
    const [runs] = inner.copies;
    const sources = group.members.map(({ source }) => source);
    const source = runs ? mappedSource(sources, runs, inner.lengthBytes) : memorySource(new Uint8Array());
    const { name, mapping } = inner;
    const volume = {
      ref,
      name,
      partition: null,
      inside: { group, inner },
      source,
      isContested: false,
      content: NOTHING,
      membership: null,
    };
    if (!runs) {
      const isAlone = group.group.isReadable;
      this.tell(volume, null, mapping, isAlone ? [{ code: 'LOGICAL_VOLUME_WHOLE', data: { name, mapping } }] : []);
    }
    return volume;
  }

  /** The group's name, or else its UUID, which another group cannot have. */
  #refOf({ name, uuid }: VolumeGroup): string {
    const plain = name.replaceAll(/[/\p{Cc}]/gu, '_');
    const ref = this.#refs.has(plain) ? uuid : plain;
    this.#refs.add(ref);
    return ref;
  }
}

/**
 * Whether one of the members begins like a file system or a divided disk too, as after a partition was used anew: nobody can
 * tell then what is meant.
 */
async function hasOtherFace({ members }: VolumeGroup, volumes: readonly TreeVolume[]): Promise<boolean> {
  for (const [i, { label }] of members.entries()) {
    if (!label) continue;
    try {
      const plain = withoutLabel(volumes[i].source, [label]);
      if ((await recogniseFileSystem(plain)) || (await tableIn(plain))) return true;
    } catch (error) {
      damage(error);
      return true;
    }
  }
  return false;
}
