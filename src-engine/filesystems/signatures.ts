/**
 * Well-known things whose free space cannot be told yet, by their magic bytes: they are captured whole, under their name.
 * Sources: each format's own specification; places as collected in util-linux (libblkid) and in file(1).
 */
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';

interface Magic {
  readonly name: string;
  /** from the start of the volume; from its end where it is negative */
  readonly offsetBytes: number;
  readonly magic: Buffer;
}

const ascii = (name: string, offsetBytes: number, magic: string): Magic => ({
  name,
  offsetBytes,
  magic: Buffer.from(magic, 'latin1'),
});
const hex = (name: string, offsetBytes: number, magic: string): Magic => ({
  name,
  offsetBytes,
  magic: Buffer.from(magic, 'hex'),
});

const KIB = 1024;

/**
 * Containers come before file systems: a RAID member may begin with what looks like the file system inside it. Magics of two
 * bytes are only taken together with a version beside them.
 */
const MAGICS: readonly Magic[] = [
  ascii('luks', 0, 'LUKS\xba\xbe'),
  ...[0, 1, 2, 3].map((sector) => ascii('lvm2', sector * 512 + 24, 'LVM2 001')),
  ascii('bitlocker', 3, '-FVE-FS-'),
  // BitLocker To Go: a FAT32 for show in front of the encrypted volume, told by these GUIDs.
  hex('bitlocker', 424, '3bd66749292ed84a8399f6a339e3d001'),
  hex('bitlocker', 424, '3b4da89280dd0e4d9e4eb1e3284eaed8'),
  hex('md-raid', 0, 'fc4e2ba901000000'),
  hex('md-raid', 4 * KIB, 'fc4e2ba901000000'),
  hex('bcache', 4 * KIB + 24, 'c68573f64e1a45ca8265f57f48ba6d81'),
  hex('bcachefs', 4 * KIB + 24, 'c68573f666ce90a9d96a60cf803df7ef'),
  ascii('ceph', 0, 'bluestore block device'),
  ascii('vdo', 0, 'dmvdo001'),
  ascii('ntfs', 3, 'NTFS    '),
  ascii('exfat', 3, 'EXFAT   '),
  ascii('refs', 0, '\0\0\0ReFS\0'),
  ascii('xfs', 0, 'XFSB'),
  ascii('btrfs', 64 * KIB + 64, '_BHRfS_M'),
  hex('f2fs', KIB, '1020f5f2'),
  ascii('iso9660', 32 * KIB + 1, 'CD001'),
  ascii('udf', 32 * KIB + 1, 'BEA01'),
  ascii('squashfs', 0, 'hsqs'),
  hex('erofs', KIB, 'e2e1f5e0'),
  ascii('apfs', 32, 'NXSB'),
  ascii('hfsplus', KIB, 'H+\0\x04'),
  ascii('hfsplus', KIB, 'HX\0\x05'),
  hex('nilfs2', KIB, '0200000000003434'),
  ascii('jfs', 32 * KIB, 'JFS1'),
  ascii('reiserfs', 64 * KIB + 52, 'ReIsErFs'),
  ascii('reiserfs', 64 * KIB + 52, 'ReIsEr2Fs'),
  ascii('reiserfs', 64 * KIB + 52, 'ReIsEr3Fs'),
  hex('ufs', 8 * KIB + 1372, '54190100'),
  hex('ufs2', 64 * KIB + 1372, '19015419'),
];

/** Covers every magic above. */
const HEAD_BYTES = 72 * KIB;

const MD_MAGIC = Buffer.from('fc4e2ba9', 'hex');

/**
 * MD RAID keeps its superblock at the end with metadata 1.0 (8 KiB before it, rounded down to 4 KiB) and 0.90 (the last but
 * one boundary of 64 KiB): Linux, Documentation/admin-guide/md.rst and include/uapi/linux/raid/md_p.h.
 */
async function isRaidMember(volume: BlockSource): Promise<boolean> {
  const places = [
    { startBytes: Math.floor((volume.lengthBytes - 8 * KIB) / (4 * KIB)) * 4 * KIB, major: 1 },
    { startBytes: Math.floor(volume.lengthBytes / (64 * KIB)) * 64 * KIB - 64 * KIB, major: 0 },
  ];
  for (const { startBytes, major } of places) {
    if (startBytes < 0) continue;
    const head = await readBytes(volume, startBytes, 8);
    if (head.subarray(0, 4).equals(MD_MAGIC) && head.readUInt32LE(4) === major) return true;
  }
  return false;
}

/**
 * ZFS has no superblock: a label is an array of uberblocks, 1 KiB to 8 KiB apart, in the second half of its 256 KiB.
 * OpenZFS, "ZFS On-Disk Specification", chapter 1.
 */
async function isPoolMember(volume: BlockSource): Promise<boolean> {
  const startBytes = 128 * KIB;
  if (volume.lengthBytes < 2 * startBytes) return false;
  const uberblocks = await readBytes(volume, startBytes, startBytes);
  for (let at = 0; at < uberblocks.length; at += KIB) {
    if (uberblocks.readBigUInt64LE(at) === 0x00bab10cn || uberblocks.readBigUInt64BE(at) === 0x00bab10cn) return true;
  }
  return false;
}

/**
 * @returns the name of what `volume` holds, in the form that blkid or the file system's own tools use, or null
 * @throws EngineError `READ_FAILED`
 */
export async function recogniseSignature(volume: BlockSource): Promise<string | null> {
  const head = await readBytes(volume, 0, Math.min(HEAD_BYTES, volume.lengthBytes));
  if (await isRaidMember(volume)) return 'md-raid';
  const found = MAGICS.find(({ offsetBytes, magic }) => {
    return head.subarray(offsetBytes, offsetBytes + magic.length).equals(magic);
  });
  if (found) return found.name;
  return (await isPoolMember(volume)) ? 'zfs' : null;
}
