/** Disks with partition tables, built byte by byte and without the code under test. */
import { crc32 } from 'node:zlib';

export interface GptPart {
  first: number | bigint;
  last: number | bigint;
  name?: string;
  attributes?: bigint;
}

export const LINUX_TYPE = '0FC63DAF-8483-4772-8E79-3D69D8477DE4';
export const LINUX_TYPE_BYTES = Buffer.from('AF3DC60F838472478E793D69D8477DE4', 'hex');
export const DISK_GUID = '00112233-4455-6677-8899-AABBCCDDEEFF';
const DISK_GUID_BYTES = Buffer.from('33221100554477668899AABBCCDDEEFF', 'hex');

export interface MbrPart {
  type: number;
  start: number;
  count: number;
  status?: number;
}

/** Writes a table of up to four entries and 55 AA at `at`. */
export function writeMbr(disk: Buffer, parts: (MbrPart | null)[], at = 0): void {
  parts.forEach((part, i) => {
    if (!part) return;
    const entry = at + 446 + 16 * i;
    disk[entry] = part.status ?? 0;
    disk[entry + 4] = part.type;
    disk.writeUInt32LE(part.start, entry + 8);
    disk.writeUInt32LE(part.count, entry + 12);
  });
  disk.writeUInt16LE(0xaa55, at + 510);
}

export interface GptOptions {
  sectorBytes?: number;
  entryCount?: number;
  entryBytes?: number;
  /** sector of the backup header; the last one where it is not given */
  backupLba?: number;
  withMbr?: boolean;
}

/** Writes a protective MBR and both copies of a GPT. */
export function writeGpt(disk: Buffer, parts: GptPart[], options: GptOptions = {}): void {
  const { sectorBytes = 512, entryCount = 128, entryBytes = 128, withMbr = true } = options;
  const lastLba = options.backupLba ?? disk.length / sectorBytes - 1;
  const entries = Buffer.alloc(entryCount * entryBytes);
  parts.forEach((part, i) => {
    const at = i * entryBytes;
    LINUX_TYPE_BYTES.copy(entries, at);
    entries.fill(i + 1, at + 16, at + 32);
    entries.writeBigUInt64LE(BigInt(part.first), at + 32);
    entries.writeBigUInt64LE(BigInt(part.last), at + 40);
    entries.writeBigUInt64LE(part.attributes ?? 0n, at + 48);
    entries.write(part.name ?? '', at + 56, 72, 'utf16le');
  });
  const arraySectors = Math.ceil(entries.length / sectorBytes);
  if (withMbr) writeMbr(disk, [{ type: 0xee, start: 1, count: lastLba }]);
  const copies = [
    { lba: 1, other: lastLba, entriesLba: 2 },
    { lba: lastLba, other: 1, entriesLba: lastLba - arraySectors },
  ];
  for (const { lba, other, entriesLba } of copies) {
    entries.copy(disk, entriesLba * sectorBytes);
    const header = disk.subarray(lba * sectorBytes, lba * sectorBytes + 92);
    header.write('EFI PART', 0, 'latin1');
    header.writeUInt32LE(0x10000, 8);
    header.writeUInt32LE(92, 12);
    header.writeBigUInt64LE(BigInt(lba), 24);
    header.writeBigUInt64LE(BigInt(other), 32);
    header.writeBigUInt64LE(BigInt(2 + arraySectors), 40);
    header.writeBigUInt64LE(BigInt(lastLba - arraySectors - 1), 48);
    DISK_GUID_BYTES.copy(header, 56);
    header.writeBigUInt64LE(BigInt(entriesLba), 72);
    header.writeUInt32LE(entryCount, 80);
    header.writeUInt32LE(entryBytes, 84);
    header.writeUInt32LE(crc32(entries), 88);
    sealHeader(disk, lba * sectorBytes);
  }
}

/** Sets the checksum of the header at `at` to what its other bytes need. */
export function sealHeader(disk: Buffer, at: number): void {
  disk.writeUInt32LE(0, at + 16);
  disk.writeUInt32LE(crc32(disk.subarray(at, at + 92)), at + 16);
}

/** Writes a disk with a primary partition and logical ones in an extended partition from 4096 to its end. */
export function writeLogicals(disk: Buffer, logicals: { record: number; start: number; count: number }[]): void {
  const container = { type: 0x0f, start: 4096, count: disk.length / 512 - 4096 };
  writeMbr(disk, [{ type: 0x83, start: 2048, count: 1024, status: 0x80 }, container]);
  logicals.forEach(({ record, start, count }, i) => {
    const next = logicals[i + 1];
    const link = next && { type: 0x05, start: next.record - container.start, count: next.start - next.record };
    writeMbr(disk, [{ type: 0x83, start: start - record, count }, link ?? null], record * 512);
  });
}
