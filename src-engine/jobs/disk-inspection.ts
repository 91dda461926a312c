/** From a source to what it is: its layout, its volumes, and which bytes of each a capture takes. Reads only. */
import type { DiskView, VolumeView } from '../contract/disk.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { slice } from '../disk/slice.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import { recogniseFileSystem } from '../filesystems/recognise.ts';
import { recogniseSignature } from '../filesystems/signatures.ts';
import type { DiskLayout, Partition } from '../volumes/layout.port.ts';
import { readLayout } from '../volumes/read-layout.ts';

/** A partition, or the whole disk, and how a capture takes it. */
export interface Volume {
  readonly partition: Partition;
  readonly fileSystem: FileSystem | null;
  readonly recognised: string | null;
  readonly captureAs: VolumeView['captureAs'];
  readonly usedBytes: number;
  readonly warnings: readonly Warning[];
}

/** A volume as it is found, before anybody asked how much of it is used: a partition, a bare disk, one inside others. */
export interface OpenedVolume {
  /** how `files` names it: the number of its partition, '0' where the whole disk is the volume, or `GROUP/NAME` */
  readonly ref: string;
  /** the file system's label, or else the partition's name; may be '' */
  readonly label: string;
  readonly source: BlockSource;
  readonly fileSystem: FileSystem | null;
  /** what it holds where that is no file system known here: 'luks', 'lvm2'…, or null */
  readonly recognised: string | null;
  /** why its file system cannot be read: `FORMAT_INVALID` or `FORMAT_UNSUPPORTED` */
  readonly refusal: EngineError | null;
  /** Where bytes of the volume lie on the disk: in several places where they are scattered or mirrored. */
  toDisk(extent: Extent): Extent[];
}

export interface InspectedDisk {
  readonly source: BlockSource;
  readonly layout: DiskLayout;
  readonly volumes: readonly Volume[];
  readonly view: DiskView;
}

/** @throws EngineError `READ_FAILED`; damage is not thrown but told in warnings, and captured whole */
export async function inspectDisk(source: BlockSource, signal: AbortSignal): Promise<InspectedDisk> {
  const layout = await readLayout(source);
  const volumes: Volume[] = [];
  for (const partition of layout.partitions) volumes.push(await inspectVolume(source, partition, signal));
  return { source, layout, volumes, view: toView(source, layout, volumes) };
}

/**
 * What is on a disk, told from its tables and superblocks alone: quick, whatever the sizes. In the order of the disk; what
 * lies inside others comes after them.
 * @throws EngineError `READ_FAILED`
 */
export async function openVolumes(source: BlockSource): Promise<OpenedVolume[]> {
  const { partitions } = await readLayout(source);
  const opened: OpenedVolume[] = [];
  for (const partition of partitions) opened.push(await openVolume(source, partition));
  return opened;
}

async function openVolume(disk: BlockSource, partition: Partition): Promise<OpenedVolume> {
  const source = slice(disk, partition.startBytes, partition.lengthBytes);
  let fileSystem: FileSystem | null = null;
  let refusal: EngineError | null = null;
  try {
    fileSystem = await recogniseFileSystem(source);
  } catch (error) {
    if (!(error instanceof EngineError) || !['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code)) throw error;
    refusal = error;
  }
  return {
    ref: String(partition.number ?? 0),
    label: fileSystem?.label || partition.name,
    source,
    fileSystem,
    recognised: fileSystem ? null : await recogniseSignature(source),
    refusal,
    toDisk: ({ startBytes, lengthBytes }) => [{ startBytes: partition.startBytes + startBytes, lengthBytes }],
  };
}

async function inspectVolume(source: BlockSource, partition: Partition, signal: AbortSignal): Promise<Volume> {
  const volume = slice(source, partition.startBytes, partition.lengthBytes);
  const whole = { partition, fileSystem: null, captureAs: 'whole', usedBytes: partition.lengthBytes } as const;
  let fileSystem: FileSystem | null;
  try {
    fileSystem = await recogniseFileSystem(volume);
    if (fileSystem) {
      let usedBytes = 0;
      for await (const batch of fileSystem.used(signal)) for (const extent of batch) usedBytes += extent.lengthBytes;
      const { captureAs } = fileSystem;
      const warnings = fileSystem.warnings.map(({ code, data }) => ({
        code,
        data: { volume: partition.number ?? 1, ...data },
      }));
      return { partition, fileSystem, recognised: null, captureAs, usedBytes, warnings };
    }
  } catch (error) {
    if (!(error instanceof EngineError) || !['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code)) throw error;
    const { checksum, feature, field } = error.data;
    const warning: Warning = {
      code: checksum === undefined ? 'FILESYSTEM_UNREADABLE' : 'CHECKSUM_MISMATCH',
      data: { volume: partition.number ?? 1, reason: String(checksum ?? feature ?? field ?? error.code) },
    };
    return { ...whole, recognised: await recogniseSignature(volume), warnings: [warning] };
  }
  const recognised = await recogniseSignature(volume);
  const warning: Warning = {
    code: 'FILESYSTEM_UNKNOWN',
    data: { volume: partition.number ?? 1, name: recognised ?? '', lengthBytes: partition.lengthBytes },
  };
  return { ...whole, recognised, warnings: [warning] };
}

function toView(source: BlockSource, layout: DiskLayout, volumes: readonly Volume[]): DiskView {
  const sum = (numbers: number[]) => numbers.reduce((total, n) => total + n, 0);
  return {
    lengthBytes: source.lengthBytes,
    sectorBytes: source.sectorBytes,
    physicalSectorBytes: source.physicalSectorBytes,
    table: layout.table,
    tableId: layout.tableId,
    usedBytes:
      sum(volumes.map((volume) => volume.usedBytes)) + sum(layout.metadata.map((extent) => extent.lengthBytes)),
    warnings: [...layout.warnings],
    groups: [],
    volumes: volumes.map((volume, index) => ({
      index,
      ...volume.partition,
      fileSystem: volume.fileSystem && {
        kind: volume.fileSystem.kind,
        label: volume.fileSystem.label,
        uuid: volume.fileSystem.uuid,
        blockBytes: volume.fileSystem.blockBytes,
        lengthBytes: volume.fileSystem.lengthBytes,
        usedBytes: volume.usedBytes,
      },
      recognised: volume.recognised,
      captureAs: volume.captureAs,
      usedBytes: volume.usedBytes,
      warnings: [...volume.warnings],
    })),
  };
}

/** The bytes of a volume that a capture reads, ascending, in batches. */
export async function* usedExtents(volume: Volume, signal: AbortSignal): AsyncGenerator<readonly Extent[]> {
  if (volume.fileSystem) yield* volume.fileSystem.used(signal);
  else yield [{ startBytes: 0, lengthBytes: volume.partition.lengthBytes }];
}
