/** From a disk to its partitions and to the bytes around them that belong to the layout. */
import type { Warning } from '../contract/warnings.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { isoExtent } from './outside-tables/iso9660.ts';
import { findOverlap, joinExtents, within, withoutExtents } from './extents.ts';
import { backupBytes, firstUsableEndBytes, primaryEndBytes, readGpt, type Gpt } from './gpt.ts';
import { entrySectors, gptCopyExtents, gptEntries, readGptCopy } from './gpt-copy.ts';
import type { DiskLayout, Partition } from './layout.port.ts';
import { isMbr, isSectorSizeUnclear, readMbrPartitions } from './mbr-layout.ts';
import {
  mbrPartitionUuid,
  isUsed,
  MBR_BYTES,
  MBR_TYPE_DYNAMIC,
  MBR_TYPE_PROTECTIVE,
  mbrEntries,
  mbrSignature,
  type MbrEntry,
} from './mbr-sector.ts';
import { innerTable, otherTable } from './other-tables.ts';
import { readableBytes } from './readable.ts';

/**
 * How much of the gap before the first partition a capture takes. Boot loaders live there: GRUB in the first MiB, boards'
 * firmware in the first 32 MiB. A wider gap is the place of a deleted partition, whose content is nobody's.
 */
const MAX_GAP_BYTES = 64 * 1024 * 1024;

/** Why a table that is there is not used; what a person can make of it stands in the room `words`. */
type UnreadableReason = 'GPT_DAMAGED' | 'PARTITIONS_INVALID' | 'SECTOR_UNREADABLE' | 'SECTOR_SIZE_UNCLEAR';

/** A layout, and for a GPT what it takes to move it. */
export interface Tables {
  readonly layout: DiskLayout;
  /** null unless `layout.table` is 'gpt' */
  readonly gpt: Gpt | null;
  /** those of the layout's partitions that share bytes with an optical image that begins with the disk */
  readonly contested: readonly Partition[];
  /** whether partitions were given places that are not those of the disk's own table */
  readonly isPlaced?: boolean;
}

/**
 * Finds the partition table of a disk: a GPT (UEFI specification 2.10, chapter 5), where a protective or hybrid MBR
 * announces it; else an MBR; else none, and the whole disk is one volume. A table that contradicts itself or the disk counts
 * as none, with a warning, so that a capture takes every byte and nothing is lost.
 * @throws EngineError `READ_FAILED`
 */
export async function readLayout(source: BlockSource): Promise<DiskLayout> {
  return (await readTables(source)).layout;
}

/** Like {@link readLayout}, with the tables themselves. */
export async function readTables(source: BlockSource): Promise<Tables> {
  if (source.lengthBytes < MBR_BYTES) return bareTables(source);
  const sector = await readableBytes(source, 0, MBR_BYTES);
  if (!sector) return unreadable(source, 'SECTOR_UNREADABLE');
  const entries = mbrEntries(sector);
  const image = await isoExtent(source);
  const gpt = entries && (await readGpt(source, entries));
  if (gpt) return gptTables(source, gpt, image);
  const tables =
    entries && isMbr(source, sector, entries)
      ? await mbrTables(source, sector, entries, image)
      : await otherTables(source);
  return entries?.some(({ type }) => type === MBR_TYPE_PROTECTIVE) ? tables : tellingOfGpt(source, tables);
}

/** A GPT that no protective entry announces does not count, as for the Linux kernel and libblkid; but somebody may miss it. */
async function tellingOfGpt(source: BlockSource, tables: Tables): Promise<Tables> {
  if (!(await readGptCopy(source, source.sectorBytes, 1))) return tables;
  const warnings: Warning[] = [...tables.layout.warnings, { code: 'GPT_NOT_ANNOUNCED', data: {} }];
  // nothing that a table speaks of is left out for a table that does not
  if (tables.layout.table === 'none') return onlyVolume(source, warnings);
  return { ...tables, layout: { ...tables.layout, warnings } };
}

async function gptTables(source: BlockSource, gpt: Gpt, image: Extent | null): Promise<Tables> {
  const { sectorBytes, good, backup, warnings } = gpt;
  const sectors = BigInt(Math.floor(source.lengthBytes / sectorBytes));
  const partitions: Partition[] = [];
  for (const entry of gptEntries(good)) {
    if (entry.lastLba < entry.firstLba || entry.lastLba >= sectors) {
      const data = { number: entry.number, endBytes: toBytes(entry.lastLba, sectorBytes), ...diskData(source) };
      return unreadable(source, 'PARTITIONS_INVALID', [...warnings, { code: 'PARTITION_OUT_OF_RANGE', data }]);
    }
    partitions.push({
      number: entry.number,
      startBytes: Number(entry.firstLba) * sectorBytes,
      lengthBytes: Number(entry.lastLba - entry.firstLba + 1n) * sectorBytes,
      typeId: entry.typeGuid,
      name: entry.name,
      ...(/[1-9A-F]/.test(entry.uniqueGuid) && { partitionUuid: entry.uniqueGuid.toLowerCase() }),
      isLogical: false,
      isBootable: entry.isBootable,
    });
  }
  const front: Extent[] = [
    { startBytes: 0, lengthBytes: 2 * sectorBytes },
    {
      startBytes: gpt.primaryEntriesLba * sectorBytes,
      lengthBytes: entrySectors(good, sectorBytes) * sectorBytes,
    },
  ];
  const tables = [...front, ...(backup ? gptCopyExtents(backup, sectorBytes) : [])];
  const found = besideImage(partitions, tables, image);
  const overlap = overlapWarning(found.volumes, tables);
  if (overlap) return unreadable(source, 'PARTITIONS_INVALID', [...warnings, overlap]);

  const ends = partitions.map((p) => p.startBytes + p.lengthBytes);
  const gapEndBytes = partitions.length > 0 ? firstStart(partitions) : primaryEndBytes(gpt);
  const remains = gpt.remains ? [gpt.remains] : [];
  const layout: DiskLayout = {
    table: 'gpt',
    tableId: good.diskGuid,
    sectorBytes,
    partitions: inOrder(found.volumes),
    metadata: withoutExtents(joinExtents([gap(gapEndBytes), ...tables, ...remains, ...found.inImage]), found.volumes),
    minimumBytes:
      Math.max(...ends, primaryEndBytes(gpt), firstUsableEndBytes(gpt, source.lengthBytes)) + backupBytes(gpt),
    warnings: [...warnings, ...found.warnings],
  };
  return withInnerTables(source, { layout, gpt, contested: found.contested });
}

async function mbrTables(
  source: BlockSource,
  sector: Buffer,
  entries: readonly MbrEntry[],
  image: Extent | null,
): Promise<Tables> {
  const types = entries.filter(isUsed).map((entry) => entry.type);
  if (types.includes(MBR_TYPE_PROTECTIVE)) return unreadable(source, 'GPT_DAMAGED');
  if (types.includes(MBR_TYPE_DYNAMIC)) {
    return onlyVolume(source, [{ code: 'TABLE_OF_OTHERS', data: { name: 'ldm' } }]);
  }
  if (await isSectorSizeUnclear(source, entries)) return unreadable(source, 'SECTOR_SIZE_UNCLEAR');

  const found = await readMbrPartitions(source, entries);
  const warnings = [...found.warnings];
  const partitions: Partition[] = [];
  for (const partition of found.partitions) {
    const endBytes = partition.startBytes + partition.lengthBytes;
    if (endBytes > source.lengthBytes) {
      const data = { number: partition.number, endBytes, ...diskData(source) };
      warnings.push({ code: 'PARTITION_OUT_OF_RANGE', data });
      if (partition.startBytes >= source.lengthBytes) return unreadable(source, 'PARTITIONS_INVALID', warnings);
    }
    // A partition that is cut off, as in an image of a larger disk, ends with the disk: no table is moved for an MBR, so
    // that a deploy makes exactly what was captured.
    partitions.push({
      ...partition,
      lengthBytes: Math.min(endBytes, source.lengthBytes) - partition.startBytes,
      partitionUuid: mbrPartitionUuid(sector, partition.number),
    });
  }
  const tables = [{ startBytes: 0, lengthBytes: source.sectorBytes }, ...found.records];
  const beside = besideImage(partitions, tables, image);
  const overlap = overlapWarning(beside.volumes, tables);
  if (overlap) return unreadable(source, 'PARTITIONS_INVALID', [...warnings, overlap]);

  const ends = [...partitions, ...found.entries].map((e) => e.startBytes + e.lengthBytes);
  const gapEndBytes = firstStart([...partitions, ...found.entries]);
  const layout: DiskLayout = {
    table: 'mbr',
    tableId: mbrSignature(sector),
    sectorBytes: source.sectorBytes,
    partitions: inOrder(beside.volumes),
    metadata: withoutExtents(joinExtents([gap(gapEndBytes), ...tables, ...beside.inImage]), beside.volumes),
    minimumBytes: Math.min(Math.max(...ends), source.lengthBytes),
    warnings: [...warnings, ...beside.warnings],
  };
  return withInnerTables(source, { layout, gpt: null, contested: beside.contested });
}

/** Partitions that a table of another kind divides again: a file system that begins one of them is not all that is in it. */
async function withInnerTables(source: BlockSource, tables: Tables): Promise<Tables> {
  const { layout, gpt } = tables;
  const contested = [...tables.contested];
  const warnings = [...layout.warnings];
  for (const partition of layout.partitions) {
    const name = await innerTable(source, partition);
    if (name === null) continue;
    contested.push(partition);
    warnings.push({ code: 'TABLE_INSIDE', data: { number: partition.number, name } });
  }
  return { layout: { ...layout, warnings }, gpt, contested };
}

/** A table of a kind that is known by name alone, or none. */
async function otherTables(source: BlockSource): Promise<Tables> {
  const name = await otherTable(source);
  return name === null ? bareTables(source) : onlyVolume(source, [{ code: 'TABLE_OF_OTHERS', data: { name } }]);
}

/** Partitions of a disk that begins with an optical image. */
interface BesideImage {
  readonly volumes: Partition[];
  /** those of the volumes that share bytes with the image */
  readonly contested: readonly Partition[];
  /** no volumes, since they share bytes with others, or with the table, as where one is the image itself: taken as they are */
  readonly inImage: readonly Partition[];
  readonly warnings: readonly Warning[];
}

/** A table in an optical image is made for firmware: its partitions are the image, or lie in it and in each other. */
function besideImage(partitions: readonly Partition[], tables: readonly Extent[], image: Extent | null): BesideImage {
  const claimed = image ? partitions.filter((partition) => within(image, [partition]).length > 0) : [];
  const volumes = partitions.filter((partition) => !claimed.includes(partition));
  const contested: Partition[] = [];
  const inImage: Partition[] = [];
  for (const partition of claimed) {
    const isApart = [...volumes, ...tables].every((extent) => within(extent, [partition]).length === 0);
    (isApart ? contested : inImage).push(partition);
    if (isApart) volumes.push(partition);
  }
  const numbers = claimed.map(({ number }) => String(number));
  const data = { name: 'iso9660', numbers, lengthBytes: image?.lengthBytes ?? 0 };
  const warnings: Warning[] = claimed.length > 0 ? [{ code: 'PARTITIONS_IN_IMAGE', data }] : [];
  return { volumes, contested, inImage, warnings };
}

/**
 * Whether a volume carries a table of its own, as a virtual machine's disk does that lies in it. One that cannot be used
 * counts too: somebody divided the volume.
 * @returns the table's kind, or null
 * @throws EngineError `READ_FAILED`
 */
export async function tableIn(volume: BlockSource): Promise<string | null> {
  const { table, warnings } = (await readTables(volume)).layout;
  if (table !== 'none') return table;
  for (const { code, data } of warnings) {
    if (code === 'TABLE_OF_OTHERS') return String(data.name);
    if (code === 'TABLE_UNREADABLE' && data.reason !== 'SECTOR_UNREADABLE') {
      return data.reason === 'GPT_DAMAGED' ? 'gpt' : 'mbr';
    }
    if (code === 'GPT_NOT_ANNOUNCED') return 'gpt';
  }
  return null;
}

/** Of a disk that is one thing as a whole, whatever table it carries. */
export function claimedTables(source: BlockSource, name: string, table: string): Tables {
  return onlyVolume(source, [{ code: 'DISK_CLAIMED_WHOLE', data: { name, table } }]);
}

/** Of a disk that is one volume. */
export function bareTables(source: BlockSource): Tables {
  return onlyVolume(source);
}

/** @param warnings why its table is not used: then every byte of it is taken, whatever it holds */
function onlyVolume(source: BlockSource, warnings: readonly Warning[] = []): Tables {
  const layout = wholeDisk(source, warnings);
  return { layout, gpt: null, contested: warnings.length > 0 ? layout.partitions : [] };
}

function wholeDisk(source: BlockSource, warnings: readonly Warning[]): DiskLayout {
  const { lengthBytes, sectorBytes } = source;
  const whole = { number: null, startBytes: 0, lengthBytes, typeId: '', name: '', isLogical: false, isBootable: false };
  return {
    table: 'none',
    tableId: '',
    sectorBytes,
    partitions: lengthBytes > 0 ? [whole] : [],
    metadata: [],
    minimumBytes: lengthBytes,
    warnings,
  };
}

function unreadable(source: BlockSource, reason: UnreadableReason, warnings: readonly Warning[] = []): Tables {
  return onlyVolume(source, [...warnings, { code: 'TABLE_UNREADABLE', data: { reason } }]);
}

/** @returns the warning for the first two that share bytes; a number of null is the table itself */
function overlapWarning(partitions: readonly Partition[], tables: readonly Extent[]): Warning | null {
  const overlap = findOverlap([...partitions, ...tables.map((extent) => ({ ...extent, number: null }))]);
  return overlap && { code: 'PARTITIONS_OVERLAP', data: { first: overlap[0].number, second: overlap[1].number } };
}

const inOrder = (partitions: Partition[]) => partitions.sort((a, b) => a.startBytes - b.startBytes);
const firstStart = (extents: readonly Extent[]) => Math.min(...extents.map((e) => e.startBytes));
const gap = (endBytes: number): Extent => ({ startBytes: 0, lengthBytes: Math.min(endBytes, MAX_GAP_BYTES) });
const diskData = (source: BlockSource) => ({ diskBytes: source.lengthBytes });

/** A position that lies may be past what a number holds: it is then shown as the largest safe one. */
const toBytes = (lba: bigint, sectorBytes: number) =>
  Math.min((Number(lba) + 1) * sectorBytes, Number.MAX_SAFE_INTEGER);
