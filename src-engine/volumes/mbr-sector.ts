/**
 * A sector with a partition table of four entries: the master boot record, and each extended boot record of a chain of
 * logical partitions (UEFI specification 2.10, section 5.2.1; extended records as PC systems have used them since DOS 3.3).
 */
import { struct, u16le, u32le, u8 } from '../core/struct.ts';
import type { Patch } from './layout.port.ts';

/** Length of the record; on disks with larger sectors the rest of the sector means nothing. */
export const MBR_BYTES = 512;
export const MBR_TYPE_PROTECTIVE = 0xee;
/** Windows "dynamic disk" (Logical Disk Manager): the real layout is in a database in the disk's last megabyte. */
export const MBR_TYPE_DYNAMIC = 0x42;
const EXTENDED_TYPES = [0x05, 0x0f, 0x85];
const BOOT_SIGNATURE = 0xaa55;

const FIRST_ENTRY_BYTES = 446;
const ENTRY_BYTES = 16;
const entryStruct = struct(ENTRY_BYTES, {
  status: u8(0),
  type: u8(4),
  startSector: u32le(8),
  sectorCount: u32le(12),
});
const SIGNATURE_AT = 440;
const recordStruct = struct(MBR_BYTES, { diskSignature: u32le(SIGNATURE_AT), bootSignature: u16le(510) });

export interface MbrEntry {
  /** place in the record, from 1 */
  readonly slot: number;
  /** 0x80 bootable, 0 not; anything else is no partition table */
  readonly status: number;
  readonly type: number;
  readonly startSector: number;
  readonly sectorCount: number;
  readonly isExtended: boolean;
  /** every byte of the entry is zero */
  readonly isBlank: boolean;
}

/** @returns all four entries, used or not, or null where the sector does not end in 55 AA */
export function mbrEntries(sector: Buffer): MbrEntry[] | null {
  if (recordStruct.read(sector).bootSignature !== BOOT_SIGNATURE) return null;
  return [1, 2, 3, 4].map((slot) => {
    const at = FIRST_ENTRY_BYTES + (slot - 1) * ENTRY_BYTES;
    const entry = entryStruct.read(sector, at);
    return {
      slot,
      ...entry,
      isExtended: EXTENDED_TYPES.includes(entry.type),
      isBlank: sector.subarray(at, at + ENTRY_BYTES).every((byte) => byte === 0),
    };
  });
}

/** An entry with a length is a partition, whatever its type: so for the Linux kernel (block/partitions/msdos.c), 0 included. */
export function isUsed(entry: MbrEntry): boolean {
  return entry.sectorCount > 0;
}

/** The disk's signature as eight hexadecimal digits. */
export function mbrSignature(sector: Buffer): string {
  return recordStruct.read(sector).diskSignature.toString(16).toUpperCase().padStart(8, '0');
}

/** The bytes of a disk that hold its signature, with another one. @param signature eight hexadecimal digits */
export function renamedMbr(signature: string): Patch {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(parseInt(signature, 16));
  return { offsetBytes: SIGNATURE_AT, bytes };
}

/** The PARTUUID that the kernel and blkid make of a signature and a number, from 1; undefined on a disk without a signature. */
export function mbrPartitionUuid(sector: Buffer, number: number | null): string | undefined {
  const signature = mbrSignature(sector).toLowerCase();
  if (number === null || /^0+$/.test(signature)) return undefined;
  return `${signature}-${number.toString(16).padStart(2, '0')}`;
}

/** Entries have 32 bits for a sector. */
const MAX_SECTOR = 2 ** 32 - 1;

/** What an entry counts, in sectors. */
export type MbrSpan = Pick<MbrEntry, 'startSector' | 'sectorCount'>;

/** @returns null where a span in bytes is no whole sectors of that size, or its numbers have no room in an entry */
export function mbrSpan(startBytes: number, lengthBytes: number, sectorBytes: number): MbrSpan | null {
  const [startSector, sectorCount] = [startBytes / sectorBytes, lengthBytes / sectorBytes];
  const isWhole = Number.isInteger(startSector) && Number.isInteger(sectorCount);
  return isWhole && startSector <= MAX_SECTOR && sectorCount <= MAX_SECTOR ? { startSector, sectorCount } : null;
}

/** @returns the record with other spans in its entries, by their slots; an entry that stays what it was keeps all its bytes */
export function withSpans(sector: Buffer, spans: ReadonlyMap<number, MbrSpan>): Buffer {
  const record = Buffer.from(sector);
  for (const [slot, span] of spans) {
    const at = FIRST_ENTRY_BYTES + (slot - 1) * ENTRY_BYTES;
    const { startSector, sectorCount } = entryStruct.read(record, at);
    if (startSector === span.startSector && sectorCount === span.sectorCount) continue;
    entryStruct.write(record, span, at);
    // cylinder, head and sector: as where they are past what can be told
    record.set([0xfe, 0xff, 0xff], at + 1);
    record.set([0xfe, 0xff, 0xff], at + 5);
  }
  return record;
}

/** @returns the sector with the size of its protective entry set for a disk of `diskSectors` (UEFI 2.10, table 5.4) */
export function resizedProtective(sector: Buffer, diskSectors: number): Buffer {
  const resized = Buffer.from(sector);
  const entry = mbrEntries(sector)?.find((e) => e.type === MBR_TYPE_PROTECTIVE);
  if (!entry) return resized;
  const at = FIRST_ENTRY_BYTES + (entry.slot - 1) * ENTRY_BYTES;
  // an entry that begins behind the disk lies: the protective one begins behind the record
  const startSector = entry.startSector < diskSectors ? entry.startSector : 1;
  const sectorCount = Math.max(Math.min(diskSectors - startSector, MAX_SECTOR), 0);
  entryStruct.write(resized, { startSector, sectorCount }, at);
  // The cylinder, head and sector of the end: all ones where they are not told.
  resized.fill(0xff, at + 5, at + 8);
  return resized;
}
