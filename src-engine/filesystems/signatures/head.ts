/**
 * What is known by magic bytes at the front. Sources: each format's own specification; places as collected in util-linux
 * (libblkid) and in file(1).
 */
import { uuidText } from '../uuid.ts';
import { signature, KIB, type Signature } from './signature.ts';
import { cString, mdOne } from './tail.ts';

/** Covers every magic below. */
export const HEAD_BYTES = 264 * KIB;

type Said = Partial<Pick<Signature, 'label' | 'uuid' | 'lengthBytes'>>;

interface Magic {
  readonly name: string;
  readonly usage: Signature['usage'];
  readonly offsetBytes: number;
  readonly magic: Buffer;
  /** @returns what else it says, or null where it is not what the magic promised */
  readonly says?: (head: Buffer) => Said | null;
}

type Says = Magic['says'];
type Usage = Signature['usage'];

function ascii(usage: Usage, name: string, offsetBytes: number, magic: string, says?: Says): Magic {
  return { name, usage, offsetBytes, magic: Buffer.from(magic, 'latin1'), says };
}

function hex(usage: Usage, name: string, offsetBytes: number, magic: string, says?: Says): Magic {
  return { name, usage, offsetBytes, magic: Buffer.from(magic, 'hex'), says };
}

/** Reads label and UUID from their places; a label of `labelBytes` 0 is not read. */
function at(uuidAt: number | null, labelAt = 0, labelBytes = 0): (head: Buffer) => Said {
  return (head) => ({
    uuid: uuidAt === null ? '' : uuidText(head.subarray(uuidAt, uuidAt + 16)),
    label: cString(head.subarray(labelAt, labelAt + labelBytes)),
  });
}

const only =
  (holds: (head: Buffer) => boolean, says: (head: Buffer) => Said = () => ({})): Says =>
  (head) =>
    holds(head) ? says(head) : null;

/**
 * Containers come before file systems: a RAID member may begin with what looks like the file system inside it. Magics of two
 * bytes are only taken together with others beside them.
 */
const MAGICS: readonly Magic[] = [
  hex('raid', 'md-raid', 0, 'fc4e2ba901000000', (head) => mdOne(head)),
  hex('raid', 'md-raid', 4 * KIB, 'fc4e2ba901000000', (head) => mdOne(head.subarray(4 * KIB))),
  hex('raid', 'hpt37x_raid_member', 9 * 512 + 32, 'f016785a'),
  hex('raid', 'hpt37x_raid_member', 9 * 512 + 32, 'fd16785a'),
  hex('other', 'bcache', 4 * KIB + 24, 'c68573f64e1a45ca8265f57f48ba6d81', only(isBcache, at(4 * KIB + 40))),
  // bcachefs bore the magic of bcache until it had its own
  hex(
    'filesystem',
    'bcachefs',
    4 * KIB + 24,
    'c68573f64e1a45ca8265f57f48ba6d81',
    only((head) => !isBcache(head), bcachefs),
  ),
  hex('filesystem', 'bcachefs', 4 * KIB + 24, 'c68573f666ce90a9d96a60cf803df7ef', bcachefs),
  ascii('other', 'ceph', 0, 'bluestore block device'),
  ...[0, 1, 2, 3].map((sector) => ascii('volume-group', 'lvm2', sector * 512 + 24, 'LVM2 001', lvm2(sector * 512))),
  hex('volume-group', 'lvm1', 0, '484d0100'),
  hex('volume-group', 'lvm1', 0, '484d0200'),
  ascii('other', 'DM_snapshot_cow', 0, 'SnAp'),
  ascii(
    'crypto',
    'DM_verity_hash',
    0,
    'verity\0\0',
    only((head) => head.readUInt32LE(8) === 1, at(16)),
  ),
  ascii(
    'crypto',
    'DM_integrity',
    0,
    'integrt\0',
    only((head) => head[8] > 0),
  ),
  ascii('crypto', 'luks', 0, 'LUKS\xba\xbe', luks(0)),
  // the second header of LUKS 2, where the first one is gone
  ...[16, 32, 64, 128, 256].map((place) => ascii('crypto', 'luks', place * KIB, 'SKUL\xba\xbe', luks(place * KIB))),
  ascii('raid', 'ubi', 0, 'UBI#', (head) => ({ uuid: String(head.readUInt32BE(24)) })),
  ascii('other', 'vdo', 0, 'dmvdo001'),
  ...[512, 4608].map((place) =>
    hex('volume-group', 'stratis', place + 4, '215374726130746973 86ff025e417268'.replace(' ', '')),
  ),
  ascii('crypto', 'bitlocker', 3, '-FVE-FS-'),
  // BitLocker To Go: a FAT32 for show in front of the encrypted volume, told by these GUIDs.
  hex('crypto', 'bitlocker', 424, '3bd66749292ed84a8399f6a339e3d001'),
  hex('crypto', 'bitlocker', 424, '3b4da89280dd0e4d9e4eb1e3284eaed8'),
  ascii(
    'crypto',
    'cs_fvault2',
    88,
    'CS',
    only((head) => head.readUInt16LE(8) === 1 && head.readUInt16LE(10) === 0x10),
  ),

  ascii('filesystem', 'xfs', 0, 'XFSB', at(32, 108, 12)),
  ascii('filesystem', 'exfs', 0, 'EXFS', at(32, 108, 12)),
  ascii('filesystem', 'reiserfs', 8 * KIB + 52, 'ReIsErFs'),
  ...['ReIsErFs', 'ReIsEr2Fs', 'ReIsEr3Fs'].map((magic) =>
    ascii('filesystem', 'reiserfs', 64 * KIB + 52, magic, at(64 * KIB + 84, 64 * KIB + 100, 16)),
  ),
  ascii('filesystem', 'reiser4', 64 * KIB, 'ReIsEr4', at(64 * KIB + 20, 64 * KIB + 36, 16)),
  ascii('filesystem', 'jfs', 32 * KIB, 'JFS1', at(32 * KIB + 136, 32 * KIB + 152, 16)),
  ascii('filesystem', 'udf', 32 * KIB + 1, 'BEA01', only(hasUdf)),
  // a bridge: the descriptors of UDF follow those of ISO 9660
  ascii('filesystem', 'udf', 32 * KIB + 1, 'CD001', only(hasUdf)),
  ascii('filesystem', 'iso9660', 32 * KIB + 1, 'CD001', iso9660),
  ascii('filesystem', 'iso9660', 32 * KIB + 9, 'CDROM'),
  ascii('filesystem', 'hfsplus', KIB, 'H+\0\x04'),
  ascii('filesystem', 'hfsplus', KIB, 'HX\0\x05'),
  ascii(
    'filesystem',
    'hfsplus',
    KIB,
    'BD',
    only((head) => head.toString('latin1', KIB + 124, KIB + 126) === 'H+'),
  ),
  ascii(
    'filesystem',
    'hfs',
    KIB,
    'BD',
    only(isHfs, (head) => ({ label: hfsLabel(head) })),
  ),
  ...[0, 8, 64, 256].flatMap((place) => [
    hex('filesystem', 'ufs', place * KIB + 1372, '54190100'),
    hex('filesystem', 'ufs', place * KIB + 1372, '00011954'),
    hex('filesystem', 'ufs2', place * KIB + 1372, '19015419'),
    hex('filesystem', 'ufs2', place * KIB + 1372, '19540119'),
  ]),
  hex(
    'filesystem',
    'hpfs',
    8 * KIB,
    '49e895f9',
    only((head) => head.readUInt32BE(8 * KIB + 512) === 0x491891f9),
  ),
  ascii('filesystem', 'ntfs', 3, 'NTFS    '),
  ascii('filesystem', 'refs', 0, '\0\0\0ReFS\0'),
  hex(
    'filesystem',
    'cramfs',
    0,
    '453dcd28',
    only(isCramfs, (head) => ({ label: cString(head.subarray(48, 64)) })),
  ),
  hex(
    'filesystem',
    'cramfs',
    0,
    '28cd3d45',
    only(isCramfs, (head) => ({ label: cString(head.subarray(48, 64)) })),
  ),
  ascii('filesystem', 'romfs', 0, '-rom1fs-', (head) => ({
    label: cString(head.subarray(16, 32)),
    lengthBytes: head.readUInt32BE(8),
  })),
  hex('filesystem', 'minix', KIB + 16, '7f13', only(isMinix)),
  hex('filesystem', 'minix', KIB + 16, '8f13', only(isMinix)),
  hex('filesystem', 'minix', KIB + 16, '6824', only(isMinix)),
  hex('filesystem', 'minix', KIB + 16, '7824', only(isMinix)),
  hex(
    'filesystem',
    'minix',
    KIB + 24,
    '5a4d',
    only((head) => head.readUInt16LE(KIB + 28) % 512 === 0 && head.readUInt32LE(KIB) > 0),
  ),
  hex(
    'filesystem',
    'gfs2',
    64 * KIB,
    '0116197000000001',
    only((head) => isGfs(head, 1800, 1900), gfs),
  ),
  hex(
    'filesystem',
    'gfs',
    64 * KIB,
    '0116197000000001',
    only((head) => isGfs(head, 1300, 1310), gfs),
  ),
  ascii('filesystem', 'ocfs', 8, 'OracleCFS'),
  ...[1, 2, 4, 8].map((place) =>
    ascii('filesystem', 'ocfs2', place * KIB, 'OCFSV2', at(place * KIB + 336, place * KIB + 272, 64)),
  ),
  ascii('other', 'oracleasm', 32, 'ORCLDISK'),
  hex('filesystem', 'vxfs', KIB, 'f5fc01a5'),
  hex('filesystem', 'vxfs', 8 * KIB, 'a501fcf5'),
  ascii(
    'filesystem',
    'squashfs',
    0,
    'hsqs',
    only((head) => head.readUInt16LE(28) >= 4, squashfs),
  ),
  ascii(
    'filesystem',
    'squashfs3',
    0,
    'hsqs',
    only((head) => head.readUInt16LE(28) > 0 && head.readUInt16LE(28) < 4),
  ),
  ascii(
    'filesystem',
    'squashfs3',
    0,
    'sqsh',
    only((head) => head.readUInt16BE(28) > 0 && head.readUInt16BE(28) < 4),
  ),
  // without a version it is still no free space that is known
  ascii(
    'filesystem',
    'squashfs',
    0,
    'hsqs',
    only((head) => head.readUInt16LE(28) === 0),
  ),
  ascii('filesystem', 'nss', 4 * KIB, 'SPB5'),
  ascii('filesystem', 'btrfs', 64 * KIB + 64, '_BHRfS_M', at(64 * KIB + 32, 64 * KIB + 299, 256)),
  hex('filesystem', 'ubifs', 0, '31181006'),
  hex('filesystem', 'bfs', 0, 'cefaad1b'),
  ...[0, 512].flatMap((place) => [
    ascii('filesystem', 'befs', place + 32, 'BFS1', (head) => ({ label: cString(head.subarray(place, place + 32)) })),
    ascii('filesystem', 'befs', place + 32, '1SFB', (head) => ({ label: cString(head.subarray(place, place + 32)) })),
  ]),
  hex('filesystem', 'nilfs2', KIB, '0200000000003434', at(KIB + 152, KIB + 168, 80)),
  ascii('filesystem', 'exfat', 3, 'EXFAT   '),
  hex('filesystem', 'f2fs', KIB, '1020f5f2', (head) => ({
    uuid: uuidText(head.subarray(KIB + 108, KIB + 124)),
    label: head
      .toString('utf16le', KIB + 124, KIB + 124 + 1024)
      .replace(/\0[^]*$/, '')
      .toWellFormed(),
  })),
  ascii('other', 'mpool', 8, 'mpoolDev'),
  ascii('filesystem', 'apfs', 32, 'NXSB', at(72)),
  ascii('filesystem', 'zonefs', 0, 'SFOZ', at(72, 8, 64)),
  hex('filesystem', 'erofs', KIB, 'e2e1f5e0', at(KIB + 48, KIB + 64, 16)),
  ...['01e0', '02e0', '0320', '0420', '0620'].map((type) => hex('filesystem', 'jffs2', 0, `8519${type}`)),
];

/** @param head the first {@link HEAD_BYTES}, zeros where the source is shorter; at most one signature for each name */
export function headSignatures(head: Buffer, lengthBytes: number): Signature[] {
  const found: Signature[] = [];
  for (const { name, usage, offsetBytes, magic, says } of MAGICS) {
    if (!head.subarray(offsetBytes, offsetBytes + magic.length).equals(magic)) continue;
    if (offsetBytes + magic.length > lengthBytes || found.some((known) => known.name === name)) continue;
    const said = says ? says(head) : {};
    if (!said) continue;
    const startBytes = Math.floor(offsetBytes / (4 * KIB)) * 4 * KIB;
    const marks = [{ startBytes, lengthBytes: Math.min(4 * KIB, lengthBytes - startBytes) }];
    const claim = said.lengthBytes ? Math.min(said.lengthBytes, lengthBytes) : null;
    found.push(signature(name, usage, marks, { ...said, lengthBytes: claim }));
  }
  return found;
}

/** It says where its own superblock is, in sectors: 8. */
function isBcache(head: Buffer): boolean {
  return head.readBigUInt64LE(4 * KIB + 8) === 8n;
}

function bcachefs(head: Buffer): Said {
  return at(4 * KIB + 56, 4 * KIB + 72, 32)(head);
}

/** The label of a physical volume: its UUID is 32 letters and digits, written 6-4-4-4-4-4-6. */
function lvm2(labelAt: number): Says {
  return (head) => {
    const uuidAt = labelAt + Math.min(head.readUInt32LE(labelAt + 20), 480);
    const letters = head.toString('latin1', uuidAt, uuidAt + 32);
    const uuid = letters.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})(.{6})$/, '$1-$2-$3-$4-$5-$6-$7');
    return { uuid: /^[\w!#-]+$/.test(uuid) ? uuid : '' };
  };
}

function luks(start: number): Says {
  return (head) => ({
    uuid: cString(head.subarray(start + 168, start + 208), 'latin1'),
    label: head.readUInt16BE(start + 6) === 2 ? cString(head.subarray(start + 24, start + 72)) : '',
  });
}

/** An NSR descriptor among those that follow sector 16 (ECMA-167, part 2). */
function hasUdf(head: Buffer): boolean {
  for (let at = 32 * KIB; at + 2048 <= head.length; at += 2048) {
    const id = head.toString('latin1', at + 1, at + 6);
    if (id === 'NSR02' || id === 'NSR03') return true;
    if (!['BEA01', 'CD001', 'BOOT2', 'CDW02'].includes(id)) return false;
  }
  return false;
}

/** ECMA-119, 8.4: how long the volume is, its name, and the time of its making, which blkid takes for a UUID. */
function iso9660(head: Buffer): Said | null {
  const volume = head.subarray(32 * KIB, 34 * KIB);
  const lengthBytes = volume.readUInt32LE(80) * volume.readUInt16LE(128);
  const [modified, created] = [830, 813].map((place) => volume.toString('latin1', place, place + 16));
  const isTold = (time: string) => /^\d{16}$/.test(time) && !/^0+$/.test(time);
  const time = [modified, created].find(isTold) ?? '';
  const uuid = time.replace(/^(....)(..)(..)(..)(..)(..)(..)$/, '$1-$2-$3-$4-$5-$6-$7');
  return { label: cString(volume.subarray(40, 72)), uuid, lengthBytes };
}

/** Where allocation blocks have a size, and begin behind the volume's own block. */
function isHfs(head: Buffer): boolean {
  const block = head.readUInt32BE(KIB + 20);
  return block > 0 && block % 512 === 0 && head[KIB + 36] <= 27;
}

function hfsLabel(head: Buffer): string {
  return head.toString('latin1', KIB + 37, KIB + 37 + Math.min(head[KIB + 36], 27)).trim();
}

function isCramfs(head: Buffer): boolean {
  return head.toString('latin1', 16, 32) === 'Compressed ROMFS';
}

/** Its maps have room for what it says that it has. */
function isMinix(head: Buffer): boolean {
  const word = (at: number) => head.readUInt16LE(KIB + at);
  const isFirst = head[KIB + 17] === 0x13;
  const zones = isFirst ? word(2) : head.readUInt32LE(KIB + 20);
  const mapBits = (blocks: number) => blocks * KIB * 8;
  return (
    word(0) > 0 &&
    zones > 0 &&
    word(10) === 0 &&
    word(8) < zones &&
    mapBits(word(4)) >= word(0) &&
    mapBits(word(6)) >= zones - word(8)
  );
}

function isGfs(head: Buffer, min: number, max: number): boolean {
  const format = head.readUInt32BE(64 * KIB + 24);
  return format >= min && format <= max;
}

function gfs(head: Buffer): Said {
  return at(64 * KIB + 256, 64 * KIB + 160, 64)(head);
}

function squashfs(head: Buffer): Said {
  return { lengthBytes: Number(head.readBigUInt64LE(40) & 0xffffffffffffn) };
}
