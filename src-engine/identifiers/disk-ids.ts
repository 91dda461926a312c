/** All identifiers of a disk: of its table, of file systems, of LVM; and why one of them cannot become another, as far as the disk itself says. */
import type { GroupName, IdOwner, RenewalReason, SettingCode } from '../contract/deploy.contract.ts';
import type { MessageData } from '../contract/errors.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readClaimedTables } from '../inspection/disk-claims.ts';
import { readVolumeTree } from '../inspection/read-volume-tree.ts';
import type { TreeGroup, TreeVolume, VolumeTree } from '../inspection/volume-tree.ts';
import { isLvmUuid, readMemberUuids, type MemberUuids } from '../volumes/lvm2/uuids.ts';
import type { Tables } from '../volumes/read-layout.ts';
import type { IdFormat } from './new-ids.ts';

/** Why an identifier stays: a code of the plan's notes, and its data. */
export interface Keeping {
  readonly code: SettingCode & `id-kept-${string}`;
  readonly data?: MessageData;
}

export interface DiskId {
  readonly reason: RenewalReason;
  readonly of: IdOwner;
  /** the number of a partition, '0' where the whole disk is a volume, `GROUP/NAME`, a group's name; '' for the disk */
  readonly volume: string;
  readonly format: IdFormat | 'group-name';
  readonly before: string;
  /** what it becomes, where that was asked for; left out: anything */
  readonly after?: string;
  /** null: it can become another */
  readonly kept: Keeping | null;
}

export interface DiskIds {
  readonly ids: readonly DiskId[];
  readonly tables: Tables;
  readonly tree: VolumeTree;
  /** physical volumes of LVM2 whose groups are whole */
  readonly members: readonly LvmMember[];
}

export interface LvmMember {
  readonly volume: TreeVolume;
  readonly uuids: MemberUuids;
}

/** @throws EngineError `READ_FAILED` */
export async function readDiskIds(source: BlockSource): Promise<DiskIds> {
  const { tables } = await readClaimedTables(source);
  const tree = await readVolumeTree(source);
  const members: LvmMember[] = [];
  for (const group of tree.groups) {
    if (group.group.kind === 'lvm2' && group.group.isReadable) members.push(...(await membersOf(group)));
  }
  const ids = [...tableIds(tables), ...volumeIds(tree), ...lvmIds(tree, members)];
  return { ids: ids.map((id) => keptWhereAmbiguous(id, ids)), tables, tree, members };
}

async function membersOf({ members }: TreeGroup): Promise<LvmMember[]> {
  const found: LvmMember[] = [];
  for (const volume of members) {
    const uuids = await readMemberUuids(volume.source);
    if (uuids) found.push({ volume, uuids });
  }
  return found;
}

function tableIds({ layout, gpt }: Tables): DiskId[] {
  const head = { reason: 'disk-ids', kept: null } as const;
  if (!gpt) {
    const isSigned = layout.table === 'mbr' && !/^0*$/.test(layout.tableId);
    return isSigned ? [{ ...head, of: 'disk', volume: '', format: 'signature', before: layout.tableId }] : [];
  }
  return [
    { ...head, of: 'disk', volume: '', format: 'uuid', before: layout.tableId },
    ...layout.partitions.flatMap(({ number, partitionUuid }): DiskId[] =>
      number === null || !partitionUuid
        ? []
        : [{ ...head, of: 'partition', volume: String(number), format: 'uuid', before: partitionUuid }],
    ),
  ];
}

function volumeIds({ partitions, groups }: VolumeTree): DiskId[] {
  return [...partitions, ...groups.flatMap(({ volumes }) => volumes)].flatMap((volume): DiskId[] => {
    const { ref, content } = volume;
    const { fileSystem, recognised, recognisedUuid = '' } = content;
    const before = fileSystem?.uuid ?? recognisedUuid;
    const isMember = volume.membership !== null || recognised === 'lvm2';
    if (before === '' || isMember) return [];
    const kind = fileSystem?.kind ?? recognised ?? '';
    const format = /^fat/.test(kind) ? 'serial' : 'uuid';
    return [
      { reason: 'file-system-uuids', of: 'file-system', volume: ref, format, before, kept: keeping(volume, kind) },
    ];
  });
}

function keeping(volume: TreeVolume, kind: string): Keeping | null {
  if (kind === 'luks') return { code: 'id-kept-encrypted' };
  if (!volume.content.fileSystem) return { code: 'id-kept-no-way', data: { kind } };
  if (volume.isContested) return { code: 'id-kept-damaged' };
  for (let inside = volume.inside; inside; inside = inside.group.members[0]?.inside ?? null) {
    if (inside.group.group.missingMembers > 0) return { code: 'id-kept-half' };
  }
  return null;
}

function lvmIds({ groups }: VolumeTree, members: readonly LvmMember[]): DiskId[] {
  const told = new Map<string, DiskId>();
  const tell = (of: IdOwner, volume: string, before: string) => {
    if (isLvmUuid(before)) told.set(before, { reason: 'lvm-uuids', of, volume, format: 'lvm', before, kept: null });
  };
  for (const { volume, uuids } of members) {
    tell('physical-volume', volume.ref, uuids.physicalVolume);
    const { group } = uuids;
    if (!group) continue;
    tell('volume-group', group.name, group.uuid);
    for (const { name, uuid } of group.logicalVolumes.values()) tell('logical-volume', `${group.name}/${name}`, uuid);
  }
  const kept = groups
    .filter(({ group }) => group.kind === 'lvm2' && !group.isReadable)
    .map(({ group }): DiskId => ({
      ...{ reason: 'lvm-uuids', of: 'volume-group', volume: group.name, format: 'lvm', before: group.uuid },
      kept: { code: 'id-kept-half' },
    }));
  return [...told.values(), ...kept];
}

/** Groups that are to be called otherwise. @throws EngineError `VOLUME_NOT_FOUND` where the disk has none of that name */
export function groupNameIds({ groups }: VolumeTree, names: readonly GroupName[]): DiskId[] {
  const own = groups.filter(({ group }) => group.kind === 'lvm2').map(({ group }) => group);
  return names.map(({ group: before, name: after }) => {
    const group = own.find((one) => one.name === before);
    if (!group) throw new EngineError('VOLUME_NOT_FOUND', { volume: before, volumes: own.map((one) => one.name) });
    const isTaken = own.some((one) => one.name === after) || names.filter((one) => one.name === after).length > 1;
    const kept: Keeping | null = isTaken
      ? { code: 'id-kept-twice' }
      : group.isReadable
        ? null
        : { code: 'id-kept-half' };
    return { reason: 'group-name', of: 'volume-group-name', volume: before, format: 'group-name', before, after, kept };
  });
}

/** Of two things with one identifier, nobody can tell which a file means. */
function keptWhereAmbiguous(id: DiskId, all: readonly DiskId[]): DiskId {
  const isSame = (other: DiskId) => other.before.toLowerCase() === id.before.toLowerCase();
  return id.kept || all.filter(isSame).length === 1 ? id : { ...id, kept: { code: 'id-kept-twice' } };
}

/** Whether damage is to blame, and not us or the medium. */
export const isDamage = (error: unknown): boolean =>
  error instanceof EngineError && ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code);
