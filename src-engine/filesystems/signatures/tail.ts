/**
 * What keeps its superblock at the end of a disk: MD, the fake RAIDs of mainboards and cheap controllers, DRBD. Places and
 * magics: Linux, include/uapi/linux/raid/md_p.h; SNIA, "Common RAID Disk Data Format" 2.0; drbd-headers, drbd_meta_data.h; the
 * others as collected by util-linux (libblkid) and dmraid.
 */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { uuidText } from '../uuid.ts';
import { KIB, signature, type Signature } from './signature.ts';

const SECTOR_BYTES = 512;
/** Covers everything but one place of Promise: MD 0.90 (128 KiB), two labels of ZFS, DDF, Promise (991 sectors). */
const TAIL_BYTES = 768 * KIB;
/** Smaller sources are no members of any RAID, as for libblkid. */
const MIN_BYTES = 64 * KIB;

/** The last bytes of a source. */
export interface Tail {
  readonly startBytes: number;
  readonly bytes: Buffer;
}

export async function readTail(source: BlockSource): Promise<Tail> {
  const lengthBytes = Math.min(TAIL_BYTES, source.lengthBytes);
  const startBytes = source.lengthBytes - lengthBytes;
  return { startBytes, bytes: await readBytes(source, startBytes, lengthBytes) };
}

/** Bytes at a place of the source; of length 0 where the tail does not hold them. */
export function pieceOf(tail: Tail, offsetBytes: number, lengthBytes: number): Buffer {
  const at = offsetBytes - tail.startBytes;
  return at < 0 || at + lengthBytes > tail.bytes.length
    ? tail.bytes.subarray(0, 0)
    : tail.bytes.subarray(at, at + lengthBytes);
}

interface FakeRaid {
  readonly name: string;
  /** places of its block, in sectors before the end */
  readonly sectors: readonly number[];
  /** smaller disks are none of its members */
  readonly minBytes?: number;
  /** @param block a sector */
  fits(block: Buffer): boolean;
}

const startsWith = (text: string) => (block: Buffer) => block.toString('latin1', 0, text.length) === text;

const FAKE_RAIDS: readonly FakeRaid[] = [
  { name: 'isw_raid_member', sectors: [2], fits: startsWith('Intel Raid ISM Cfg Sig. ') },
  { name: 'lsi_mega_raid_member', sectors: [1], fits: startsWith('$XIDE$') },
  { name: 'via_raid_member', sectors: [1], fits: isVia },
  { name: 'silicon_medley_raid_member', sectors: [1], fits: isSilicon },
  { name: 'nvidia_raid_member', sectors: [2], fits: startsWith('NVIDIA') },
  {
    name: 'promise_fasttrack_raid_member',
    sectors: [63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087],
    minBytes: 256 * KIB,
    fits: startsWith('Promise Technology, Inc.'),
  },
  {
    name: 'hpt45x_raid_member',
    sectors: [11],
    fits: (block) => [0x5a7816f3, 0x5a7816fd].includes(block.readUInt32LE(0)),
  },
  {
    name: 'adaptec_raid_member',
    sectors: [1],
    fits: (block) => block.readUInt32BE(0) === 0x37fc4d1e && block.toString('latin1', 256, 260) === 'DPTM',
  },
  { name: 'jmicron_raid_member', sectors: [1], fits: isJmicron },
];

/** The sum of the first 50 bytes stands behind them. */
function isVia(block: Buffer): boolean {
  if (block.readUInt16LE(0) !== 0xaa55 || block[2] > 2) return false;
  return (block.subarray(0, 50).reduce((sum, byte) => sum + byte, 0) & 0xff) === block[50];
}

function isSilicon(block: Buffer): boolean {
  if (block.readUInt32LE(0x60) !== 0x2f000000 || block[0x116] >= 8) return false;
  let sum = 0;
  for (let at = 0; at < 0x13e; at += 2) sum += block.readUInt16LE(at);
  return (-sum & 0xffff) === block.readUInt16LE(0x13e);
}

/** Two letters are not much to go by: all words of the first 128 bytes add up to 0 or 1, and there are five levels. */
function isJmicron(block: Buffer): boolean {
  if (block.toString('latin1', 0, 2) !== 'JM' || block[48] > 5) return false;
  let sum = 0;
  for (let at = 0; at < 128; at += 2) sum += block.readUInt16LE(at);
  return (sum & 0xffff) <= 1;
}

/**
 * @returns the RAIDs in libblkid's order of belief
 * @throws EngineError `READ_FAILED`
 */
export async function tailSignatures(source: BlockSource, tail: Tail): Promise<Signature[]> {
  if (source.lengthBytes < MIN_BYTES) return [...mdAtEnd(source, tail)];
  return [...mdAtEnd(source, tail), ...ddf(source, tail), ...(await fakeRaids(source, tail)), ...drbd(source, tail)];
}

const MD_MAGIC = 0xa92b4efc;

/** Metadata 1.0 (8 KiB before the end, rounded down to 4 KiB) and 0.90 (the last but one boundary of 64 KiB). */
function* mdAtEnd(source: BlockSource, tail: Tail): Iterable<Signature> {
  const places = [
    { startBytes: Math.floor(source.lengthBytes / (64 * KIB)) * 64 * KIB - 64 * KIB, major: 0, markBytes: 64 * KIB },
    { startBytes: Math.floor((source.lengthBytes - 8 * KIB) / (4 * KIB)) * 4 * KIB, major: 1, markBytes: 4 * KIB },
  ];
  for (const { startBytes, major, markBytes } of places) {
    const block = pieceOf(tail, startBytes, 4 * KIB);
    if (startBytes < 0 || block.length === 0) continue;
    const isSwapped = major === 0 && block.readUInt32BE(0) === MD_MAGIC && block.readUInt32BE(4) === 0;
    if (!isSwapped && (block.readUInt32LE(0) !== MD_MAGIC || block.readUInt32LE(4) !== major)) continue;
    const marks = [{ startBytes, lengthBytes: markBytes }];
    yield signature('md-raid', 'raid', marks, major === 1 ? mdOne(block) : { uuid: mdZeroUuid(block, isSwapped) });
  }
}

/** Name and UUID of a superblock of version 1. */
export function mdOne(block: Buffer): { label: string; uuid: string } {
  return { label: cString(block.subarray(32, 64)), uuid: uuidText(block.subarray(16, 32)) };
}

/** Four words, of which the first stands apart from the others. */
function mdZeroUuid(block: Buffer, isSwapped: boolean): string {
  const uuid = Buffer.concat([block.subarray(20, 24), block.subarray(52, 64)]);
  return uuidText(isSwapped ? uuid : uuid.swap32());
}

/** The anchor is the last sector; some controllers leave 256 sectors behind it. */
function* ddf(source: BlockSource, tail: Tail): Iterable<Signature> {
  for (const sector of [1, 257]) {
    const startBytes = (Math.floor(source.lengthBytes / SECTOR_BYTES) - sector) * SECTOR_BYTES;
    const block = pieceOf(tail, startBytes, SECTOR_BYTES);
    if (block.length === 0 || ![0xde11de11, 0x11de11de].includes(block.readUInt32BE(0))) continue;
    // from the primary header to the anchor stand the sections that describe the array
    const isBig = block.readUInt32BE(0) === 0xde11de11;
    const primary = Number(isBig ? block.readBigUInt64BE(96) : block.readBigUInt64LE(96)) * SECTOR_BYTES;
    const firstBytes = primary > source.lengthBytes / 2 && primary < startBytes ? primary : startBytes;
    const marks = [{ startBytes: firstBytes, lengthBytes: startBytes + SECTOR_BYTES - firstBytes }];
    return yield signature('ddf_raid_member', 'raid', marks, { uuid: cString(block.subarray(8, 32)) });
  }
}

async function fakeRaids(source: BlockSource, tail: Tail): Promise<Signature[]> {
  const found: Signature[] = [];
  for (const { name, sectors, minBytes = MIN_BYTES, fits } of FAKE_RAIDS) {
    if (source.lengthBytes < minBytes) continue;
    for (const sector of sectors) {
      const startBytes = (Math.floor(source.lengthBytes / SECTOR_BYTES) - sector) * SECTOR_BYTES;
      if (startBytes < 0) continue;
      const inTail = pieceOf(tail, startBytes, SECTOR_BYTES);
      const block = inTail.length > 0 ? inTail : await readBytes(source, startBytes, SECTOR_BYTES);
      if (!fits(block)) continue;
      // what describes the array stands around the block, up to the end
      const marks = [{ startBytes, lengthBytes: source.lengthBytes - startBytes }];
      found.push(signature(name, 'raid', marks));
      break;
    }
  }
  return found;
}

/** DRBD 8 (0x8374026b, 0x8374026c where it was not shut down) and 9, with internal metadata. */
function* drbd(source: BlockSource, tail: Tail): Iterable<Signature> {
  const startBytes = source.lengthBytes - 4 * KIB;
  const block = pieceOf(tail, startBytes, 4 * KIB);
  if (block.length === 0 || ![0x8374026b, 0x8374026c, 0x8374026d].includes(block.readUInt32BE(60))) return;
  const isNine = block.readUInt32BE(60) === 0x8374026d;
  const device = block.readBigUInt64BE(isNine ? 48 : 40);
  const uuid = device === 0n ? '' : device.toString(16);
  // the log of activity and the bitmap stand in front of it
  const sizeBytes = Math.min(block.readUInt32BE(64) * SECTOR_BYTES, source.lengthBytes);
  const firstBytes = Math.min(startBytes, source.lengthBytes - sizeBytes);
  yield signature('drbd', 'raid', [{ startBytes: firstBytes, lengthBytes: source.lengthBytes - firstBytes }], { uuid });
}

/** Bytes of a text up to its first zero, without the blanks around it. */
export function cString(bytes: Buffer, encoding: 'utf8' | 'latin1' = 'utf8'): string {
  const end = bytes.indexOf(0);
  return bytes
    .toString(encoding, 0, end < 0 ? bytes.length : end)
    .toWellFormed()
    .trim();
}
