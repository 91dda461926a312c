/** The logical partitions inside an extended one: a chain of records that each point to the next. */
import type { BlockSource } from '../disk/block-source.port.ts';
import { readableBytes } from './readable.ts';
import { isUsed, MBR_BYTES, mbrEntries, type MbrEntry } from './mbr-sector.ts';

/** The Linux kernel takes no more than 256 partitions of a disk. */
const MAX_RECORDS = 256;

export interface Logical {
  readonly entry: MbrEntry;
  readonly startSector: number;
  /** sector of the disk that holds the record which tells of it */
  readonly record: number;
}

export interface LogicalChain {
  /** in the order of the chain, which numbers them */
  readonly logicals: readonly Logical[];
  /** sectors of the disk that hold the records */
  readonly records: readonly number[];
}

/**
 * @param container the extended partition's entry in the master boot record
 * @returns null where the chain is broken: a record without its signature, or that cannot be read, a link that leaves the extended partition or
 *   comes back to a record seen before, more than {@link MAX_RECORDS} records, a logical partition that reaches outside
 * @throws EngineError `READ_FAILED`
 */
export async function readLogicalChain(source: BlockSource, container: MbrEntry): Promise<LogicalChain | null> {
  const endSector = container.startSector + container.sectorCount;
  const logicals: Logical[] = [];
  const records = new Set<number>();
  let next: number | null = container.startSector;
  while (next !== null) {
    const record: number = next;
    next = null;
    if (record >= endSector || records.has(record) || records.size === MAX_RECORDS) return null;
    const offsetBytes = record * source.sectorBytes;
    if (offsetBytes + source.sectorBytes > source.lengthBytes) return null;
    records.add(record);
    const sector = await readableBytes(source, offsetBytes, MBR_BYTES);
    const entries = sector && mbrEntries(sector);
    if (!entries) return null;
    for (const entry of entries.filter(isUsed)) {
      // A link counts from the start of the extended partition, a logical partition from its own record.
      if (entry.isExtended) next ??= container.startSector + entry.startSector;
      else {
        const startSector = record + entry.startSector;
        if (startSector + entry.sectorCount > endSector) return null;
        logicals.push({ entry, startSector, record });
      }
    }
  }
  return { logicals, records: [...records] };
}
