/** Superblocks of what no tool here makes, written byte by byte from what is known of each format, with names and numbers. */
import { crc32 } from 'node:zlib';
import { crc32c } from '../../../src-engine/core/crc32c.ts';
import { MIB } from './images.ts';

const KIB = 1024;
const UUID = Buffer.from('0f0e0d0c11114222833344445555 6666'.replace(' ', ''), 'hex');
export const LENGTH = 4 * MIB;

export interface WrittenVolume {
  readonly name: string;
  readonly what?: string;
  /** what blkid says, where it has another name for it; null where it knows none */
  readonly blkid?: string | null;
  readonly lengthBytes?: number;
  /** @param volume of zeros */
  write(volume: Buffer): void;
}

/** Writes words of four bytes. */
function words(volume: Buffer, at: number, isBig: boolean, ...values: number[]): void {
  values.forEach((value, i) =>
    isBig ? volume.writeUInt32BE(value, at + i * 4) : volume.writeUInt32LE(value, at + i * 4),
  );
}

/** In a sector counted from the end. */
function atEnd(name: string, sector: number, write: (block: Buffer) => void, what?: string): WrittenVolume {
  return { name, what, write: (volume) => write(volume.subarray(LENGTH - sector * 512)) };
}

function text(name: string, at: number, letters: string, what?: string): WrittenVolume {
  return { name, what, write: (volume) => void volume.write(letters, at, 'latin1') };
}

/** The sum of the first 50 bytes stands behind them. */
function via(block: Buffer): void {
  block.writeUInt16LE(0xaa55, 0);
  block.writeUInt8(1, 2);
  block[50] = block.subarray(0, 50).reduce((sum, byte) => sum + byte, 0) & 0xff;
}

function silicon(block: Buffer): void {
  block.writeUInt32LE(0x2f000000, 0x60);
  block.writeUInt8(1, 0x116);
  let sum = 0;
  for (let at = 0; at < 0x13e; at += 2) sum += block.readUInt16LE(at);
  block.writeUInt16LE(-sum & 0xffff, 0x13e);
}

/** All words of 128 bytes add up to `total`. */
export function jmicron(block: Buffer, total: number, mode = 1): void {
  block.write('JM', 0, 'latin1');
  block.writeUInt16LE(0x0101, 2);
  block.writeUInt8(mode, 48);
  let sum = 0;
  for (let at = 0; at < 128; at += 2) sum += block.readUInt16LE(at);
  block.writeUInt16LE((total - sum) & 0xffff, 4);
}

function mdOne(block: Buffer): void {
  words(block, 0, false, 0xa92b4efc, 1);
  UUID.copy(block, 16);
  block.write('host:array', 32, 'latin1');
  // disks: one, and the sum of the first 256 bytes and of what each disk is
  block.writeUInt32LE(1, 92);
  block.writeUInt32LE(1, 220);
  let sum = 0;
  for (let at = 0; at < 256; at += 4) sum += block.readUInt32LE(at);
  sum += block.readUInt16LE(256);
  block.writeUInt32LE(((sum >>> 0) + Math.floor(sum / 2 ** 32)) >>> 0, 216);
}

function mdZero(block: Buffer, isBig: boolean): void {
  words(block, 0, isBig, 0xa92b4efc, 0, 90);
  words(block, 20, isBig, 0x01020304);
  words(block, 52, isBig, 0x05060708, 0x090a0b0c, 0x0d0e0f10);
}

function lvm2(volume: Buffer): void {
  const label = volume.subarray(512, 1024);
  label.write('LABELONE', 0, 'latin1');
  label.writeBigUInt64LE(1n, 8);
  label.writeUInt32LE(32, 20);
  label.write('LVM2 001', 24, 'latin1');
  label.write('abcdefghijklmnopqrstuvwxyzABCDEF', 32, 'latin1');
  label.writeUInt32LE(~crc32(label.subarray(20), ~0xf597a6cf >>> 0) >>> 0, 16);
}

function stratis(volume: Buffer, place: number): void {
  const sector = volume.subarray(place, place + 512);
  sector.write('!Stra0tis\x86\xff\x02^\x41rh', 4, 'latin1');
  sector.writeBigUInt64LE(BigInt(LENGTH / 512), 20);
  sector.write('00112233445566778899aabbccddeeff', 32, 'latin1');
  sector.write('ffeeddccbbaa99887766554433221100', 64, 'latin1');
  sector.writeUInt32LE(~crc32c(0xffffffff, sector.subarray(4)) >>> 0, 0);
}

function mpool(volume: Buffer): void {
  volume.write('mpoolDev', 0, 'latin1');
  volume.write('a pool', 8, 'latin1');
  UUID.copy(volume, 40);
  volume.writeUInt32LE(~crc32c(0xffffffff, volume.subarray(0, 62)) >>> 0, 62);
}

function zonefs(volume: Buffer): void {
  volume.write('SFOZ', 0, 'latin1');
  volume.write('zones', 8, 'latin1');
  UUID.copy(volume, 40);
  volume.writeUInt32LE(~crc32(volume.subarray(0, 4 * KIB)) >>> 0, 4);
}

function hpfs(volume: Buffer): void {
  volume.writeUInt16LE(0xaa55, 510);
  volume.writeUInt8(0x28, 38);
  volume.writeUInt32LE(0x89abcdef, 39);
  volume.write('OS2 SYSTEM ', 43, 'latin1');
  volume.write('HPFS    ', 54, 'latin1');
  words(volume, 8 * KIB, false, 0xf995e849, 0xfa53e9c5);
  words(volume, 8 * KIB + 512, false, 0xf9911849, 0xfa5229c5);
}

function befs(volume: Buffer, place: number, isBig: boolean): void {
  volume.write('Haiku', place, 'latin1');
  words(volume, place + 32, isBig, 0x42465331, 0x42494745, 2048, 11);
  words(volume, place + 64, isBig, 2048, 0xdd121031, 1, 11, 8);
  words(volume, place + 112, isBig, 0x15b6830e);
  // the inode of the root folder: in block 8 of group 0, one block long
  words(volume, place + 116, isBig, 0);
  if (isBig) volume.writeUInt16BE(8, place + 120);
  else volume.writeUInt16LE(8, place + 120);
  if (isBig) volume.writeUInt16BE(1, place + 122);
  else volume.writeUInt16LE(1, place + 122);
  words(volume, 8 * 2048, isBig, 0x3bbe0ad9);
}

function sysv(volume: Buffer, block: number, isBig: boolean): void {
  const at = block * KIB + 512;
  volume.write('root', at + 440, 'latin1');
  words(volume, at + 504, isBig, 0xfd187e20, 2);
}

function gfs(volume: Buffer): void {
  words(volume, 64 * KIB, true, 0x01161970, 1);
  words(volume, 64 * KIB + 24, true, 1309, 1401);
  volume.write('old:table', 64 * KIB + 160, 'latin1');
  UUID.copy(volume, 64 * KIB + 256);
}

function vmfs(volume: Buffer): void {
  words(volume, 2 * MIB, true, 0x5ef1ab2f);
  UUID.copy(volume, 2 * MIB + 9);
  volume.write('datastore1', 2 * MIB + 29, 'latin1');
}

function netware(volume: Buffer): void {
  volume.write('SPB5', 4 * KIB, 'latin1');
  UUID.copy(volume, 4 * KIB + 348);
}

/** A version 4 superblock of ZFS: four uberblocks in the first label, with the name and number of the pool. */
function zfs(volume: Buffer): void {
  const pairs = volume.subarray(16 * KIB);
  pairs.writeUInt8(1, 0);
  let at = 12;
  const pair = (name: string, type: number, value: Buffer) => {
    const nameBytes = Math.ceil(name.length / 4) * 4;
    const size = 12 + nameBytes + 8 + value.length;
    words(pairs, at, true, size, size, name.length);
    pairs.write(name, at + 12, 'latin1');
    words(pairs, at + 12 + nameBytes, true, type, 1);
    value.copy(pairs, at + 20 + nameBytes);
    at += size;
  };
  const string = Buffer.alloc(8);
  string.writeUInt32BE(4, 0);
  string.write('tank', 4, 'latin1');
  const guid = Buffer.alloc(8);
  guid.writeBigUInt64BE(1234567890123456789n);
  pair('name', 9, string);
  pair('pool_guid', 8, guid);
  for (let i = 0; i < 8; i++) volume.writeBigUInt64LE(0x00bab10cn, 128 * KIB + i * KIB);
}

/** HFS+ with a catalog of one leaf, which says the name of the volume. */
function hfsPlus(volume: Buffer, startBytes: number, isX: boolean): void {
  const header = volume.subarray(startBytes + KIB);
  header.write(isX ? 'HX' : 'H+', 0, 'latin1');
  header.writeUInt16BE(isX ? 5 : 4, 2);
  words(header, 40, true, 4096, 1024, 512);
  header.write('12345678', 104, 'latin1');
  // the catalog: in two pieces, a block at 20 and blocks from 30 on
  words(header, 288, true, 20, 1, 30, 4);
  const tree = volume.subarray(startBytes + 20 * 4096);
  tree.writeUInt8(1, 8);
  tree.writeUInt16BE(1, 14);
  words(tree, 16, true, 1, 2, 1, 1);
  tree.writeUInt16BE(4096, 32);
  const leaf = volume.subarray(startBytes + 30 * 4096);
  leaf.writeInt8(-1, 8);
  leaf.writeUInt16BE(2, 10);
  const name = Buffer.from('Macintosh HD ü', 'utf16le').swap16();
  leaf.writeUInt16BE(6 + name.length, 14);
  leaf.writeUInt32BE(1, 16);
  leaf.writeUInt16BE(name.length / 2, 20);
  name.copy(leaf, 22);
}

function hfsWrapper(volume: Buffer): void {
  const block = volume.subarray(KIB);
  block.write('BD', 0, 'latin1');
  words(block, 20, true, 8192);
  block.writeUInt16BE(20, 28);
  block.write('H+', 124, 'latin1');
  block.writeUInt16BE(4, 126);
  hfsPlus(volume, 20 * 512 + 4 * 8192, false);
}

/** A superblock of Linux' own integrity: dm-integrity.c, struct superblock. */
function integrity(volume: Buffer): void {
  volume.write('integrt\0', 0, 'latin1');
  volume.writeUInt8(4, 8);
  volume.writeUInt8(15, 9);
  volume.writeUInt16LE(4, 10);
  volume.writeUInt32LE(84, 12);
}

function ddf(block: Buffer): void {
  words(block, 0, true, 0xde11de11);
  block.write('LSI     0123456789ABCDEF', 8, 'latin1');
  block.write('01.02.00', 32, 'latin1');
}

/** A second volume descriptor, in Microsoft's extension, whose name is not that of the first. */
function joliet(volume: Buffer): void {
  const descriptor = (type: number, sector: number) => {
    const at = sector * 2048;
    volume.writeUInt8(type, at);
    volume.write('CD001\x01', at + 1, 'latin1');
    return volume.subarray(at, at + 2048);
  };
  const first = descriptor(1, 16);
  first.write('ETE'.padEnd(32), 40, 'latin1');
  first.writeUInt32LE(2000, 80);
  first.writeUInt16LE(2048, 128);
  first.write('2026112812345600', 813, 'latin1');
  first.write('2026112812345700', 830, 'latin1');
  const second = descriptor(2, 17);
  Buffer.from('Été à Ça'.padEnd(16), 'utf16le').swap16().copy(second, 40);
  second.write('%/E', 88, 'latin1');
  descriptor(255, 18);
}

function ubuntuBluestore(volume: Buffer): void {
  volume.write('bluestore block device\n0f0e0d0c-1111-4222-8333-444455556666\n', 0, 'latin1');
}

function minixThree(volume: Buffer): void {
  words(volume, KIB, true, 64);
  volume.writeUInt16BE(1, KIB + 6);
  volume.writeUInt16BE(1, KIB + 8);
  volume.writeUInt16BE(5, KIB + 10);
  words(volume, KIB + 20, true, 1024);
  volume.writeUInt16BE(0x4d5a, KIB + 24);
  volume.writeUInt16BE(1024, KIB + 28);
}

function ocfsOne(volume: Buffer): void {
  words(volume, 0, false, 0, 2);
  volume.write('OracleCFS', 8, 'latin1');
  volume.write('shared', 560, 'latin1');
  volume.writeUInt16LE(6, 624);
  UUID.copy(volume, 626);
}

export const WRITTEN: readonly WrittenVolume[] = [
  { name: 'md-raid', what: '1.1', blkid: 'linux_raid_member', write: (volume) => writeMd(volume, 0) },
  { name: 'md-raid', what: '1.2', blkid: 'linux_raid_member', write: (volume) => writeMd(volume, 4 * KIB) },
  { name: 'md-raid', what: '1.0', blkid: 'linux_raid_member', write: (volume) => writeMd(volume, LENGTH - 8 * KIB) },
  {
    name: 'md-raid',
    what: '0.90',
    blkid: 'linux_raid_member',
    write: (volume) => mdZero(volume.subarray(LENGTH - 64 * KIB), false),
  },
  {
    name: 'md-raid',
    what: '0.90, big-endian',
    blkid: 'linux_raid_member',
    write: (volume) => mdZero(volume.subarray(LENGTH - 64 * KIB), true),
  },
  atEnd('ddf_raid_member', 1, ddf),
  atEnd('ddf_raid_member', 257, ddf, '256 sectors earlier'),
  atEnd('isw_raid_member', 2, (block) => void block.write('Intel Raid ISM Cfg Sig. 1.3.00', 0, 'latin1')),
  atEnd('lsi_mega_raid_member', 1, (block) => void block.write('$XIDE$', 0, 'latin1')),
  atEnd('via_raid_member', 1, via),
  atEnd('silicon_medley_raid_member', 1, silicon),
  atEnd('nvidia_raid_member', 2, (block) => void block.write('NVIDIA', 0, 'latin1')),
  ...[63, 255, 256, 16, 399, 591, 675, 735, 911, 974, 991, 951, 3087].map((sector) =>
    atEnd(
      'promise_fasttrack_raid_member',
      sector,
      (block) => void block.write('Promise Technology, Inc.', 0, 'latin1'),
      `${sector} sectors before the end`,
    ),
  ),
  atEnd('hpt45x_raid_member', 11, (block) => words(block, 0, false, 0x5a7816f3)),
  atEnd('hpt45x_raid_member', 11, (block) => words(block, 0, false, 0x5a7816fd), 'of a broken array'),
  { name: 'hpt37x_raid_member', write: (volume) => words(volume, 9 * 512 + 32, false, 0x5a7816f0) },
  {
    name: 'hpt37x_raid_member',
    what: 'of a broken array',
    write: (volume) => words(volume, 9 * 512 + 32, false, 0x5a7816fd),
  },
  atEnd('adaptec_raid_member', 1, (block) => {
    words(block, 0, true, 0x37fc4d1e);
    block.write('DPTM', 256, 'latin1');
  }),
  atEnd('jmicron_raid_member', 1, (block) => jmicron(block, 0)),
  atEnd('jmicron_raid_member', 1, (block) => jmicron(block, 1, 5), 'whose sum is 1'),
  { name: 'ceph', blkid: 'ceph_bluestore', write: ubuntuBluestore },
  text('drbdmanage_control_volume', 0, '$DRBDmgr=q\n0123456789abcdef0123456789ABCDEF\n'),
  {
    name: 'drbdproxy_datalog',
    write: (volume) => {
      volume.write('DRBDdlh*', 0, 'latin1');
      UUID.copy(volume, 16);
    },
  },
  { name: 'lvm2', blkid: 'LVM2_member', write: lvm2 },
  {
    name: 'lvm1',
    blkid: 'LVM1_member',
    write: (volume) => void volume.write('HM\x01\0'.padEnd(44, '\0') + 'abcdefghijklmnopqrstuvwxyzABCDEF', 0, 'latin1'),
  },
  text('DM_snapshot_cow', 0, 'SnAp'),
  { name: 'DM_integrity', write: integrity },
  {
    name: 'VMFS_volume_member',
    write: (volume) => {
      words(volume, MIB, true, 0x0dd001c0);
      volume.write('53d2d3b7-0f0e0d0c-1111-000c29aabbcc', MIB + 532, 'latin1');
    },
  },
  { name: 'VMFS', write: vmfs },
  {
    name: 'vdo',
    write: (volume) => {
      volume.write('dmvdo001', 0, 'latin1');
      UUID.copy(volume, 40);
    },
  },
  { name: 'stratis', write: (volume) => stratis(volume, 512) },
  { name: 'stratis', what: 'whose first superblock is gone', write: (volume) => stratis(volume, 4608) },
  {
    name: 'bitlocker',
    blkid: 'BitLocker',
    what: 'Vista',
    write: (volume) => void volume.write('\xeb\x52\x90-FVE-FS-', 0, 'latin1'),
  },
  { name: 'zfs', blkid: 'zfs_member', lengthBytes: 64 * MIB, write: zfs },
  { name: 'hfsplus', write: (volume) => hfsPlus(volume, 0, false) },
  { name: 'hfsplus', what: 'HFSX', write: (volume) => hfsPlus(volume, 0, true) },
  { name: 'hfsplus', what: 'inside HFS', write: hfsWrapper },
  { name: 'iso9660', what: 'with a name in Joliet alone', write: joliet },
  {
    name: 'iso9660',
    what: 'High Sierra',
    write: (volume) => {
      volume.write('\x01CDROM\x01', 32 * KIB + 8, 'latin1');
      volume.write('OLD DISC'.padEnd(32), 32 * KIB + 48, 'latin1');
    },
  },
  { name: 'hpfs', write: hpfs },
  ...[0, 9, 15, 18].flatMap((block): WrittenVolume[] => [
    { name: 'sysv', what: `in block ${block}`, write: (volume) => sysv(volume, block, false) },
    { name: 'sysv', what: `in block ${block}, big-endian`, write: (volume) => sysv(volume, block, true) },
  ]),
  {
    name: 'xenix',
    write: (volume) => {
      volume.write('xenix', KIB + 632, 'latin1');
      volume.write('\x2b\x55\x44', 2 * KIB, 'latin1');
    },
  },
  { name: 'refs', blkid: 'ReFS', write: (volume) => void volume.write('\0\0\0ReFS\0', 0, 'latin1') },
  // libblkid means to know it, and compares the magic with its bytes the wrong way round
  { name: 'minix', what: 'version 3, big-endian', blkid: null, write: minixThree },
  { name: 'gfs', lengthBytes: 64 * MIB, write: gfs },
  { name: 'ocfs', blkid: null, write: ocfsOne },
  {
    name: 'oracleasm',
    write: (volume) => void volume.write('ORCLDISKDATA1', 32, 'latin1'),
  },
  text('vxfs', KIB, '\xf5\xfc\x01\xa5'),
  text('vxfs', 8 * KIB, '\xa5\x01\xfc\xf5', 'big-endian'),
  { name: 'squashfs3', write: (volume) => void volume.write('hsqs'.padEnd(28, '\0') + '\x03', 0, 'latin1') },
  {
    name: 'squashfs3',
    what: 'big-endian',
    write: (volume) => void volume.write('sqsh'.padEnd(28, '\0') + '\0\x03', 0, 'latin1'),
  },
  { name: 'nss', write: netware },
  ...[0, 512].flatMap((place): WrittenVolume[] => [
    { name: 'befs', what: `at ${place}`, write: (volume) => befs(volume, place, false) },
    { name: 'befs', what: `at ${place}, big-endian`, write: (volume) => befs(volume, place, true) },
  ]),
  { name: 'mpool', write: mpool },
  { name: 'zonefs', write: zonefs },
  ...['00195612', '00095014', '00612195', '05231994'].map((magic): WrittenVolume => ({
    name: 'ufs',
    what: `of magic ${magic}`,
    write: (volume) => {
      words(volume, 8 * KIB + 1372, false, Number.parseInt(magic, 16));
      words(volume, 8 * KIB + 144, false, 0x6566a1b2, 0x00c0ffee);
    },
  })),
  {
    name: 'ufs2',
    blkid: 'ufs',
    what: 'with a name',
    write: (volume) => {
      words(volume, 64 * KIB + 1372, false, 0x19540119);
      words(volume, 64 * KIB + 144, false, 0x6566a1b2, 0x00c0ffee);
      volume.write('berkeley', 64 * KIB + 680, 'latin1');
    },
  },
];

function writeMd(volume: Buffer, at: number): void {
  const block = volume.subarray(at);
  block.writeBigUInt64LE(BigInt(at / 512), 144);
  mdOne(block);
}
