/** What superblocks say of themselves, read from the first bytes of a source. Sources stand in head.ts. */
import { crc32 } from 'node:zlib';
import { crc32c } from '../../core/crc32c.ts';
import { uuidText } from '../uuid.ts';
import { signature, KIB, type Said, type Signature } from './signature.ts';
import { cString } from './tail.ts';
import { wideText } from './udf.ts';

/** @returns what a superblock says, or null where it is not what its magic promised */
export type Reader = (head: Buffer) => Said | null;

/** Reads label and UUID from their places; a label of `labelBytes` 0 is not read. */
export function at(uuidAt: number | null, labelAt = 0, labelBytes = 0): (head: Buffer) => Said {
  return (head) => ({
    uuid: uuidAt === null ? '' : uuidText(head.subarray(uuidAt, uuidAt + 16)),
    label: cString(head.subarray(labelAt, labelAt + labelBytes)),
  });
}

export const only =
  (holds: (head: Buffer) => boolean, says: (head: Buffer) => Said = () => ({})): Reader =>
  (head) =>
    holds(head) ? says(head) : null;

/** The log of an XFS that lies elsewhere: a record begins in one of its first sectors. Linux, fs/xfs/libxfs/xfs_log_format.h */
export function xfsLog(head: Buffer): Signature | null {
  if (head.toString('latin1', 0, 4) === 'XFSB') return null;
  for (let startBytes = 0; startBytes < 256 * KIB; startBytes += 512) {
    if (head.readUInt32BE(startBytes) !== 0xfeedbabe) continue;
    const word = (at: number) => head.readUInt32BE(startBytes + at);
    const [version, bodyBytes, format] = [word(8), word(12), word(300)];
    if (version < 1 || version > 3 || bodyBytes < 1 || bodyBytes > 0x7fffffff || format < 1 || format > 3) continue;
    const uuid = uuidText(head.subarray(startBytes + 304, startBytes + 320));
    return signature('xfs_external_log', 'other', [{ startBytes, lengthBytes: 512 }], { uuid });
  }
  return null;
}

export function drbdManage(head: Buffer): Said | null {
  const [, uuid] = /^([0-9a-fA-F]{32})\n/.exec(head.toString('latin1', 11, 44)) ?? [];
  return uuid === undefined ? null : { uuid };
}

/** Stratis keeps its numbers as 32 digits, and a checksum of each copy of its superblock. */
export function stratis(startBytes: number): Reader {
  return (head) => {
    const sector = head.subarray(startBytes, startBytes + 512);
    if (~crc32c(0xffffffff, sector.subarray(4)) >>> 0 !== sector.readUInt32LE(0)) return null;
    const digits = sector.toString('latin1', 64, 96);
    return { uuid: digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') };
  };
}

/** A block size, and a journal behind the superblock: a copy of one inside a journal is none. */
export function isReiser(head: Buffer, magicAt: number): boolean {
  const start = magicAt - (magicAt % KIB);
  const sectors = head.readUInt16LE(start + 44) >>> 9;
  return sectors > 0 && Math.floor(start / KIB / sectors) <= Math.floor(head.readUInt32LE(start + 12) / 2);
}

/** The checksum is over its block with zeros in its own place; IEEE 802.3 without the last inversion. */
export function isZonefs(head: Buffer): boolean {
  const block = Buffer.from(head.subarray(0, 4 * KIB));
  block.writeUInt32LE(0, 4);
  return ~crc32(block) >>> 0 === head.readUInt32LE(4);
}

export function ufs(start: number, isLittle: boolean): Reader {
  return (head) => {
    const id = Buffer.from(head.subarray(start + 144, start + 152));
    const number = (isLittle ? id.swap32() : id).toString('hex');
    const isSecond = ['19540119', '19015419'].includes(head.toString('hex', start + 1372, start + 1376));
    return {
      uuid: /^0+$/.test(number) ? '' : number,
      label: isSecond ? cString(head.subarray(start + 680, start + 712)) : '',
    };
  };
}

/** The boot block says its name, as that of a FAT does. */
export function hpfs(head: Buffer): Said {
  const isNamed = head.readUInt16LE(510) === 0xaa55 && head[38] === 0x28 && head.toString('latin1', 54, 58) === 'HPFS';
  if (!isNamed) return {};
  const [high, low] = [head.readUInt16LE(41), head.readUInt16LE(39)];
  const uuid = [high, low].map((part) => part.toString(16).toUpperCase().padStart(4, '0')).join('-');
  return { uuid, label: cString(head.subarray(43, 54), 'latin1') };
}

/** BeFS writes its three magics and its order of bytes in that order of bytes. */
export function befs(start: number, isBig: boolean): Reader {
  return (head) => {
    const word = (at: number) => (isBig ? head.readUInt32BE(start + at) : head.readUInt32LE(start + at));
    const isIt = word(36) === 0x42494745 && word(68) === 0xdd121031 && word(112) === 0x15b6830e;
    const shift = word(44);
    if (!isIt || shift < 10 || shift > 13 || word(40) !== 1 << shift) return null;
    return { label: cString(head.subarray(start, start + 32)) };
  };
}

/** @param block a superblock of NILFS2; it is one where its checksum is right */
export function nilfsSaid(block: Buffer): Said | null {
  const bytes = block.readUInt16LE(8);
  if (block.readUInt16LE(6) !== 0x3434 || bytes < 248 || bytes > KIB) return null;
  const summed = Buffer.from(block.subarray(0, bytes));
  summed.writeUInt32LE(0, 16);
  // it begins with a seed and is not inverted at its end
  const sum = ~crc32(summed, ~block.readUInt32LE(12) >>> 0) >>> 0;
  return sum === block.readUInt32LE(16) ? at(152, 168, 80)(block) : null;
}

/** It says where its own superblock is, in sectors: 8. */
export function isBcache(head: Buffer): boolean {
  return head.readBigUInt64LE(4 * KIB + 8) === 8n;
}

export function bcachefs(head: Buffer): Said {
  return at(4 * KIB + 56, 4 * KIB + 72, 32)(head);
}

/** The label of a physical volume says where it stands; its UUID is 32 letters and digits, written 6-4-4-4-4-4-6. */
export function lvm2(labelAt: number): Reader {
  return (head) => {
    if (head.toString('latin1', labelAt, labelAt + 8) !== 'LABELONE') return null;
    return { uuid: lvmUuid(head, labelAt + Math.min(head.readUInt32LE(labelAt + 20), 480)) };
  };
}

export function lvmUuid(head: Buffer, uuidAt: number): string {
  const letters = head.toString('latin1', uuidAt, uuidAt + 32);
  const uuid = letters.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
  return /^[\w!#-]+$/.test(uuid) ? uuid : '';
}

export function luks(startBytes: number, magic: string): Reader {
  return (head) => luksSaid(head.subarray(startBytes), startBytes, magic);
}

/** @param header of LUKS, from its magic on; those of version 2 say where they stand */
export function luksSaid(header: Buffer, startBytes: number, magic: string): Said | null {
  if (header.toString('latin1', 0, 6) !== magic) return null;
  const isSecond = header.readUInt16BE(6) === 2;
  if (isSecond && header.readBigUInt64BE(256) !== BigInt(startBytes)) return null;
  return {
    uuid: cString(header.subarray(168, 208), 'latin1'),
    label: isSecond ? cString(header.subarray(24, 72)) : '',
  };
}

/** ECMA-119, 8.4: how long the volume is, its name, and the time of its making, which blkid takes for a UUID. */
export function iso9660(head: Buffer): Said | null {
  const volume = head.subarray(32 * KIB, 34 * KIB);
  const lengthBytes = volume.readUInt32LE(80) * volume.readUInt16LE(128);
  const [modified, created] = [830, 813].map((place) => volume.toString('latin1', place, place + 16));
  const isTold = (time: string) => /^\d{16}$/.test(time) && !/^0+$/.test(time);
  const time = [modified, created].find(isTold) ?? '';
  const uuid = time.replace(/^(....)(..)(..)(..)(..)(..)(..)$/, '$1-$2-$3-$4-$5-$6-$7');
  const label = cString(volume.subarray(40, 72));
  return { label: jolietLabel(head, label) ?? label, uuid, lengthBytes };
}

/**
 * The name in Microsoft's Joliet descriptor, where it is more than the beginning of the other one, which may be longer. Some
 * tools write `_` there for each byte of a letter that they do not know.
 */
function jolietLabel(head: Buffer, label: string): string | null {
  for (let at = 34 * KIB; at < 66 * KIB && head[at] !== 0xff; at += 2 * KIB) {
    if (head[at] !== 2 || !['%/@', '%/C', '%/E'].includes(head.toString('latin1', at + 88, at + 91))) continue;
    const wide = wideText(head.subarray(at + 40, at + 72)).trim();
    const bytes = Buffer.from(label).toString('latin1');
    const isSame = Array.from(wide).every((letter, i) => letter === bytes[i] || (letter === '_' && bytes[i] > '\x7f'));
    return isSame ? null : wide;
  }
  return null;
}

export function isCramfs(head: Buffer): boolean {
  return head.toString('latin1', 16, 32) === 'Compressed ROMFS';
}

/** Its maps have room for what it says that it has, and it is no ext that happens to look like it. */
export function isMinix(head: Buffer, version: number, isBig: boolean): boolean {
  const word = (at: number) => (isBig ? head.readUInt16BE(KIB + at) : head.readUInt16LE(KIB + at));
  const long = (at: number) => (isBig ? head.readUInt32BE(KIB + at) : head.readUInt32LE(KIB + at));
  if (head.readUInt16LE(KIB + 56) === 0xef53) return false;
  if (version === 3) {
    const blockBytes = word(28);
    return blockBytes >= KIB && blockBytes % KIB === 0 && long(0) > 0 && word(6) > 0 && word(8) > 0;
  }
  const zones = version === 1 ? word(2) : long(20);
  const mapBits = (blocks: number) => blocks * KIB * 8;
  return word(4) > 0 && word(6) > 0 && mapBits(word(4)) > word(0) && mapBits(word(6)) > zones - word(8);
}

export function isGfs(head: Buffer, min: number, max: number): boolean {
  const format = head.readUInt32BE(64 * KIB + 24);
  return format >= min && format <= max;
}

export function gfs(head: Buffer): Said {
  return at(64 * KIB + 256, 64 * KIB + 160, 64)(head);
}

export function squashfs(head: Buffer): Said {
  return { lengthBytes: Number(head.readBigUInt64LE(40) & 0xffffffffffffn) };
}
