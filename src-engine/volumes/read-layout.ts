/** From a disk to its partitions and to the bytes around them that belong to the layout. */
import type { Warning } from '../contract/warnings.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { findOverlap, joinExtents } from './extents.ts';
import { backupBytes, firstUsableEndBytes, primaryEndBytes, readGpt, type Gpt } from './gpt.ts';
import { entrySectors, gptCopyExtents, gptEntries } from './gpt-copy.ts';
import type { DiskLayout, Partition } from './layout.port.ts';
import { isMbr, isSectorSizeUnclear, readMbrPartitions } from './mbr-layout.ts';
import {
  isUsed,
  MBR_BYTES,
  MBR_TYPE_DYNAMIC,
  MBR_TYPE_PROTECTIVE,
  mbrEntries,
  mbrSignature,
  type MbrEntry,
} from './mbr-sector.ts';

/**
 * How much of the gap before the first partition a capture takes. Boot loaders live there: GRUB in the first MiB, boards'
 * firmware in the first 32 MiB. A wider gap is the place of a deleted partition, whose content is nobody's.
 */
const MAX_GAP_BYTES = 64 * 1024 * 1024;

/** Why a table that is there is not used; what a person can make of it is in the locales. */
type UnreadableReason = 'GPT_DAMAGED' | 'PARTITIONS_INVALID' | 'DYNAMIC_DISK' | 'SECTOR_SIZE_UNCLEAR';

/** A layout, and for a GPT what it takes to move it. */
export interface Tables {
  readonly layout: DiskLayout;
  /** null unless `layout.table` is 'gpt' */
  readonly gpt: Gpt | null;
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
  const sector = await readBytes(source, 0, MBR_BYTES);
  const entries = mbrEntries(sector);
  if (!entries) return bareTables(source);

  const gpt = await readGpt(source, entries);
  if (gpt) {
    const layout = gptLayout(source, gpt);
    return { layout, gpt: layout.table === 'gpt' ? gpt : null };
  }
  const layout = isMbr(source, sector, entries) ? await mbrLayout(source, sector, entries) : wholeDisk(source);
  return { layout, gpt: null };
}

function gptLayout(source: BlockSource, gpt: Gpt): DiskLayout {
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
  const overlap = overlapWarning(partitions, tables);
  if (overlap) return unreadable(source, 'PARTITIONS_INVALID', [...warnings, overlap]);

  const ends = partitions.map((p) => p.startBytes + p.lengthBytes);
  const gapEndBytes = partitions.length > 0 ? firstStart(partitions) : primaryEndBytes(gpt);
  return {
    table: 'gpt',
    tableId: good.diskGuid,
    sectorBytes,
    partitions: inOrder(partitions),
    metadata: joinExtents([gap(gapEndBytes), ...tables]),
    minimumBytes:
      Math.max(...ends, primaryEndBytes(gpt), firstUsableEndBytes(gpt, source.lengthBytes)) + backupBytes(gpt),
    warnings,
  };
}

async function mbrLayout(source: BlockSource, sector: Buffer, entries: readonly MbrEntry[]): Promise<DiskLayout> {
  const types = entries.filter(isUsed).map((entry) => entry.type);
  if (types.includes(MBR_TYPE_PROTECTIVE)) return unreadable(source, 'GPT_DAMAGED');
  if (types.includes(MBR_TYPE_DYNAMIC)) return unreadable(source, 'DYNAMIC_DISK');
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
    partitions.push({ ...partition, lengthBytes: Math.min(endBytes, source.lengthBytes) - partition.startBytes });
  }
  const tables = [{ startBytes: 0, lengthBytes: source.sectorBytes }, ...found.records];
  const overlap = overlapWarning(partitions, tables);
  if (overlap) return unreadable(source, 'PARTITIONS_INVALID', [...warnings, overlap]);

  const ends = [...partitions, ...found.entries].map((e) => e.startBytes + e.lengthBytes);
  return {
    table: 'mbr',
    tableId: mbrSignature(sector),
    sectorBytes: source.sectorBytes,
    partitions: inOrder(partitions),
    metadata: joinExtents([gap(firstStart([...partitions, ...found.entries])), ...tables]),
    minimumBytes: Math.min(Math.max(...ends), source.lengthBytes),
    warnings,
  };
}

/** Of a disk that is one thing as a whole, whatever table it carries. */
export function claimedTables(source: BlockSource, name: string, table: string): Tables {
  return { layout: wholeDisk(source, [{ code: 'DISK_CLAIMED_WHOLE', data: { name, table } }]), gpt: null };
}

/** Of a disk that is one volume. */
export function bareTables(source: BlockSource): Tables {
  return { layout: wholeDisk(source), gpt: null };
}

function wholeDisk(source: BlockSource, warnings: readonly Warning[] = []): DiskLayout {
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

function unreadable(source: BlockSource, reason: UnreadableReason, warnings: readonly Warning[] = []): DiskLayout {
  return wholeDisk(source, [...warnings, { code: 'TABLE_UNREADABLE', data: { reason } }]);
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
