/**
 * Partition tables that are known by name and not read: what they divide is captured whole. Sources: Linux, block/partitions;
 * the places are those that libblkid looks at, and the names are its names where it has one.
 */
import type { BlockSource } from '../disk/block-source.port.ts';
import type { Partition } from './layout.port.ts';
import { readableBytes } from './readable.ts';

const SECTOR_BYTES = 512;
/** Amiga's block may be in any of the first 16 sectors, the unit of UnixWare is in sector 29. */
const HEAD_BYTES = 32 * SECTOR_BYTES;

interface OtherTable {
  readonly name: string;
  fits(head: Buffer, sectors: number): boolean;
}

/** Of whole disks. */
const TABLES: readonly OtherTable[] = [
  { name: 'sun', fits: (head) => head.readUInt16BE(508) === 0xdabe && xor16(head.subarray(0, SECTOR_BYTES)) === 0 },
  { name: 'sgi', fits: (head) => head.readUInt32BE(0) === 0x0be5a941 && sum32(head.subarray(0, SECTOR_BYTES)) === 0 },
  { name: 'mac', fits: isMac },
  { name: 'bsd', fits: (head) => [64, 128, 512].some((at) => isBsdLabel(head, at)) },
  { name: 'aix', fits: (head) => head.readUInt32BE(0) === 0xc9c2d4c1 },
  { name: 'amiga', fits: isAmiga },
  { name: 'atari', fits: isAtari },
];

/** Inside the partitions of an MBR. */
const INNER_TABLES: readonly OtherTable[] = [
  { name: 'bsd', fits: (head) => isBsdLabel(head, 512) },
  { name: 'minix', fits: isMinix },
  { name: 'solaris_x86', fits: (head) => head.readUInt32LE(512 + 12) === 0x600ddeee },
  { name: 'unixware', fits: (head) => head.readUInt32LE(29 * SECTOR_BYTES + 4) === 0xca5e600d },
];
/** Types of partitions that have a table inside: BSD's three, Minix, Solaris before and after 2005, UnixWare. */
const OUTER_TYPES = ['A5', 'A6', 'A9', '81', '82', 'BF', '63'];
/** Windows' dynamic disks in a GPT: what holds the volumes of the database that stands in another partition. */
const DYNAMIC_DATA = 'AF9B60A0-1431-4F62-BC68-3311714A69AD';

/**
 * @param disk without a GPT or an MBR
 * @returns the name of its table, or null
 * @throws EngineError `READ_FAILED`
 */
export async function otherTable(disk: BlockSource): Promise<string | null> {
  const sectors = Math.floor(disk.lengthBytes / SECTOR_BYTES);
  const head = await headOf(disk, 0, disk.lengthBytes);
  return TABLES.find(({ fits }) => fits(head, sectors))?.name ?? null;
}

/**
 * @returns the name of the table that divides a partition again, or null
 * @throws EngineError `READ_FAILED`
 */
export async function innerTable(disk: BlockSource, partition: Partition): Promise<string | null> {
  const { typeId, startBytes, lengthBytes } = partition;
  if (typeId === DYNAMIC_DATA) return 'ldm';
  if (!OUTER_TYPES.includes(typeId)) return null;
  const head = await headOf(disk, startBytes, lengthBytes);
  return INNER_TABLES.find(({ fits }) => fits(head, lengthBytes / SECTOR_BYTES))?.name ?? null;
}

/** Zeros where the place is shorter, or cannot be read. */
async function headOf(disk: BlockSource, startBytes: number, lengthBytes: number): Promise<Buffer> {
  const head = Buffer.alloc(HEAD_BYTES);
  (await readableBytes(disk, startBytes, Math.min(HEAD_BYTES, lengthBytes)))?.copy(head);
  return head;
}

/** A driver descriptor, and a map behind it that counts in the descriptor's blocks or in sectors. */
function isMac(head: Buffer): boolean {
  const blockBytes = head.readUInt16BE(2);
  const places = [SECTOR_BYTES, blockBytes].filter((at) => at >= SECTOR_BYTES && at + 4 <= HEAD_BYTES);
  return head.toString('latin1', 0, 2) === 'ER' && places.some((at) => head.toString('latin1', at, at + 2) === 'PM');
}

function isBsdLabel(head: Buffer, at: number): boolean {
  return head.readUInt32LE(at) === 0x82564557 && head.readUInt32LE(at + 132) === 0x82564557;
}

/** The rigid disk block says how many longs its sum goes over. */
function isAmiga(head: Buffer): boolean {
  for (let at = 0; at < 16 * SECTOR_BYTES; at += SECTOR_BYTES) {
    if (head.toString('latin1', at, at + 4) !== 'RDSK') continue;
    const longs = head.readUInt32BE(at + 4);
    if (longs >= 16 && longs * 4 <= SECTOR_BYTES && sum32(head.subarray(at, at + longs * 4)) === 0) return true;
  }
  return false;
}

/** It has no mark of its own: a size of the disk, and partitions of known kinds that lie on it. */
function isAtari(head: Buffer, sectors: number): boolean {
  const diskSectors = head.readUInt32BE(450);
  if (diskSectors < 2 || diskSectors > sectors) return false;
  const used = [454, 466, 478, 490].filter((at) => (head[at] & 1) !== 0);
  return (
    used.length > 0 &&
    used.every((at) => {
      const [start, count] = [head.readUInt32BE(at + 4), head.readUInt32BE(at + 8)];
      const isKnown = ATARI_KINDS.includes(head.toString('latin1', at + 1, at + 4));
      return isKnown && start > 0 && count > 0 && start + count <= diskSectors;
    })
  );
}

const ATARI_KINDS = ['GEM', 'BGM', 'XGM', 'LNX', 'SWP', 'RAW', 'MIX', 'UNX'];

/** The partition's first sector is a record like the disk's, with entries of Minix alone. */
function isMinix(head: Buffer): boolean {
  const types = [446, 462, 478, 494].map((at) => head[at + 4]);
  return (
    head.readUInt16LE(510) === 0xaa55 && types.includes(0x81) && types.every((type) => type === 0x81 || type === 0)
  );
}

function xor16(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum ^= bytes.readUInt16BE(at);
  return sum;
}

function sum32(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 4) sum = (sum + bytes.readUInt32BE(at)) >>> 0;
  return sum;
}
