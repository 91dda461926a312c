/** The files of ext2, ext3 and ext4, against the kernel and debugfs. */
import { closeSync, copyFileSync, ftruncateSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { expectSameTree, fillTree, type TreeOptions } from '../../support/trees.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { browsing, entriesOf, extentsOf, nodeAt, readAt, runsOf } from './browse.ts';

const bench = workbench();
const KIB = 1024;

interface Case {
  readonly feature: string;
  readonly args: string[];
  readonly lengthBytes?: number;
  readonly tree?: TreeOptions;
}

const MATRIX: Case[] = [
  { feature: 'as mkfs.ext4 makes it', args: [] },
  { feature: 'ext2', args: ['-t', 'ext2'] },
  { feature: 'ext2 of revision 0', args: ['-t', 'ext2', '-r', '0', '-O', 'none', '-b', '1024'] },
  { feature: 'ext3', args: ['-t', 'ext3', '-b', '1024'] },
  { feature: 'block maps in ext4', args: ['-O', '^extent,^64bit', '-b', '1024'] },
  { feature: 'small files inside inodes (inline_data)', args: ['-O', 'inline_data'] },
  { feature: 'inodes of 1 KiB', args: ['-O', 'inline_data', '-I', '1024'] },
  { feature: 'clusters (bigalloc)', args: ['-O', 'bigalloc', '-C', '16384'] },
  { feature: '32-bit block numbers', args: ['-O', '^64bit'] },
  { feature: '1 KiB blocks', args: ['-b', '1024', '-I', '128'] },
  { feature: 'without checksums', args: ['-O', '^metadata_csum'] },
  { feature: 'seed of checksums of its own', args: ['-O', 'metadata_csum_seed'] },
  { feature: 'folders without hash trees', args: ['-O', '^dir_index', '-b', '1024'] },
  {
    feature: 'hash trees, large_dir',
    args: ['-O', 'large_dir', '-b', '1024', '-N', '8000'],
    tree: { smallFiles: 4000, largeBytes: 256 * KIB },
  },
];

/** Makes a file system and lets the kernel write into it. @returns its image, unmounted */
function made(name: string, options: Omit<Case, 'feature' | 'tree'>, fill: (root: string) => void): string {
  const { args, lengthBytes = 64 * MIB } = options;
  const image = bench.file(name, lengthBytes);
  run('mkfs.ext4', '-q', '-F', ...args, image);
  const root = bench.mount(image, 'loop');
  try {
    fill(root);
  } finally {
    bench.unmount(root);
  }
  return image;
}

/** @returns how many names were compared */
async function expectAsKernel(image: string): Promise<number> {
  const root = bench.mount(image, 'loop,ro');
  try {
    return await browsing(image, (tree) => expectSameTree(tree, root));
  } finally {
    bench.unmount(root);
  }
}

const subject = 'ext2, ext3, ext4';

describe.skipIf(!canLoop)('files are those that the kernel shows', () => {
  test.for(MATRIX)('$feature', async ({ feature, tree, ...options }, context) => {
    const image = made('matrix.img', options, (root) => fillTree(root, { smallFiles: 150, ...tree }));
    expect(await expectAsKernel(image)).toBeGreaterThan(130);
    proves(context, { subject, feature, aspect: 'files', judge: 'kernel' });
  });
});

/** Blocks by debugfs: those of the content and of the map. */
function expectBlocksOfDebugfs(image: string, path: string, blockBytes: number) {
  return browsing(image, async (tree) => {
    const told = run('debugfs', '-R', `blocks ${path}`, image).trim().split(/\s+/).filter(Boolean).map(Number);
    const found: number[] = [];
    for (const { startBytes, lengthBytes } of await extentsOf(tree, await nodeAt(tree, path))) {
      for (let at = 0; at < lengthBytes; at += blockBytes) found.push((startBytes + at) / blockBytes);
    }
    expect(found.sort((a, b) => a - b)).toEqual(told.sort((a, b) => a - b));
    return found.length;
  });
}

/** Writes `count` pieces with a hole behind each. */
function writeAlternating(path: string, pieceBytes: number, count: number): void {
  const file = openSync(path, 'w');
  for (let i = 0; i < count; i++) writeSync(file, noise(`piece ${i}`, pieceBytes), 0, pieceBytes, 2 * i * pieceBytes);
  closeSync(file);
}

describe.skipIf(!canLoop)('maps of blocks', () => {
  test('an extent tree three levels deep', async (context) => {
    const options = { args: ['-b', '1024'], lengthBytes: 96 * MIB };
    const image = made('deep.img', options, (root) => writeAlternating(join(root, 'deep'), KIB, 9000));
    expect(run('debugfs', '-R', 'ex /deep', image)).toMatch(/^ *2\/ *2/m);
    await expectAsKernel(image);
    await expectBlocksOfDebugfs(image, '/deep', KIB);
    await browsing(image, async (tree) => {
      // from anywhere in the middle, as well as from the beginning
      const piece = await readAt(tree, '/deep', 17_000 * KIB - 5, 2 * KIB + 10);
      const expected = Buffer.alloc(2 * KIB + 10);
      noise('piece 8500', KIB).copy(expected, 5);
      noise('piece 8501', KIB).copy(expected, 2 * KIB + 5, 0, 5);
      expect(piece.equals(expected)).toBe(true);
    });
    proves(context, { subject, feature: 'fragmented files (deep extent trees)', aspect: 'files', judge: 'kernel' });
  });

  test('pointers of all three levels', async (context) => {
    const options = { args: ['-t', 'ext2', '-b', '1024'], lengthBytes: 32 * MIB };
    const image = made('triple.img', options, (root) => {
      const file = openSync(join(root, 'triple'), 'w');
      for (const block of [0, 11, 12, 267, 268, 30_000, 65_803, 65_804, 80_000, 200_000]) {
        writeSync(file, noise(`block ${block}`, KIB), 0, KIB, block * KIB);
      }
      closeSync(file);
      writeFileSync(join(root, 'packed'), noise('packed', 3 * MIB));
    });
    await expectAsKernel(image);
    await expectBlocksOfDebugfs(image, '/triple', KIB);
    await expectBlocksOfDebugfs(image, '/packed', KIB);
    await browsing(image, async (tree) => {
      expect((await readAt(tree, '/triple', 65_804 * KIB, KIB)).equals(noise('block 65804', KIB))).toBe(true);
      expect((await readAt(tree, '/triple', 199_999 * KIB, KIB)).equals(Buffer.alloc(KIB))).toBe(true);
    });
    proves(context, { subject, feature: 'block maps (ext2, ext3)', aspect: 'files', judge: 'kernel' });
  });

  test('what was allocated and never written reads as zeros and is no data', async (context) => {
    const image = made('unwritten.img', { args: ['-b', '4096'] }, (root) => {
      run('fallocate', '-l', '1M', join(root, 'half'));
      const file = openSync(join(root, 'half'), 'r+');
      writeSync(file, noise('half', 64 * KIB), 0, 64 * KIB, 256 * KIB);
      closeSync(file);
      writeFileSync(join(root, 'ahead'), noise('ahead', 5000));
      run('fallocate', '-n', '-l', '2M', join(root, 'ahead'));
    });
    await expectAsKernel(image);
    await browsing(image, async (tree) => {
      const runs = await runsOf(await tree.open(await nodeAt(tree, '/half')));
      expect(runs).toEqual([{ startBytes: 256 * KIB, lengthBytes: 64 * KIB }]);
      expect(await runsOf(await tree.open(await nodeAt(tree, '/ahead')))).toEqual([
        { startBytes: 0, lengthBytes: 5000 },
      ]);
    });
    expect(await expectBlocksOfDebugfs(image, '/ahead', 4096)).toBe(512);
    proves(context, { subject, feature: 'allocated ahead (fallocate)', aspect: 'files', judge: 'kernel' });
  });

  test('a file of ten terabytes', async (context) => {
    const lengthBytes = 10 * 1024 ** 4 + 123;
    const image = made('huge.img', { args: ['-b', '4096'] }, (root) => {
      const file = openSync(join(root, 'huge'), 'w');
      ftruncateSync(file, lengthBytes);
      writeSync(file, noise('tail', 1000), 0, 1000, lengthBytes - 1000);
      closeSync(file);
    });
    await browsing(image, async (tree) => {
      expect(await nodeAt(tree, '/huge')).toMatchObject({ kind: 'file', lengthBytes });
      expect((await readAt(tree, '/huge', lengthBytes - 1000, 1000)).equals(noise('tail', 1000))).toBe(true);
      const from = Math.floor((lengthBytes - 1000) / 4096) * 4096;
      const runs = await runsOf(await tree.open(await nodeAt(tree, '/huge')));
      expect(runs).toEqual([{ startBytes: from, lengthBytes: lengthBytes - from }]);
    });
    proves(context, { subject, feature: 'huge sparse files', aspect: 'files', judge: 'kernel' });
  });
});

describe.skipIf(!canLoop)('what else an inode can be', () => {
  test('devices, pipes and sockets', async (context) => {
    const image = made('devices.img', { args: [] }, (root) => {
      run('mknod', join(root, 'block'), 'b', '8', '300');
      run('mknod', join(root, 'character'), 'c', '300', '70000');
      run('mkfifo', '-m', '640', join(root, 'pipe'));
      run('python3', '-c', `import socket; socket.socket(socket.AF_UNIX).bind('${join(root, 'socket')}')`);
    });
    await expectAsKernel(image);
    await browsing(image, async (tree) => {
      const kinds = new Map((await entriesOf(tree, tree.root)).map(({ name, node }) => [name, node.kind]));
      expect(Object.fromEntries(kinds)).toEqual({
        'lost+found': 'folder',
        block: 'block-device',
        character: 'character-device',
        pipe: 'fifo',
        socket: 'socket',
      });
      expect(await nodeAt(tree, '/pipe')).toMatchObject({ mode: 0o640, lengthBytes: 0 });
    });
    proves(context, { subject, feature: 'devices, pipes, sockets', aspect: 'files', judge: 'kernel' });
  });

  test('times from 1901 to 2446', async (context) => {
    const times = ['1901-12-14', '1969-12-31 23:59:59.5', '2038-01-20', '2106-02-08', '2242-03-17', '2446-05-10'];
    const image = made('times.img', { args: [] }, (root) => {
      for (const time of times) run('touch', '-d', `${time} UTC`, join(root, time));
    });
    await expectAsKernel(image);
    await browsing(image, async (tree) => {
      for (const time of times) {
        expect((await nodeAt(tree, time)).modifiedMs, time).toBe(Date.parse(`${time}${time.length > 10 ? 'Z' : ''}`));
      }
    });
    proves(context, { subject, feature: 'times to 2446', aspect: 'files', judge: 'kernel' });
  });

  test('extended attributes in inodes of their own', async () => {
    const image = made('attributes.img', { args: ['-O', 'ea_inode,inline_data'] }, (root) => {
      writeFileSync(join(root, 'file'), 'small');
      for (const [name, length] of [
        ['small', 20],
        ['large', 20_000],
      ] as const) {
        run('python3', '-c', `import os; os.setxattr('${join(root, 'file')}', 'user.${name}', b'x' * ${length})`);
      }
    });
    await expectAsKernel(image);
  });

  test('encrypted files and folders are refused by name', async (context) => {
    const image = made('encrypted.img', { args: ['-O', 'encrypt'] }, (root) => {
      mkdirSync(join(root, 'folder'));
      writeFileSync(join(root, 'file'), 'content');
      writeFileSync(join(root, 'open'), 'content');
    });
    // what fscrypt leaves on the disk: the flag of the inode
    const flag = (path: string, flags: string) => `set_inode_field ${path} flags ${flags}`;
    run('debugfs', '-w', '-R', flag('/folder', '0x80800'), image);
    run('debugfs', '-w', '-R', flag('/file', '0x80800'), image);
    const refusal = { code: 'FORMAT_UNSUPPORTED', data: { feature: 'encryption' } };
    await browsing(image, async (tree) => {
      const file = await nodeAt(tree, 'file');
      const folder = await nodeAt(tree, 'folder');
      await expect(tree.open(file)).rejects.toMatchObject(refusal);
      await expect(entriesOf(tree, folder)).rejects.toMatchObject(refusal);
      await expect(tree.find(folder, 'name')).rejects.toMatchObject(refusal);
      expect((await readAt(tree, 'open')).toString()).toBe('content');
    });
    proves(context, { subject, feature: 'encrypted folders: refused by name', aspect: 'files', judge: 'debugfs' });
  });

  test('names that are no UTF-8', async () => {
    const image = made('bytes.img', { args: [] }, (root) => {
      writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]), 'latin');
    });
    await browsing(image, async (tree) => {
      expect((await readAt(tree, 'caf\\xe9')).toString()).toBe('latin');
      expect(await tree.find(tree.root, 'café')).toBeNull();
    });
  });
});

describe('what this kernel does not mount: files are those that mke2fs was given', () => {
  test.for([
    ['blocks of 64 KiB', ['-b', '65536'], 512 * MIB],
    ['folders that ignore case (casefold)', ['-O', 'casefold', '-E', 'encoding=utf8'], 64 * MIB],
  ] as const)('%s', async ([feature, args, lengthBytes], context) => {
    const root = bench.path(`source of ${feature}`);
    mkdirSync(root);
    fillTree(root, { smallFiles: 2000 });
    const image = bench.file('given.img', lengthBytes);
    run('mkfs.ext4', '-q', '-F', ...args, '-d', root, image);
    // chattr +F, for folders that have names already
    if (feature.includes('casefold')) run('debugfs', '-w', '-R', 'set_inode_field /names flags 0x40080000', image);
    // mke2fs 1.47 keeps the lower 32 bits of times
    const comparison = { timeToleranceMs: null, ignored: ['lost+found'] };
    await browsing(image, async (tree) => {
      await expectSameTree(tree, root, comparison);
      if (feature.includes('casefold')) expect(await nodeAt(tree, '/names/HÉHÉ')).toMatchObject({ kind: 'file' });
    });
    proves(context, { subject, feature, aspect: 'files', judge: 'mke2fs' });
  });
});

describe.skipIf(!canLoop)('a file system that was not unmounted', () => {
  test('shows its files as the kernel recovers them', async (context) => {
    const image = bench.file('live.img', 64 * MIB);
    run('mkfs.ext4', '-q', '-F', image);
    const root = bench.mount(image, 'loop,commit=300');
    writeFileSync(join(root, 'before'), noise('before', 100_000));
    run('sync', '-f', root);
    fillTree(root, { smallFiles: 200 });
    rmSync(join(root, 'before'));
    // the log is written, the places that it is about are not
    run('python3', '-c', `import os; os.fsync(os.open('${root}/large', os.O_RDONLY))`);
    const copy = bench.path('copy.img');
    copyFileSync(image, copy);
    bench.unmount(root);
    expect(run('dumpe2fs', '-h', copy)).toContain('needs_recovery');

    const recovered = bench.path('recovered.img');
    copyFileSync(copy, recovered);
    const point = bench.mount(recovered, 'loop');
    await browsing(copy, async (tree) => {
      expect(await expectSameTree(tree, point)).toBeGreaterThan(180);
      expect(await tree.find(tree.root, 'before')).toBeNull();
    });
    bench.unmount(point);
    proves(context, { subject, feature: 'not unmounted: the journal is followed', aspect: 'files', judge: 'kernel' });
  });
});
