/** Volumes that the tools of file systems, mappers and replicators make, each with a name and a number where the tool takes them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { emptyImage, MIB, noise, run } from './images.ts';

const UUID = '0f0e0d0c-1111-4222-8333-444455556666';

export interface NamedVolume {
  /** what is shown for it */
  readonly name: string;
  readonly what?: string;
  /** what blkid says, where it has another name for it; null where it knows none */
  readonly blkid?: string | null;
  /** @param path of the image to make */
  make(path: string): void;
}

/** @returns a folder with two files */
function someFiles(path: string): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(`${path}/one`, noise('one', 5000));
  writeFileSync(`${path}/two`, noise('two', 70_000));
  return path;
}

/** A tool that writes into an image that is there. */
function tool(name: string, megabytes: number, command: string, args: string[], what?: string): NamedVolume {
  return { name, what, make: (path) => void run(command, [...args, emptyImage(path, megabytes * MIB)]) };
}

/** A tool that makes an image of a folder. */
function packed(name: string, make: (folder: string, path: string) => [string, string[]], what?: string): NamedVolume {
  return { name, what, make: (path) => void run(...make(someFiles(`${path}.files`), path)) };
}

function luks(type: 'luks1' | 'luks2', path: string): void {
  emptyImage(path, 32 * MIB);
  const label = type === 'luks2' ? ['--label', 'vault'] : [];
  const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--uuid', UUID];
  run('cryptsetup', ['luksFormat', '-q', '--type', type, ...quick, ...label, path, '-'], 'words');
}

/** Overwrites a piece of an image. */
function overwrite(path: string, startBytes: number, bytes: Buffer): void {
  const image = readFileSync(path);
  bytes.copy(image, startBytes);
  writeFileSync(path, image);
}

export const MADE_BY_TOOLS: readonly NamedVolume[] = [
  tool('minix', 8, 'mkfs.minix', ['-1'], 'version 1'),
  tool('minix', 8, 'mkfs.minix', ['-2'], 'version 2'),
  tool('minix', 8, 'mkfs.minix', ['-3'], 'version 3'),
  tool('bfs', 8, 'mkfs.bfs', ['-V', 'unix']),
  packed('cramfs', (folder, path) => ['mkfs.cramfs', ['-n', 'small one', folder, path]]),
  packed('cramfs', (folder, path) => ['mkfs.cramfs', ['-N', 'big', '-n', 'small', folder, path]], 'big-endian'),
  packed('romfs', (folder, path) => ['genromfs', ['-f', path, '-d', folder, '-V', 'rom volume']]),
  packed('squashfs', (folder, path) => ['mksquashfs', [folder, path, '-quiet', '-no-progress']]),
  packed('erofs', (folder, path) => ['mkfs.erofs', ['-U', UUID, path, folder]]),
  {
    ...packed('jffs2', (folder, path) => ['mkfs.jffs2', ['-r', folder, '-o', path]]),
    blkid: null,
  },
  {
    ...packed('jffs2', (folder, path) => ['mkfs.jffs2', ['-b', '-r', folder, '-o', path]], 'big-endian'),
    blkid: null,
  },
  packed('ubifs', (folder, path) => {
    return ['mkfs.ubifs', ['-r', folder, '-m', '2048', '-e', '126976', '-c', '100', '-o', path]];
  }),
  {
    name: 'ubi',
    make: (path) => {
      const folder = someFiles(`${path}.files`);
      run('mkfs.ubifs', ['-r', folder, '-m', '2048', '-e', '126976', '-c', '100', '-o', `${path}.ubifs`]);
      const lines = ['[v]', 'mode=ubi', `image=${path}.ubifs`, 'vol_id=0', 'vol_type=dynamic', 'vol_name=root'];
      writeFileSync(`${path}.ini`, `${lines.join('\n')}\nvol_size=12MiB\n`);
      run('ubinize', ['-o', path, '-m', '2048', '-p', '128KiB', '-Q', '77', `${path}.ini`]);
    },
  },
  tool('hfs', 16, 'hformat', ['-l', 'Old Macintosh']),
  tool('gfs2', 64, 'mkfs.gfs2', ['-O', '-q', '-J', '8', '-p', 'lock_dlm', '-t', 'cluster:shared', '-j', '1']),
  tool('ocfs2', 64, 'mkfs.ocfs2', ['-q', '-x', '-F', '-M', 'local', '-N', '1', '-L', 'oracle', '-U', UUID]),
  tool('reiserfs', 64, 'mkreiserfs', ['-q', '-q', '-f', '-f', '-l', 'tails', '-u', UUID]),
  tool('reiserfs', 64, 'mkreiserfs', ['-q', '-q', '-f', '-f', '--format', '3.5'], 'format 3.5'),
  tool('reiser4', 64, 'mkfs.reiser4', ['-y', '-f', '-f', '-L', 'dancing', '-U', UUID]),
  tool('jfs', 32, 'mkfs.jfs', ['-q', '-L', 'from aix']),
  tool('nilfs2', 130, 'mkfs.nilfs2', ['-q', '-L', 'logs of logs']),
  {
    name: 'nilfs2',
    what: 'whose first superblock is gone',
    make: (path) => {
      run('mkfs.nilfs2', ['-q', '-L', 'second', emptyImage(path, 130 * MIB)]);
      overwrite(path, 1024, Buffer.alloc(1024));
    },
  },
  tool('f2fs', 64, 'mkfs.f2fs', ['-q', '-l', 'flash é']),
  ...[512, 1024, 2048, 4096].map((block) =>
    tool('udf', 16, 'mkudffs', ['--utf8', '-b', String(block), '--label=Média 1'], `blocks of ${block} bytes`),
  ),
  tool('udf', 16, 'mkudffs', ['--utf8', '-b', '2048', '--label=日本語'], 'a name in 16 bits'),
  tool('apfs', 600, 'mkapfs', ['-L', 'mac', '-U', UUID]),
  packed('ufs', (folder, path) => ['makefs', ['-t', 'ffs', '-M', '4m', '-o', 'version=1', path, folder]]),
  {
    ...packed('ufs2', (folder, path) => ['makefs', ['-t', 'ffs', '-M', '4m', '-o', 'version=2', path, folder]]),
    blkid: 'ufs',
  },
  packed('ufs', (folder, path) => ['makefs', ['-t', 'ffs', '-M', '4m', '-B', 'be', path, folder]], 'big-endian'),
  packed('iso9660', (folder, path) => ['genisoimage', ['-quiet', '-V', 'DISC 1', '-o', path, folder]]),
  packed(
    'iso9660',
    (folder, path) => ['genisoimage', ['-quiet', '-J', '-V', 'Disc of many words', '-o', path, folder]],
    'with Joliet',
  ),
  packed('udf', (folder, path) => ['genisoimage', ['-quiet', '-udf', '-V', 'BRIDGE', '-o', path, folder]], 'a bridge'),
  tool('bcache', 32, 'make-bcache', ['--cset-uuid', UUID, '-B'], 'backing device'),
  tool('bcache', 128, 'make-bcache', ['--cset-uuid', UUID, '-C'], 'cache'),
  {
    name: 'drbd',
    what: '8.4',
    make: (path) => {
      run('drbdmeta', ['--force', '0', 'v08', emptyImage(path, 64 * MIB), 'internal', 'create-md']);
      run('drbdmeta', ['--force', '0', 'v08', path, 'internal', 'write-dev-uuid', '0123456789ABCDEF']);
    },
  },
  {
    name: 'drbd',
    what: '9',
    make: (path) => {
      run('drbdmeta', ['--force', '0', 'v09', emptyImage(path, 64 * MIB), 'internal', 'create-md', '3']);
      run('drbdmeta', ['--force', '0', 'v09', path, 'internal', 'write-dev-uuid', 'FEDCBA9876543210']);
    },
  },
  { name: 'luks', blkid: 'crypto_LUKS', what: 'version 1', make: (path) => luks('luks1', path) },
  { name: 'luks', blkid: 'crypto_LUKS', what: 'version 2', make: (path) => luks('luks2', path) },
  {
    name: 'luks',
    blkid: 'crypto_LUKS',
    what: 'version 2 whose first header is gone',
    make: (path) => {
      luks('luks2', path);
      overwrite(path, 0, Buffer.alloc(4096));
    },
  },
  {
    name: 'luks',
    blkid: 'crypto_LUKS',
    what: 'version 2 with headers of 4 MiB whose first one is gone',
    make: (path) => {
      emptyImage(path, 48 * MIB);
      const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000', '--uuid', UUID];
      const large = ['--luks2-metadata-size', '4M', '--luks2-keyslots-size', '16M', '--label', 'far'];
      run('cryptsetup', ['luksFormat', '-q', '--type', 'luks2', ...quick, ...large, path, '-'], 'words');
      overwrite(path, 0, Buffer.alloc(4096));
    },
  },
  {
    name: 'DM_verity_hash',
    make: (path) => {
      writeFileSync(`${path}.data`, noise('verity', MIB));
      run('veritysetup', ['format', '--uuid', UUID, `${path}.data`, emptyImage(path, 4 * MIB)]);
    },
  },
  tool('xfs', 320, 'mkfs.xfs', ['-q', '-L', 'grown', '-m', `uuid=${UUID}`]),
  {
    name: 'xfs_external_log',
    make: (path) => {
      emptyImage(path, 64 * MIB);
      run('mkfs.xfs', ['-q', '-m', `uuid=${UUID}`, '-l', `logdev=${path}`, emptyImage(`${path}.data`, 320 * MIB)]);
    },
  },
  tool('jbd', 16, 'mke2fs', ['-q', '-F', '-b', '4096', '-O', 'journal_dev', '-L', 'outside', '-U', UUID]),
  tool('btrfs', 128, 'mkfs.btrfs', ['-q', '-f', '-L', 'butter', '-U', UUID]),
];

/** LVM wants a block device. */
export const MADE_ON_DEVICES: readonly NamedVolume[] = [
  {
    name: 'lvm2',
    blkid: 'LVM2_member',
    make: (path) => {
      const device = run('losetup', ['--find', '--show', emptyImage(path, 16 * MIB)]).trim();
      try {
        run('pvcreate', ['-y', device]);
      } finally {
        run('losetup', ['-d', device]);
      }
    },
  },
];
