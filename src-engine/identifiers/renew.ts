/** Gives a disk that is in the making the identifiers that were planned for it, where they stand: in superblocks, in labels, in tables. */
import type { IdentifierChange } from '../contract/deploy.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import { uuidWay } from '../filesystems/new-uuid.ts';
import { placesOf, type TreeVolume, type VolumeTree } from '../inspection/volume-tree.ts';
import { renamedGpt } from '../volumes/gpt-copy.ts';
import type { Patch } from '../volumes/layout.port.ts';
import { memberOfGroupCalled } from '../volumes/lvm2/rename-group.ts';
import { renamedMember } from '../volumes/lvm2/uuids.ts';
import { renamedMbr } from '../volumes/mbr-sector.ts';
import type { Tables } from '../volumes/read-layout.ts';
import { readDiskIds } from './disk-ids.ts';

export interface RenewedDisk {
  /** as it is by now, whoever asks */
  readonly source: BlockSource;
  write(patches: readonly Patch[]): Promise<void>;
  /** Has its own program give a file system another UUID. */
  byProgram(volume: string, fileSystem: FileSystem, uuid: string): Promise<void>;
}

/** Nothing that a group of stripes or extents is made of is smaller, or lies across this. */
const UNIT_BYTES = 512;

/** @throws EngineError `GUEST_DIFFERS` where an identifier is not what it was to become; what its parameters throw */
export async function renew(disk: RenewedDisk, renewed: readonly IdentifierChange[]): Promise<void> {
  const own = renewed.filter(({ of }) => of !== 'volume-group-name');
  if (own.length === 0) return;
  const { tree, tables, members } = await readDiskIds(disk.source);
  for (const { of, volume, after } of own) {
    if (of === 'file-system') await renewFileSystem(disk, volumeOf(tree, volume), after);
  }
  const ofLvm = new Map(own.filter(({ reason }) => reason === 'lvm-uuids').map((one) => [one.before, one.after]));
  if (ofLvm.size > 0) {
    for (const { volume } of members) {
      for (const patch of await renamedMember(volume.source, ofLvm)) await disk.write(onDisk(volume, patch));
    }
  }
  await disk.write(tablePatches(tables, own));
  await expectRenewed(disk.source, own);
}

/**
 * Gives groups of LVM2 the names that files call them by. Whoever comes later knows their volumes by these.
 * @throws EngineError `GUEST_DIFFERS` where a group is not there; what its parameters throw
 */
export async function renameGroups(
  disk: Pick<RenewedDisk, 'source' | 'write'>,
  renewed: readonly IdentifierChange[],
): Promise<void> {
  const names = new Map(
    renewed.filter(({ of }) => of === 'volume-group-name').map(({ before, after }) => [before, after]),
  );
  if (names.size === 0) return;
  const { members } = await readDiskIds(disk.source);
  for (const { volume, uuids } of members) {
    const name = names.get(uuids.group?.name ?? '');
    if (name === undefined) continue;
    for (const patch of await memberOfGroupCalled(volume.source, name)) await disk.write(onDisk(volume, patch));
  }
  const { tree } = await readDiskIds(disk.source);
  for (const name of names.values()) {
    if (!tree.groups.some(({ group }) => group.name === name && group.isReadable)) throw differs(name);
  }
}

function volumeOf({ partitions, groups }: VolumeTree, ref: string): TreeVolume {
  const found = [...partitions, ...groups.flatMap(({ volumes }) => volumes)].find((one) => one.ref === ref);
  if (!found?.content.fileSystem) throw differs(ref);
  return found;
}

async function renewFileSystem(disk: RenewedDisk, volume: TreeVolume, uuid: string): Promise<void> {
  const fileSystem = volume.content.fileSystem!;
  const way = await uuidWay(volume.source, fileSystem.kind, uuid);
  if (way.by === 'nothing') throw differs(volume.ref);
  if (way.by === 'program') return disk.byProgram(volume.ref, fileSystem, uuid);
  for (const patch of way.patches) await disk.write(onDisk(volume, patch));
}

/** In units that lie in one piece each, in every copy that there is of them. */
function onDisk(volume: TreeVolume, { offsetBytes, bytes }: Patch): Patch[] {
  if (volume.partition) return [{ offsetBytes: volume.partition.startBytes + offsetBytes, bytes }];
  const patches: Patch[] = [];
  for (let from = 0; from < bytes.length;) {
    const at = offsetBytes + from;
    const part = bytes.subarray(from, from + UNIT_BYTES - (at % UNIT_BYTES));
    for (const { holder, startBytes } of placesOf(volume, { startBytes: at, lengthBytes: part.length })) {
      patches.push(...onDisk(holder, { offsetBytes: startBytes, bytes: part }));
    }
    from += part.length;
  }
  return patches;
}

function tablePatches({ gpt }: Tables, renewed: readonly IdentifierChange[]): Patch[] {
  const disk = renewed.find(({ of }) => of === 'disk');
  const partitions = renewed.filter(({ of }) => of === 'partition');
  if (!disk && partitions.length === 0) return [];
  if (!gpt) return disk ? [renamedMbr(disk.after)] : [];
  const guids = new Map(partitions.map(({ volume, after }) => [Number(volume), after]));
  const copies = [gpt.primary, gpt.backup].filter((copy) => copy !== null);
  return copies.flatMap((copy) => renamedGpt(copy, gpt.sectorBytes, disk?.after ?? null, guids));
}

async function expectRenewed(source: BlockSource, renewed: readonly IdentifierChange[]): Promise<void> {
  const { ids } = await readDiskIds(source);
  for (const { of, volume, after } of renewed) {
    const isThere = ids.some(
      (id) => id.of === of && id.volume === volume && id.before.toLowerCase() === after.toLowerCase(),
    );
    if (!isThere) throw differs(volume);
  }
}

const differs = (volume: string) => new EngineError('GUEST_DIFFERS', { path: volume || '0', reason: 'identifier' });
