/** File systems that get other lengths: how each is made, filled, mounted, and judged by its own checker. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { noise } from './disks.ts';
import { MIB, run, type Workbench } from './workbench.ts';

export interface Kind {
  readonly name: string;
  /** as mount(8) and the plan call it */
  readonly type: string;
  /** makes the file system on a device */
  make(device: string): void;
  /** what it asks of whoever reads it, as its own program says it */
  features?(device: string): string;
  /** says whether it is sound @returns its length in bytes */
  judge(device: string): number;
}

const blocksOf = (text: string, count: RegExp, size: RegExp) =>
  Number(count.exec(text)![1]) * Number(size.exec(text)![1]);

function judgeExt(device: string): number {
  run('e2fsck', '-fn', device);
  return blocksOf(run('dumpe2fs', '-h', device), /Block count: +(\d+)/, /Block size: +(\d+)/);
}
export const ext = (name: string, type: string, ...options: string[]): Kind => ({
  name,
  type,
  make: (device) => run('mke2fs', '-q', '-F', '-t', type, ...options, device),
  features: (device) => /Filesystem features: +(.*)/.exec(run('dumpe2fs', '-h', device))![1],
  judge: judgeExt,
});
export const EXT4 = ext('ext4', 'ext4');
export const EXTS = [
  EXT4,
  ext('ext4 with blocks of 1 KiB', 'ext4', '-b', '1024'),
  ext('ext4 without room for more descriptors', 'ext4', '-O', '^resize_inode'),
  ext('ext4 with groups of groups', 'ext4', '-O', '^resize_inode,meta_bg'),
  ext('ext4 without 64 bits and sums', 'ext4', '-O', '^64bit,^metadata_csum'),
  ext('ext3', 'ext3'),
  ext('ext2', 'ext2'),
];
export const NTFS: Kind = {
  name: 'NTFS',
  type: 'ntfs',
  make: (device) => run('mkfs.ntfs', '-q', '-F', '-Q', device),
  judge(device) {
    run('ntfsfix', '-n', device);
    return Number(/Current volume size: (\d+) bytes/.exec(run('ntfsresize', '-i', '-f', device))![1]);
  },
};
const OLD_XFS = ['-m', 'bigtime=0,inobtcount=0,reflink=0,finobt=0', '-i', 'sparse=0'];
export const XFS: Kind = {
  name: 'XFS',
  type: 'xfs',
  // as an older release makes it: its GRUB knows none of what came later
  make: (device) => run('mkfs.xfs', '-q', '-f', '-L', 'a label', ...OLD_XFS, device),
  features: (device) => run('xfs_db', '-r', '-c', 'version', device),
  judge(device) {
    run('xfs_repair', '-n', device);
    const text = run('xfs_db', '-r', '-c', 'sb 0', '-c', 'p dblocks blocksize', device);
    return blocksOf(text, /dblocks = (\d+)/, /blocksize = (\d+)/);
  },
};
export const BTRFS: Kind = {
  name: 'btrfs',
  type: 'btrfs',
  make: (device) => run('mkfs.btrfs', '-q', '-f', device),
  judge(device) {
    run('btrfs', 'check', device);
    return Number(/^total_bytes\t+(\d+)/m.exec(run('btrfs', 'inspect-internal', 'dump-super', device))![1]);
  },
};

/** Does something with the files of a device, or of a file where the options say `loop`. */
export function withMounted<T>(
  bench: Workbench,
  device: string,
  { type }: Kind,
  options: string,
  work: (point: string) => T,
): T {
  const point = bench.mount(device, `${options}${type === 'xfs' ? ',nouuid' : ''}`);
  try {
    return work(point);
  } finally {
    bench.unmount(point);
  }
}

/** Files of all sorts, some of them scattered, as far as the file system has such. */
export function fillTree(point: string, { type }: Kind): void {
  mkdirSync(join(point, 'deep', 'deeper'), { recursive: true });
  for (let i = 0; i < 60; i++)
    writeFileSync(join(point, i % 2 ? 'deep' : '.', `file${i}`), noise(`tree ${i}`, 1 + ((i * 7919) % 90_000)));
  for (let i = 0; i < 60; i += 3) rmSync(join(point, i % 2 ? 'deep' : '.', `file${i}`));
  writeFileSync(join(point, 'deep', 'deeper', 'large'), noise('large', 5 * MIB));
  if (type === 'ntfs') return;
  run('ln', join(point, 'deep', 'deeper', 'large'), join(point, 'linked'));
  run('ln', '-s', 'deep/deeper/large', join(point, 'symlink'));
  run('chown', '1234:567', join(point, 'file2'));
  run('chmod', '4711', join(point, 'file4'));
  run('mknod', join(point, 'fifo'), 'p');
  run('truncate', '-s', '40M', join(point, 'hole'));
  run('python3', '-c', 'import os,sys; os.setxattr(sys.argv[1], "user.note", b"kept")', join(point, 'file8'));
}

/** What treeOf tells, without the times of folders: resize2fs dates those anew in which it gives entries other inodes. */
export const undated = (tree: string): string => tree.replace(/^(\S+ 0o40\d+ \d+ \d+) \d+/gm, '$1');
