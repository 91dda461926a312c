/** From a master boot record to partitions. */
import type { Warning } from '../contract/warnings.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { isKnownStart, looksLikeFileSystem } from './boot-sector.ts';
import { findOverlap } from './extents.ts';
import type { Partition } from './layout.port.ts';
import { readLogicalChain } from './logical-chain.ts';
import { isUsed, type MbrEntry } from './mbr-sector.ts';
import { readableBytes } from './readable.ts';

/** The first number of a logical partition; 1 to 4 are the record's own entries. */
const FIRST_LOGICAL = 5;

/** Where file systems have their first bytes: btrfs, the latest, 64 KiB into the partition. */
const PROBE_BYTES = 68 * 1024;

export interface MbrPartitions {
  /** not yet checked against the disk or each other */
  readonly partitions: readonly Partition[];
  /** sectors of the chains of logical partitions */
  readonly records: readonly Extent[];
  /** entries of the record itself, extended ones too: from the first start to the last end */
  readonly entries: readonly Extent[];
  readonly warnings: readonly Warning[];
}

/**
 * Whether the first sector is a master boot record with at least one partition. A boot sector of a file system is one
 * only where its table has no fault at all: a parameter block that an earlier file system left under a real table must not
 * hide the partitions, and messages of a boot program do not look like a faultless table.
 */
export function isMbr(source: BlockSource, sector: Buffer, entries: readonly MbrEntry[]): boolean {
  const used = entries.filter(isUsed);
  if (used.length === 0 || entries.some((entry) => entry.status !== 0 && entry.status !== 0x80)) return false;
  if (!looksLikeFileSystem(sector)) return true;
  const spans = used.map((entry) => span(source, entry.startSector, entry.sectorCount));
  return (
    entries.every((entry) => isUsed(entry) || entry.isBlank) &&
    spans.every((s) => s.startBytes > 0 && s.startBytes + s.lengthBytes <= source.lengthBytes) &&
    findOverlap(spans) === null
  );
}

/**
 * Partitions of the record and of its chains. An extended partition with a broken chain is one partition: what it holds
 * is then taken whole, so that nothing is lost.
 * @throws EngineError `READ_FAILED`
 */
export async function readMbrPartitions(source: BlockSource, entries: readonly MbrEntry[]): Promise<MbrPartitions> {
  const partitions: Partition[] = [];
  const records: Extent[] = [];
  const warnings: Warning[] = [];
  let nextLogical = FIRST_LOGICAL;
  for (const entry of entries.filter(isUsed)) {
    const chain = entry.isExtended ? await readLogicalChain(source, entry) : null;
    if (!chain) {
      if (entry.isExtended) warnings.push({ code: 'EXTENDED_CHAIN_BROKEN', data: { number: entry.slot } });
      partitions.push(partition(source, entry, entry.startSector, entry.slot, false));
      continue;
    }
    records.push(...chain.records.map((sector) => span(source, sector, 1)));
    for (const logical of chain.logicals) {
      partitions.push(partition(source, logical.entry, logical.startSector, nextLogical++, true));
    }
  }
  const own = entries.filter(isUsed).map((entry) => span(source, entry.startSector, entry.sectorCount));
  return { partitions, records, entries: own, warnings };
}

/**
 * Whether the record could as well count in 4096-byte sectors: a file with the image of such a disk opens as 512, and
 * nothing in the record tells. It could where a file system begins at a start counted in the larger sectors and none does at
 * one counted in the smaller; or where every partition fits the disk with the larger sectors too, and all begin with zeros when
 * counted in the smaller and with data when counted in the larger.
 * @throws EngineError `READ_FAILED`
 */
export async function isSectorSizeUnclear(source: BlockSource, entries: readonly MbrEntry[]): Promise<boolean> {
  if (source.sectorBytes !== 512) return false;
  const used = entries.filter(isUsed);
  const begins = async (sectorBytes: number) => {
    for (const { startSector } of used) if (await hasKnownStart(source, startSector * sectorBytes)) return true;
    return false;
  };
  if (await begins(512)) return false;
  if (await begins(4096)) return true;
  if (used.some((entry) => (entry.startSector + entry.sectorCount) * 4096 > source.lengthBytes)) return false;
  for (const { startSector } of used) {
    if (await hasData(source, startSector * 512)) return false;
    if (!(await hasData(source, startSector * 4096))) return false;
  }
  return true;
}

async function hasKnownStart(source: BlockSource, offsetBytes: number): Promise<boolean> {
  if (offsetBytes === 0 || offsetBytes + PROBE_BYTES > source.lengthBytes) return false;
  const bytes = await readableBytes(source, offsetBytes, PROBE_BYTES);
  return bytes !== null && isKnownStart(bytes);
}

async function hasData(source: BlockSource, offsetBytes: number): Promise<boolean> {
  const bytes = await readableBytes(source, offsetBytes, Math.min(PROBE_BYTES, source.lengthBytes - offsetBytes));
  // where something cannot be read, something is
  return bytes === null || bytes.some((byte) => byte !== 0);
}

function span(source: BlockSource, startSector: number, sectorCount: number): Extent {
  return { startBytes: startSector * source.sectorBytes, lengthBytes: sectorCount * source.sectorBytes };
}

function partition(
  source: BlockSource,
  entry: MbrEntry,
  startSector: number,
  number: number,
  isLogical: boolean,
): Partition {
  return {
    number,
    ...span(source, startSector, entry.sectorCount),
    typeId: entry.type.toString(16).toUpperCase().padStart(2, '0'),
    name: '',
    isLogical,
    isBootable: entry.status === 0x80,
  };
}
