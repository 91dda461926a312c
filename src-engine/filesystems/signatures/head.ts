/**
 * What is known by magic bytes at the front. Sources: each format's own specification; places as collected in util-linux
 * (libblkid) and in file(1).
 */
import { crc32c } from '../../core/crc32c.ts';
import { uuidText } from '../uuid.ts';
import { hfsSaid, isHfs, isWrapper } from './apple.ts';
import { signature, KIB, type Signature } from './signature.ts';
import {
  at,
  only,
  bcachefs,
  befs,
  drbdManage,
  gfs,
  hpfs,
  isBcache,
  isCramfs,
  isGfs,
  isMinix,
  isReiser,
  isZonefs,
  iso9660,
  luks,
  lvm2,
  lvmUuid,
  nilfsSaid,
  squashfs,
  stratis,
  ufs,
  xfsLog,
  type Reader,
} from './superblocks.ts';
import { cString, mdOne } from './tail.ts';
import { hasUdf } from './udf.ts';

/** Covers every magic below. */
export const HEAD_BYTES = 264 * KIB;

interface Magic {
  readonly name: string;
  readonly usage: Signature['usage'];
  readonly offsetBytes: number;
  readonly magic: Buffer;
  readonly says?: Reader;
}

type Usage = Signature['usage'];

function ascii(usage: Usage, name: string, offsetBytes: number, magic: string, says?: Reader): Magic {
  return { name, usage, offsetBytes, magic: Buffer.from(magic, 'latin1'), says };
}

function hex(usage: Usage, name: string, offsetBytes: number, magic: string, says?: Reader): Magic {
  return { name, usage, offsetBytes, magic: Buffer.from(magic, 'hex'), says };
}

/** UFS 1 of the BSDs and of Sun, and its offspring with other magics. */
const UFS_MAGICS = ['00011954', '00195612', '00095014', '00612195', '05231994'];

const MINIX_MAGICS = [
  { version: 1, place: KIB + 16, magic: '7f13' },
  { version: 1, place: KIB + 16, magic: '8f13' },
  { version: 2, place: KIB + 16, magic: '6824' },
  { version: 2, place: KIB + 16, magic: '7824' },
  { version: 3, place: KIB + 24, magic: '5a4d' },
];

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
  ascii('other', 'drbdmanage_control_volume', 0, '$DRBDmgr=q', drbdManage),
  ascii('other', 'drbdproxy_datalog', 0, 'DRBDdlh*', at(16)),
  ...[0, 1, 2, 3].map((sector) => ascii('volume-group', 'lvm2', sector * 512 + 24, 'LVM2 001', lvm2(sector * 512))),
  hex('volume-group', 'lvm1', 0, '484d0100', (head) => ({ uuid: lvmUuid(head, 44) })),
  hex('volume-group', 'lvm1', 0, '484d0200', (head) => ({ uuid: lvmUuid(head, 44) })),
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
  ascii('crypto', 'luks', 0, 'LUKS\xba\xbe', luks(0, 'LUKS\xba\xbe')),
  // the second header of LUKS 2, where the first one is gone
  ...[16, 32, 64, 128, 256].map((place) =>
    ascii('crypto', 'luks', place * KIB, 'SKUL\xba\xbe', luks(place * KIB, 'SKUL\xba\xbe')),
  ),
  ascii('raid', 'ubi', 0, 'UBI#', (head) => ({ uuid: String(head.readUInt32BE(24)) })),
  ascii('other', 'vdo', 0, 'dmvdo001', at(40)),
  ...[512, 4608].map((place) =>
    hex('volume-group', 'stratis', place + 4, '21537472613074697386ff025e417268', stratis(place)),
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
  // the journal of an ext3 or ext4 that lies elsewhere
  hex(
    'other',
    'jbd',
    KIB + 56,
    '53ef',
    only((head) => (head.readUInt32LE(KIB + 96) & 8) !== 0, at(KIB + 104, KIB + 120, 16)),
  ),
  ...[8 * KIB + 52, 8 * KIB + 20, 64 * KIB + 52].map((place) =>
    ascii('filesystem', 'reiserfs', place, 'ReIsErFs', (head) => (isReiser(head, place) ? {} : null)),
  ),
  ...['ReIsEr2Fs', 'ReIsEr3Fs'].map((magic) =>
    ascii(
      'filesystem',
      'reiserfs',
      64 * KIB + 52,
      magic,
      only((head) => isReiser(head, 64 * KIB + 52), at(64 * KIB + 84, 64 * KIB + 100, 16)),
    ),
  ),
  ascii('filesystem', 'reiser4', 64 * KIB, 'ReIsEr4', at(64 * KIB + 20, 64 * KIB + 36, 16)),
  ascii('filesystem', 'jfs', 32 * KIB, 'JFS1', at(32 * KIB + 136, 32 * KIB + 152, 16)),
  // behind CD001 it is a bridge: the descriptors of UDF follow those of ISO 9660
  ...['BEA01', 'BOOT2', 'CD001', 'CDW02', 'NSR02', 'NSR03', 'TEA01'].map((id) =>
    ascii('filesystem', 'udf', 32 * KIB + 1, id, only(hasUdf)),
  ),
  ascii('filesystem', 'iso9660', 32 * KIB + 1, 'CD001', iso9660),
  ascii('filesystem', 'iso9660', 32 * KIB + 9, 'CDROM', at(null, 32 * KIB + 48, 32)),
  ascii('filesystem', 'hfsplus', KIB, 'H+\0\x04'),
  ascii('filesystem', 'hfsplus', KIB, 'HX\0\x05'),
  ascii('filesystem', 'hfsplus', KIB, 'BD', only(isWrapper)),
  ascii('filesystem', 'hfs', KIB, 'BD', only(isHfs, hfsSaid)),
  ...[0, 8, 64, 256].flatMap((place) => [
    ...UFS_MAGICS.flatMap((magic) => [
      hex('filesystem', 'ufs', place * KIB + 1372, magic, ufs(place * KIB, false)),
      hex('filesystem', 'ufs', place * KIB + 1372, reversed(magic), ufs(place * KIB, true)),
    ]),
    hex('filesystem', 'ufs2', place * KIB + 1372, '19540119', ufs(place * KIB, false)),
    hex('filesystem', 'ufs2', place * KIB + 1372, '19015419', ufs(place * KIB, true)),
  ]),
  hex(
    'filesystem',
    'hpfs',
    8 * KIB,
    '49e895f9',
    only((head) => head.readUInt32BE(8 * KIB + 512) === 0x491891f9, hpfs),
  ),
  ...[0, 9, 15, 18].flatMap((place) =>
    ['207e18fd', 'fd187e20'].map((magic) =>
      hex('filesystem', 'sysv', place * KIB + 1016, magic, at(null, place * KIB + 952, 6)),
    ),
  ),
  // Linux looks for it in the last words of the superblock, libblkid behind it
  ...[2040, 2048].flatMap((place) =>
    ['44552b', '2b5544'].map((magic) => hex('filesystem', 'xenix', place, magic, at(null, KIB + 632, 6))),
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
  ...MINIX_MAGICS.flatMap(({ version, place, magic }) => [
    hex(
      'filesystem',
      'minix',
      place,
      magic,
      only((head) => isMinix(head, version, false)),
    ),
    hex(
      'filesystem',
      'minix',
      place,
      reversed(magic),
      only((head) => isMinix(head, version, true)),
    ),
  ]),
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
  ascii('filesystem', 'ocfs', 8, 'OracleCFS', (head) => ({
    label: cString(head.subarray(560, 560 + Math.min(head.readUInt16LE(624), 64))),
    uuid: uuidText(head.subarray(626, 642)),
  })),
  ...[1, 2, 4, 8].map((place) =>
    ascii('filesystem', 'ocfs2', place * KIB, 'OCFSV2', at(place * KIB + 336, place * KIB + 272, 64)),
  ),
  ascii('other', 'oracleasm', 32, 'ORCLDISK', at(null, 40, 24)),
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
    only((head) => head.readUInt16LE(28) < 4),
  ),
  ascii(
    'filesystem',
    'squashfs3',
    0,
    'sqsh',
    only((head) => head.readUInt16BE(28) < 4),
  ),
  ascii('filesystem', 'nss', 4 * KIB, 'SPB5', at(4 * KIB + 348)),
  ascii('filesystem', 'btrfs', 64 * KIB + 64, '_BHRfS_M', at(64 * KIB + 32, 64 * KIB + 299, 256)),
  hex('filesystem', 'ubifs', 0, '31181006', at(108)),
  hex('filesystem', 'bfs', 0, 'cefaad1b'),
  ...[0, 512].flatMap((place) => [
    ascii('filesystem', 'befs', place + 32, 'BFS1', befs(place, true)),
    ascii('filesystem', 'befs', place + 32, '1SFB', befs(place, false)),
  ]),
  hex('filesystem', 'nilfs2', KIB + 6, '3434', (head) => nilfsSaid(head.subarray(KIB))),
  ascii('filesystem', 'exfat', 3, 'EXFAT   '),
  hex('filesystem', 'f2fs', KIB, '1020f5f2', (head) => ({
    uuid: uuidText(head.subarray(KIB + 108, KIB + 124)),
    label: head
      .toString('utf16le', KIB + 124, KIB + 124 + 1024)
      .replace(/\0[^]*$/, '')
      .toWellFormed(),
  })),
  ascii(
    'filesystem',
    'mpool',
    0,
    'mpoolDev',
    only((head) => ~crc32c(0xffffffff, head.subarray(0, 62)) >>> 0 === head.readUInt32LE(62), at(40, 8, 32)),
  ),
  ascii('filesystem', 'apfs', 32, 'NXSB', at(72)),
  ascii('filesystem', 'zonefs', 0, 'SFOZ', only(isZonefs, at(40, 8, 32))),
  hex('filesystem', 'erofs', KIB, 'e2e1f5e0', at(KIB + 48, KIB + 64, 16)),
  ...['e001', 'e002', '2003', '2004', '2006'].flatMap((type) => [
    hex('filesystem', 'jffs2', 0, `1985${type}`),
    hex('filesystem', 'jffs2', 0, `8519${reversed(type)}`),
  ]),
];

/** @param head the first {@link HEAD_BYTES}, zeros where the source is shorter; at most one signature for each name */
export function headSignatures(head: Buffer, lengthBytes: number): Signature[] {
  const found: Signature[] = [];
  for (const { name, usage, offsetBytes, magic, says } of MAGICS) {
    if (!head.subarray(offsetBytes, offsetBytes + magic.length).equals(magic)) continue;
    if (offsetBytes + magic.length > lengthBytes || found.some((known) => known.name === name)) continue;
    const said: ReturnType<Reader> = says ? says(head) : {};
    if (!said) continue;
    const startBytes = Math.floor(offsetBytes / (4 * KIB)) * 4 * KIB;
    const marks = [{ startBytes, lengthBytes: Math.min(4 * KIB, lengthBytes - startBytes) }];
    const claim = said.lengthBytes ? Math.min(said.lengthBytes, lengthBytes) : null;
    found.push(signature(name, usage, marks, { ...said, lengthBytes: claim }));
  }
  const log = lengthBytes < XFS_LOG_MIN_BYTES ? null : xfsLog(head);
  return log ? [log, ...found] : found;
}

function reversed(hexDigits: string): string {
  return Buffer.from(hexDigits, 'hex').reverse().toString('hex');
}

/** Smaller logs are not kept on devices of their own. */
const XFS_LOG_MIN_BYTES = 10 * KIB * KIB;
