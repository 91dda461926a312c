/** ext2, ext3 and ext4 against e2fsprogs, partclone and the kernel. */
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { descriptorChecksum } from '../../../src-engine/filesystems/ext/checksums.ts';
import { readSuperblock } from '../../../src-engine/filesystems/ext/superblock.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { proves } from '../../support/matrix.ts';
import { browsing, readAt } from './browse.ts';
import {
  copyOntoOnes,
  difference,
  emptyImage,
  makeTree,
  MIB,
  NO_DIFFERENCE,
  noise,
  partcloneUnits,
  readUsed,
  run,
  scratchFolder,
  usedUnits,
} from './images.ts';
import { unmount } from '../../support/unmount.ts';

const folder = scratchFolder();
let tree: string;
beforeAll(() => {
  tree = makeTree(folder, 'tree', 4 * MIB);
});
const isRoot = process.getuid?.() === 0;

/** Everything that mkfs.ext4 can make which changes where things lie. Groups are small, so that there are many of them. */
const MATRIX: Record<string, { lengthBytes?: number; args: string[] }> = {
  'ext4 as it comes': { args: [] },
  'ext4 with many small groups under flex_bg': { args: ['-b', '4096', '-g', '1024', '-G', '4'] },
  'ext4 with 1 KiB blocks': { args: ['-b', '1024', '-g', '4096'] },
  'ext4 with 2 KiB blocks': { args: ['-b', '2048', '-g', '2048'] },
  'ext4 with 16 KiB blocks': { lengthBytes: 128 * MIB, args: ['-b', '16384'] },
  'ext4 with 64 KiB blocks': { lengthBytes: 256 * MIB, args: ['-b', '65536'] },
  'ext4 without 64bit': { args: ['-O', '^64bit', '-g', '1024', '-b', '4096'] },
  'ext4 without flex_bg': { args: ['-O', '^flex_bg', '-g', '2048', '-b', '1024'] },
  'ext4 with uninit_bg': { args: ['-O', '^metadata_csum,uninit_bg', '-g', '2048', '-b', '1024'] },
  'ext4 with uninit_bg, without 64bit and flex_bg': {
    args: ['-O', '^metadata_csum,uninit_bg,^64bit,^flex_bg', '-g', '2048', '-b', '1024'],
  },
  'ext4 without any checksum': { args: ['-O', '^metadata_csum,^uninit_bg', '-g', '2048', '-b', '1024'] },
  'ext4 with meta_bg': { args: ['-O', 'meta_bg,^resize_inode', '-g', '512', '-b', '1024'] },
  'ext4 with meta_bg and 4 KiB blocks': { args: ['-O', 'meta_bg,^resize_inode', '-g', '256', '-b', '4096'] },
  'ext4 with meta_bg, without flex_bg and checksums': {
    args: ['-O', 'meta_bg,^resize_inode,^flex_bg,^metadata_csum', '-g', '512', '-b', '1024'],
  },
  'ext4 with bigalloc': { args: ['-O', 'bigalloc', '-C', '16384', '-b', '4096'] },
  'ext4 with bigalloc and 1 KiB blocks': { args: ['-O', 'bigalloc', '-C', '8192', '-b', '1024', '-g', '4096'] },
  'ext4 with bigalloc and meta_bg': {
    args: ['-O', 'bigalloc,meta_bg,^resize_inode', '-C', '4096', '-b', '1024', '-g', '2048'],
  },
  'ext4 with bigalloc and uninit_bg, cut inside a cluster': {
    lengthBytes: 60 * MIB + 3 * 1024,
    args: ['-O', 'bigalloc,^metadata_csum,uninit_bg', '-C', '8192', '-b', '1024', '-g', '4096'],
  },
  'ext4 with a last group that is nearly empty': { lengthBytes: 33 * MIB, args: ['-b', '1024', '-g', '8192'] },
  'ext4 with sparse_super2': { args: ['-O', 'sparse_super2', '-b', '1024', '-g', '2048'] },
  'ext4 with sparse_super2 and one backup': {
    args: ['-O', 'sparse_super2', '-E', 'num_backup_sb=1', '-b', '1024', '-g', '2048'],
  },
  'ext4 with backups in every group': { args: ['-O', '^sparse_super,^resize_inode', '-b', '1024', '-g', '2048'] },
  'ext4 with room to grow': { args: ['-E', 'resize=4194304', '-b', '1024', '-g', '2048'] },
  'ext4 without a journal': { args: ['-O', '^has_journal'] },
  'ext4 with a fast-commit journal': { args: ['-O', 'fast_commit'] },
  'ext4 with inline_data, large inodes and metadata_csum_seed': {
    args: ['-O', 'inline_data,metadata_csum_seed', '-I', '1024'],
  },
  'ext4 with orphan_file, casefold, encrypt, verity, project, quota, large_dir and ea_inode': {
    args: ['-O', 'orphan_file,casefold,encrypt,verity,project,quota,large_dir,ea_inode'],
  },
  'ext4 with mmp': { args: ['-O', 'mmp', '-E', 'mmp_update_interval=1'] },
  'ext4 with stable_inodes and written tables': {
    args: ['-O', 'stable_inodes', '-E', 'lazy_itable_init=0', '-b', '1024', '-g', '2048'],
  },
  ext3: { args: ['-t', 'ext3', '-b', '1024', '-g', '2048'] },
  'ext3 with 4 KiB blocks': { args: ['-t', 'ext3', '-b', '4096'] },
  ext2: { args: ['-t', 'ext2', '-b', '1024', '-g', '2048'] },
  'ext2 of revision 0': { args: ['-t', 'ext2', '-r', '0', '-O', 'none', '-b', '1024', '-g', '2048'] },
  'ext2 with meta_bg': { args: ['-t', 'ext2', '-O', 'meta_bg,^resize_inode', '-b', '1024', '-g', '256'] },
};

/** Makes an image, fills it with a tree, then deletes a part and writes again, so that what is free is scattered. */
function makeExt(name: string, args: string[], lengthBytes = 48 * MIB): string {
  const image = emptyImage(join(folder, name), lengthBytes);
  // mkfs.ext4 with -t ext3 and -t ext2 makes those.
  run('mkfs.ext4', ['-q', '-F', '-L', 'Träger 1', '-d', tree, ...args, image]);
  const removed = readdirSync(tree).filter((file, i) => file.startsWith('file') && i % 2);
  writeFileSync(join(folder, 'again'), noise('again', 777_777));
  const script = [
    ...removed.map((file) => `rm ${file}`),
    `cd deep`,
    `write ${join(folder, 'again')} again`,
    'mkdir new',
  ];
  run('debugfs', ['-w', '-f', '-', image], script.join('\n'));
  // debugfs leaves quotas as they were; e2fsck ends with 1 where it has put something right.
  run('sh', ['-c', 'e2fsck -fy "$1" || test $? = 1', 'sh', image]);
  return image;
}

/** What dumpe2fs prints as free: all else is used. */
function dumpe2fsUsed(image: string): { blockBytes: number; used: Set<number> } {
  const output = run('dumpe2fs', [image]);
  const number = (field: string) => Number(new RegExp(`^${field}: +(\\d+)`, 'm').exec(output)?.[1]);
  const blockBytes = number('Block size');
  const perCluster = number('Cluster size') / blockBytes || 1;
  const count = number('Block count');
  const used = new Set(Array.from({ length: count }, (_, block) => block));
  for (const [, list] of output.matchAll(/^ {2}Free blocks: (.*)$/gm)) {
    for (const range of list.split(', ').filter(Boolean)) {
      const [first, last = first] = range.split('-').map(Number);
      for (let block = first; block < last + perCluster; block++) used.delete(block);
    }
  }
  return { blockBytes, used };
}

/** e2fsck must find nothing, and every file must come out as it went in. */
function expectSound(original: string, copy: string): void {
  expect(run('e2fsck', ['-fn', copy])).not.toMatch(/Fix\?|WARNING/);
  const [a, b] = [original, copy].map((image, i) => {
    const out = join(folder, `dump${i}`);
    rmSync(out, { recursive: true, force: true });
    run('mkdir', [out]);
    run('debugfs', ['-R', `rdump / ${out}`, image]);
    return out;
  });
  expect(readdirSync(a).length).toBeGreaterThan(10);
  run('diff', ['-r', '--no-dereference', a, b]);
}

/** What some of them are called where people read about it; the same words as for their files. */
const FEATURES: Record<string, string> = {
  'ext4 as it comes': 'as mkfs.ext4 makes it',
  'ext4 with 1 KiB blocks': '1 KiB blocks',
  'ext4 with 64 KiB blocks': 'blocks of 64 KiB',
  'ext4 without 64bit': '32-bit block numbers',
  'ext4 with bigalloc': 'clusters (bigalloc)',
  'ext4 with meta_bg': 'meta block groups (meta_bg)',
  'ext4 with uninit_bg': 'groups that were never written (uninit_bg)',
  'ext4 with sparse_super2': 'two backups of the superblock (sparse_super2)',
  'ext4 without any checksum': 'without checksums',
  'ext4 with inline_data, large inodes and metadata_csum_seed': 'small files inside inodes (inline_data)',
  'ext4 with orphan_file, casefold, encrypt, verity, project, quota, large_dir and ea_inode':
    'folders that ignore case (casefold)',
  ext3: 'ext3',
  ext2: 'ext2',
  'ext2 of revision 0': 'ext2 of revision 0',
};

describe('used blocks are those that dumpe2fs tells, and nothing is lost when only they are kept', () => {
  test.for(Object.entries(MATRIX))('%s', async ([name, { args, lengthBytes }], context) => {
    const image = makeExt(`${name.replaceAll(/\W+/g, '-')}.img`, args, lengthBytes);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({
      kind: /ext\d/.exec(name)?.[0],
      captureAs: 'used-blocks',
      warnings: [],
      label: 'Träger 1',
      uuid: run('blkid', ['-p', '-o', 'value', '-s', 'UUID', image]).trim(),
    });
    expect(run('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image]).trim()).toBe(fileSystem.kind);

    const told = dumpe2fsUsed(image);
    expect(fileSystem.blockBytes).toBe(told.blockBytes);
    expect(difference(usedUnits(extents, told.blockBytes), told.used)).toEqual(NO_DIFFERENCE);

    const copy = copyOntoOnes(image, join(folder, 'copy.img'), statSync(image).size, extents);
    expectSound(image, copy);
    rmSync(image);
    const feature = FEATURES[name];
    if (feature) proves(context, { subject: 'ext2, ext3, ext4', feature, aspect: 'used blocks', judge: 'dumpe2fs' });
  });
});

test('agrees with partclone', async () => {
  const image = makeExt('partclone.img', ['-b', '1024', '-g', '2048']);
  const { fileSystem, extents } = await readUsed(image);
  const { unitBytes, used } = partcloneUnits('partclone.ext4', image, folder);
  // partclone begins at the first data block and leaves the boot block out.
  used.add(0);
  expect(difference(usedUnits(extents, unitBytes), used)).toEqual(NO_DIFFERENCE);
  expect(fileSystem.blockBytes).toBe(unitBytes);
});

describe('file systems that resize2fs has changed', () => {
  test.each([
    ['grown past its reserved descriptors', ['-b', '1024', '-g', '512', '-E', 'resize=60000'], '160M'],
    ['grown with meta_bg', ['-b', '1024', '-g', '512', '-O', 'meta_bg,^resize_inode'], '160M'],
    ['shrunk', ['-b', '4096', '-g', '1024'], '30M'],
    ['turned from 32 to 64 bits', ['-b', '4096', '-O', '^64bit'], '-b'],
  ])('%s', async (_, args, size) => {
    const image = makeExt('resized.img', args);
    if (size === '-b') run('resize2fs', ['-b', image]);
    else run('resize2fs', [image, size]);
    const { extents } = await readUsed(image);
    const { blockBytes, used } = dumpe2fsUsed(image);
    expect(difference(usedUnits(extents, blockBytes), used)).toEqual(NO_DIFFERENCE);
    expectSound(image, copyOntoOnes(image, join(folder, 'copy.img'), statSync(image).size, extents));
  });
});

describe('the boot block', () => {
  test.each(['1024', '4096'])('is kept with blocks of %s bytes', async (blockBytes) => {
    const image = makeExt('boot.img', ['-b', blockBytes]);
    const boot = noise('boot code', 1024);
    const bytes = readFileSync(image);
    boot.copy(bytes);
    writeFileSync(image, bytes);
    const { extents } = await readUsed(image);
    const copy = copyOntoOnes(image, join(folder, 'copy.img'), bytes.length, extents);
    expect(readFileSync(copy).subarray(0, 1024).equals(boot)).toBe(true);
  });
});

describe('what is not certain is captured whole, and says why', () => {
  const whole = (lengthBytes: number) => [{ startBytes: 0, lengthBytes }];

  test('cut off at its end', async () => {
    const image = makeExt('cut.img', []);
    truncateSync(image, 40 * MIB);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem.captureAs).toBe('whole');
    expect(fileSystem.warnings).toEqual([
      { code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes: 48 * MIB, volumeBytes: 40 * MIB } },
    ]);
    expect(extents).toEqual(whole(40 * MIB));
  });

  test.each([
    ['not unmounted cleanly', 'set_super_value state 0', 'FILESYSTEM_NOT_CLEAN'],
    ['with errors', 'set_super_value state 3', 'FILESYSTEM_HAS_ERRORS'],
  ])('%s', async (_, command, code) => {
    const image = makeExt('dirty.img', []);
    run('debugfs', ['-w', '-R', command, image]);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code }] });
    expect(extents).toEqual(whole(48 * MIB));
  });

  test('with its journal on another device', async () => {
    const journal = emptyImage(join(folder, 'journal.img'), 8 * MIB);
    run('mkfs.ext4', ['-q', '-F', '-b', '4096', '-O', 'journal_dev', journal]);
    await expect(readUsed(journal)).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      data: { feature: 'journal_dev' },
    });

    const image = makeExt('external.img', ['-b', '4096', '-O', '^has_journal']);
    // What mkfs writes for -J device=…, which wants a block device.
    run(
      'debugfs',
      ['-w', '-f', '-', image],
      'feature has_journal\nset_super_value journal_dev 0x700\nset_super_value journal_uuid 6b1b1a5e-0000-4000-8000-000000000001',
    );
    const { fileSystem } = await readUsed(image);
    expect(fileSystem.warnings).toEqual([
      { code: 'EXTERNAL_JOURNAL', data: { uuid: '6b1b1a5e-0000-4000-8000-000000000001' } },
    ]);
  });
});

describe('damage never loses data', () => {
  const damaged = (name: string, args: string[], at: (image: string) => number): string => {
    const image = makeExt(name, args);
    const bytes = readFileSync(image);
    bytes[at(image)] ^= 0x10;
    writeFileSync(image, bytes);
    return image;
  };
  const bitmapByte = (image: string) =>
    Number(/Block bitmap at (\d+)/.exec(run('dumpe2fs', [image]))?.[1]) * 1024 + 100;

  test.each([
    ['superblock', ['-b', '1024'], () => 1024 + 0x190, { checksum: 'superblock' }],
    [
      'descriptor under metadata_csum',
      ['-b', '1024'],
      () => 2048 + 64 + 12,
      { checksum: 'group descriptor', group: 1 },
    ],
    [
      'descriptor under uninit_bg',
      ['-b', '1024', '-O', '^metadata_csum,uninit_bg'],
      () => 2048 + 12,
      { checksum: 'group descriptor', group: 0 },
    ],
    ['bitmap under metadata_csum', ['-b', '1024'], bitmapByte, { checksum: 'block bitmap', group: 0 }],
    ['bitmap without checksums', ['-b', '1024', '-t', 'ext2'], bitmapByte, { field: 'bg_free_blocks_count', group: 0 }],
  ])('%s', async (_, args, at, data) => {
    const image = damaged('damaged.img', args, at);
    await expect(readUsed(image)).rejects.toMatchObject({ code: 'FORMAT_INVALID', data });
  });
});

test('groups without blocks of their own may have inodes in use', async () => {
  const many = join(folder, 'many');
  const names = Array.from({ length: 60 }, (_, i) => `file${i}`);
  mkdirSync(many);
  names.forEach((name) => writeFileSync(join(many, name), noise(name, 1000)));
  const image = emptyImage(join(folder, 'inodes.img'), 48 * MIB);
  run('mkfs.ext4', ['-q', '-F', '-b', '1024', '-N', '96', '-O', '^has_journal', '-d', many, image]);
  expect(run('dumpe2fs', [image])).toMatch(/^Group 2:.*BLOCK_UNINIT[^]*? 0 free inodes[^]*^Group 3:/m);
  const { extents } = await readUsed(image);
  expect(difference(usedUnits(extents, 1024), dumpe2fsUsed(image).used)).toEqual(NO_DIFFERENCE);
  await browsing(image, async (files) => {
    for (const name of names) expect(await readAt(files, name), name).toEqual(noise(name, 1000));
  });
});

test('metadata of one group inside another whose bitmap was never written is kept where the counters know of it', async () => {
  const image = emptyImage(join(folder, 'stray.img'), 48 * MIB);
  run('mkfs.ext4', ['-q', '-F', '-b', '1024', '-g', '4096', '-G', '4', '-O', '^metadata_csum,uninit_bg', image]);
  const source = await openFileSource(image);
  const sb = (await readSuperblock(source))!;
  await source.close();
  const bytes = readFileSync(image);
  const change = (group: number, edit: (descriptor: Buffer) => void) => {
    const at = 2048 + group * sb.descriptorBytes;
    const descriptor = bytes.subarray(at, at + sb.descriptorBytes);
    edit(descriptor);
    descriptor.writeUInt16LE(descriptorChecksum(sb, group, descriptor), 0x1e);
    writeFileSync(image, bytes);
  };
  // The bitmaps of groups 2 and 10 were never written; the inode table of 10 is said to begin in 2, at its block 1000.
  change(10, (descriptor) => descriptor.writeUInt32LE(1 + 2 * 4096 + 1000, 8));
  expect(run('dumpe2fs', [image])).toMatch(/Group 2:.*BLOCK_UNINIT[^]*Group 10:.*BLOCK_UNINIT/);
  await expect(readUsed(image)).rejects.toMatchObject({ data: { field: 'bg_free_blocks_count', group: 2 } });

  change(2, (descriptor) => descriptor.writeUInt16LE(4096 - sb.inodeTableBlocks, 12));
  bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 12) - sb.inodeTableBlocks, 1024 + 12);
  writeFileSync(image, bytes);
  const { extents } = await readUsed(image);
  const { used } = dumpe2fsUsed(image);
  expect(used.has(1 + 2 * 4096 + 1000)).toBe(true);
  expect(difference(usedUnits(extents, 1024), used)).toEqual(NO_DIFFERENCE);
});

test('an unknown feature is refused by its bit', async () => {
  const image = makeExt('feature.img', []);
  run('debugfs', ['-w', '-R', 'feature FEATURE_I22', image]);
  await expect(readUsed(image)).rejects.toMatchObject({
    code: 'FORMAT_UNSUPPORTED',
    data: { feature: 'ext incompat 0x400000' },
  });
});

describe.skipIf(!isRoot)('written by the kernel (needs root for loop mounts)', () => {
  const mounted = <T>(image: string, options: string, use: (root: string) => T): T => {
    const root = join(folder, 'mnt');
    run('mkdir', ['-p', root]);
    run('mount', ['-o', options, image, root]);
    try {
      return use(root);
    } finally {
      unmount(root);
    }
  };
  const scatter = (root: string) => {
    for (const file of readdirSync(join(root, 'deep', 'deeper')).filter((_, i) => i % 3 === 0))
      rmSync(join(root, 'deep', 'deeper', file));
    for (let i = 0; i < 12; i++) writeFileSync(join(root, `kernel${i}`), noise(`kernel ${i}`, 400_000 + i * 999));
    for (let i = 0; i < 12; i += 2) rmSync(join(root, `kernel${i}`));
  };

  test.each([
    ['ext4', ['-b', '1024', '-g', '2048']],
    ['ext4 with bigalloc', ['-b', '1024', '-g', '4096', '-O', 'bigalloc', '-C', '4096']],
    ['ext4 with uninit_bg', ['-b', '4096', '-g', '1024', '-O', '^metadata_csum,uninit_bg']],
    ['ext4 with meta_bg', ['-b', '1024', '-g', '512', '-O', 'meta_bg,^resize_inode']],
    ['ext3', ['-t', 'ext3', '-b', '1024', '-g', '2048']],
    ['ext2', ['-t', 'ext2', '-b', '2048', '-g', '2048']],
  ])('%s', async (_, args) => {
    const image = makeExt('kernel.img', args);
    mounted(image, 'loop', scatter);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem.captureAs).toBe('used-blocks');
    const { blockBytes, used } = dumpe2fsUsed(image);
    expect(difference(usedUnits(extents, blockBytes), used)).toEqual(NO_DIFFERENCE);
    const copy = copyOntoOnes(image, join(folder, 'copy.img'), statSync(image).size, extents);
    expectSound(image, copy);
    const list = (root: string) => run('sh', ['-c', `cd ${root} && find . -type f -exec sha256sum {} + | sort`]);
    expect(mounted(copy, 'loop,ro', list)).toBe(mounted(image, 'loop,ro', list));
  });

  /** Copies an image as it is while mounted: what a machine leaves behind that lost its power. */
  const crashed = (args: string[], options: string, change: (root: string) => void): string => {
    const image = makeExt('live.img', args);
    const copy = join(folder, 'crashed.img');
    mounted(image, options, (root) => {
      change(root);
      copyFileSync(image, copy);
    });
    return copy;
  };
  /** A copy takes a moment in which a busy machine goes on writing: then it is none that a loss of power leaves behind. */
  const AGAIN = { retry: 2 };
  /** Commits to the journal; nothing is written to its final place yet. */
  const commit = (path: string) => run('sync', [path]);

  test.each([
    ['ext4', ['-b', '4096'], 'loop'],
    ['ext4 with 1 KiB blocks in many groups', ['-b', '1024', '-g', '1024'], 'loop'],
    ['ext4 without checksums', ['-b', '1024', '-O', '^metadata_csum'], 'loop'],
    ['ext4 without 64bit', ['-b', '1024', '-O', '^64bit'], 'loop'],
    ['ext4 with bigalloc', ['-b', '1024', '-O', 'bigalloc', '-C', '4096'], 'loop'],
    ['ext4 with its data in the journal', ['-b', '1024', '-J', 'size=8'], 'loop,data=journal'],
    ['ext3', ['-t', 'ext3', '-b', '1024', '-g', '2048'], 'loop'],
  ])('%s that lost its power: what its journal knows to be used is kept', AGAIN, async (_, args, options) => {
    const image = crashed(args, options, (root) => {
      for (let round = 0; round < 5; round++) {
        for (let i = 0; i < 20; i++)
          writeFileSync(join(root, `round${round % 3}-${i}`), noise(`${round} ${i}`, 30_000 * (i % 4)));
        run('mkdir', ['-p', join(root, `folder${round}`)]);
        run('rm', ['-rf', join(root, `folder${round - 2}`), join(root, 'deep', 'deeper', `file${round}`)]);
        // All data but that of the last files is on the disk, and every round is a transaction.
        commit(join(root, `round${round % 3}-19`));
      }
    });
    const onDisk = dumpe2fsUsed(image).used;
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ captureAs: 'used-blocks', warnings: [{ code: 'JOURNAL_NOT_CLEAN', data: {} }] });
    const told = usedUnits(extents, fileSystem.blockBytes);
    const copy = copyOntoOnes(image, join(folder, 'copy.img'), statSync(image).size, extents);

    for (const each of [image, copy]) run('sh', ['-c', 'e2fsck -fy "$1" || test $? = 1', 'sh', each]);
    expectSound(image, copy);
    const { used } = dumpe2fsUsed(copy);
    // The bitmaps on the disk alone would have lost something.
    expect(difference(used, onDisk).onlyFirst).not.toEqual([]);
    expect(difference(used, told)).toEqual(NO_DIFFERENCE);
  });

  test('ext4 whose journal cannot be trusted is captured whole', AGAIN, async () => {
    const image = crashed(['-b', '4096'], 'loop', (root) => {
      scatter(root);
      commit(join(root, 'kernel1'));
    });
    const bytes = readFileSync(image);
    const journal = Number(/\d+/.exec(run('debugfs', ['-R', 'blocks <8>', image]))) * 4096;
    expect(bytes.readUInt32BE(journal)).toBe(0xc03b3998);
    bytes[journal + 0x30] ^= 1;
    writeFileSync(image, bytes);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'JOURNAL_NOT_CLEAN', data: {} }] });
    expect(extents).toEqual([{ startBytes: 0, lengthBytes: bytes.length }]);
  });

  test('ext4 with fast commits that lost its power is captured whole', AGAIN, async () => {
    const image = crashed(['-b', '4096', '-O', 'fast_commit'], 'loop', (root) => {
      scatter(root);
      commit(join(root, 'kernel1'));
    });
    const { fileSystem } = await readUsed(image);
    expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'JOURNAL_NOT_CLEAN', data: {} }] });
  });

  test('ext2 that lost its power is captured whole', AGAIN, async () => {
    const { fileSystem } = await readUsed(crashed(['-t', 'ext2'], 'loop', scatter));
    expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'FILESYSTEM_NOT_CLEAN', data: {} }] });
  });
});

test('2 TB of 4 KiB blocks are read with little memory', async () => {
  const image = emptyImage(join(folder, 'huge.img'), 2 * 1024 ** 4);
  run('mkfs.ext4', ['-q', '-F', '-b', '4096', image]);
  const before = process.memoryUsage().rss;
  const { extents } = await readUsed(image);
  const field = (name: string) =>
    Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(run('dumpe2fs', ['-h', image]))?.[1]);
  const usedBytes = extents.reduce((sum, extent) => sum + extent.lengthBytes, 0);
  expect(usedBytes).toBe((field('Block count') - field('Free blocks')) * 4096);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * MIB);
  rmSync(image);
});
