/**
 * The chain of records of logical partitions. A folder holds at most the first of them, and Clonezilla has sfdisk make them
 * anew from the dump; so does this. A record may lie anywhere between the partitions: each lies right behind the partition
 * before its own, the first at the start of the extended partition.
 */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { DumpedPartition, SfdiskDump } from './sfdisk-dump.ts';

const EXTENDED = ['5', 'f', '85', '05', '0f'];

/** A primary partition that holds others. */
export const isExtended = ({ number, type }: DumpedPartition) => number <= 4 && EXTENDED.includes(type.toLowerCase());

export interface LogicalRecord {
  readonly sector: number;
  readonly bytes: Buffer;
}

/** @throws EngineError `FORMAT_INVALID` where there is no room for a record, or places are none that it can say */
export function logicalRecords({ partitions, sectorBytes }: SfdiskDump): LogicalRecord[] {
  const extended = partitions.find(isExtended);
  const logical = partitions.filter(({ number }) => number > 4).sort((a, b) => a.number - b.number);
  if (!extended || logical.length === 0) return [];
  const places = logical.map((_, i) =>
    i === 0 ? extended.startSector : logical[i - 1].startSector + logical[i - 1].sectors,
  );
  return logical.map((own, i) => {
    if (own.startSector <= places[i]) {
      throw new EngineError('FORMAT_INVALID', { field: 'logical partition', value: own.device });
    }
    const bytes = Buffer.alloc(sectorBytes);
    writeEntry(bytes, 0, own.isBootable, Number.parseInt(own.type, 16), own.startSector - places[i], own.sectors);
    if (i + 1 < logical.length) {
      const next: DumpedPartition = logical[i + 1];
      const sectors = next.startSector + next.sectors - places[i + 1];
      writeEntry(bytes, 1, false, 5, places[i + 1] - extended.startSector, sectors);
    }
    bytes.writeUInt16LE(0xaa55, 510);
    return { sector: places[i], bytes };
  });
}

function writeEntry(
  record: Buffer,
  index: number,
  isBootable: boolean,
  type: number,
  start: number,
  sectors: number,
): void {
  const at = 446 + 16 * index;
  record[at] = isBootable ? 0x80 : 0;
  // cylinders, heads and sectors that say: look at the numbers of sectors instead
  record.fill(0xfe, at + 1, at + 4).fill(0xfe, at + 5, at + 8);
  record[at + 4] = type;
  record.writeUInt32LE(checkRange('logical partition', start, 0, 0xffffffff), at + 8);
  record.writeUInt32LE(checkRange('logical partition', sectors, 0, 0xffffffff), at + 12);
}
