/** From a source to what it is: its layout, its volumes, and which bytes of each a capture takes. Reads only. */
import type { DiskView, FileSystemView, InnerVolumeView, VolumeView } from '../contract/disk.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import type { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import type { Signature } from '../filesystems/signatures.ts';
import type { DiskLayout, Partition } from '../volumes/layout.port.ts';
import { freeSpaceOf, outsidePiecesOf, type FreeSpace, type OutsidePiece } from './account/outside-pieces.ts';
import { readVolumeTree } from './read-volume-tree.ts';
import { onDisk, partitionsOf, type TreeGroup, type TreeVolume, type VolumeTree } from './volume-tree.ts';
import { contentByType } from './typed-volumes.ts';
import { VolumeUsage } from './volume-usage.ts';

/** A partition, or the whole disk, and how a capture takes it. */
export interface Volume {
  readonly partition: Partition;
  /** null for a member of a group too: what it holds is among the disk's {@link InspectedDisk.opened} */
  readonly fileSystem: FileSystem | null;
  readonly captureAs: VolumeView['captureAs'];
  readonly usedBytes: number;
  /** the block size of what it holds: the smallest of several, Infinity where nothing has any */
  readonly unitBytes: number;
  /** The bytes that a capture reads, ascending and disjoint, in batches of bounded size. */
  used(signal: AbortSignal): AsyncIterable<readonly Extent[]>;
}

/** A volume as it is found, before anybody asked how much of it is used: a partition, a bare disk, one inside others. */
export interface OpenedVolume {
  /** how `files` names it: the number of its partition, '0' where the whole disk is the volume, or `GROUP/NAME` */
  readonly ref: string;
  /** the file system's label, or else the partition's name or the inner volume's; may be '' */
  readonly label: string;
  /** of length 0 where {@link refusal} is `FORMAT_UNSUPPORTED` for the way that a volume lies in others */
  readonly source: BlockSource;
  readonly fileSystem: FileSystem | null;
  /** what it holds where that is no file system known here: 'luks', 'lvm2'…, or null */
  readonly recognised: string | null;
  /** why it cannot be read: `FORMAT_INVALID` or `FORMAT_UNSUPPORTED` */
  readonly refusal: EngineError | null;
  /** Where bytes of the volume lie on the disk: in several places where they are scattered or mirrored. */
  toDisk(extent: Extent): Extent[];
}

export interface InspectedDisk {
  readonly source: BlockSource;
  readonly layout: DiskLayout;
  /** what the disk as a whole bears marks of; null where their places cannot be read */
  readonly signatures: readonly Signature[] | null;
  readonly volumes: readonly Volume[];
  /** all volumes, those inside others too */
  readonly opened: readonly OpenedVolume[];
  /** what no table and no file system speaks of, in order of region and start */
  readonly outside: readonly OutsidePiece[];
  readonly free: readonly FreeSpace[];
  /** without an account: {@link accountFor} makes one */
  readonly view: DiskView;
}

/**
 * What is on a disk, told from its tables and superblocks alone: quick, whatever the sizes. In the order of the disk; what
 * lies inside others comes after them.
 * @throws EngineError `READ_FAILED`
 */
export async function openVolumes(source: BlockSource): Promise<OpenedVolume[]> {
  return opened(await readVolumeTree(source));
}

/** @throws EngineError `READ_FAILED`; damage is not thrown but told in warnings, and captured whole */
export async function inspectDisk(source: BlockSource, signal: AbortSignal): Promise<InspectedDisk> {
  const tree = await readVolumeTree(source);
  const usage = await VolumeUsage.of(tree, signal);
  const volumes = tree.partitions.map((volume): Volume => ({
    partition: volume.partition!,
    fileSystem: usage.contentOf(volume).fileSystem,
    captureAs: usage.captureAs(volume),
    usedBytes: usage.usedBytes(volume),
    unitBytes: usage.unitBytes(volume),
    used: (aborted) => usage.used(volume, aborted),
  }));
  const outside = outsidePiecesOf(tree, usage, source.lengthBytes);
  return {
    source,
    layout: tree.layout,
    signatures: tree.signatures,
    volumes,
    opened: opened(tree),
    outside,
    free: freeSpaceOf(tree, usage, outside),
    view: diskView(source, tree, usage),
  };
}

/** What a person should know of a disk and of all that is on it. */
export function warningsOf(disk: DiskView): Warning[] {
  const inner = disk.groups.flatMap((group) => group.volumes);
  return [...disk.warnings, ...[...disk.volumes, ...inner].flatMap(({ warnings }) => warnings)];
}

function opened({ partitions, groups }: VolumeTree): OpenedVolume[] {
  return [...partitions, ...groups.flatMap(({ volumes }) => volumes)].map((volume) => {
    const { ref, name, source, content } = volume;
    const { fileSystem, recognised, refusal } = content;
    const label = fileSystem?.label || name;
    return { ref, label, source, fileSystem, recognised, refusal, toDisk: (extent) => onDisk(volume, extent) };
  });
}

function diskView(source: BlockSource, tree: VolumeTree, usage: VolumeUsage): DiskView {
  const { layout, partitions, groups } = tree;
  const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0);
  return {
    lengthBytes: source.lengthBytes,
    sectorBytes: source.sectorBytes,
    physicalSectorBytes: source.physicalSectorBytes,
    table: layout.table,
    tableId: layout.tableId,
    usedBytes:
      sum(partitions.map((volume) => usage.usedBytes(volume))) +
      sum(layout.metadata.map((extent) => extent.lengthBytes)),
    warnings: [...layout.warnings],
    account: null,
    groups: groups.map(({ group, members, volumes }: TreeGroup) => ({
      kind: group.kind,
      name: group.name,
      uuid: group.uuid,
      members: [...new Set(members.flatMap(partitionsOf))].map((volume) => partitions.indexOf(volume)),
      missingMembers: group.missingMembers,
      volumes: volumes.map((volume): InnerVolumeView => ({
        ...contentView(volume, usage),
        ref: volume.ref,
        lengthBytes: volume.inside!.inner.lengthBytes,
        mapping: volume.inside!.inner.mapping,
      })),
    })),
    volumes: partitions.map((volume, index) => ({
      index,
      ref: volume.ref,
      ...volume.partition!,
      partitionUuid: volume.partition!.partitionUuid ?? '',
      ...contentView(volume, usage),
    })),
  };
}

/** What is said of contents that nothing is known of. */
const WITHOUT_A_NAME: readonly string[] = ['FILESYSTEM_UNKNOWN', 'VOLUME_LOOKS_RANDOM'];

function contentView(volume: TreeVolume, usage: VolumeUsage) {
  const { fileSystem, recognisedLabel = '', recognisedUuid = '', ...content } = usage.contentOf(volume);
  const byType = fileSystem ? null : contentByType(volume.partition?.typeId ?? '');
  const recognised = content.recognised ?? byType;
  const warnings = content.warnings.filter(({ code }) => byType === null || !WITHOUT_A_NAME.includes(code));
  const usedBytes = usage.usedBytes(volume);
  const name = volume.partition ? (volume.partition.number ?? 1) : volume.ref;
  return {
    fileSystem: fileSystem && fileSystemView(fileSystem, usedBytes),
    recognised,
    recognisedLabel,
    recognisedUuid,
    captureAs: usage.captureAs(volume),
    usedBytes,
    warnings: warnings.map(({ code, data }): Warning => ({ code, data: { volume: name, ...data } })),
  };
}

function fileSystemView(fileSystem: FileSystem, usedBytes: number): FileSystemView {
  const { kind, label, uuid, blockBytes, lengthBytes } = fileSystem;
  return { kind, label, uuid, blockBytes, lengthBytes, usedBytes };
}
