/** XFS of version 5, filled by the kernel: against xfs_db, partclone, xfs_repair and the kernel's own mount. */
import { copyFileSync, lstatSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { FileNode, FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { proves } from '../../support/matrix.ts';
import { expectSameTree } from '../../support/trees.ts';
import { canLoop } from '../../support/workbench.ts';
import {
  copyOntoOnes,
  difference,
  MIB,
  NO_DIFFERENCE,
  partcloneUnits,
  readUsed,
  run,
  scratchFolder,
  usedUnits,
} from './images.ts';
import { askXfsDb, browsed, fillXfs, makeXfs, mounted, setFeature, xfsDbUsed } from './xfs-images.ts';

const folder = scratchFolder();
const subject = 'XFS';

interface Variant {
  readonly feature: string;
  readonly args: string[];
  readonly lengthBytes?: number;
  readonly hasReflink?: boolean;
}

const MATRIX: Variant[] = [
  { feature: 'version 5, as mkfs.xfs makes it', args: [], hasReflink: true },
  { feature: 'blocks of 1 KiB, many groups', args: ['-b', 'size=1024', '-d', 'agsize=17m'], hasReflink: true },
  { feature: 'blocks of 64 KiB', args: ['-b', 'size=65536'], lengthBytes: 400 * MIB, hasReflink: true },
  { feature: 'folder blocks of 64 KiB', args: ['-n', 'size=65536'] },
  { feature: 'sectors of 4 KiB', args: ['-s', 'size=4096', '-m', 'reflink=0'] },
  { feature: 'sectors of 32 KiB', args: ['-s', 'size=32768', '-b', 'size=32768'], lengthBytes: 320 * MIB },
  { feature: 'reverse-map trees', args: ['-m', 'rmapbt=1'], hasReflink: true },
  { feature: 'times after 2038 (bigtime)', args: ['-m', 'bigtime=1'], hasReflink: true },
  { feature: 'large extent counters (nrext64)', args: ['-i', 'nrext64=1,sparse=1'] },
  {
    feature: 'without bigtime, finobt, reflink, sparse inodes',
    args: ['-m', 'bigtime=0,finobt=0,reflink=0,inobtcount=0', '-i', 'nrext64=0,sparse=0'],
  },
  { feature: 'inodes of 2 KiB', args: ['-i', 'size=2048', '-d', 'agcount=2'], hasReflink: true },
  { feature: 'striped log and data', args: ['-l', 'su=256k,size=24m', '-d', 'su=64k,sw=4,agcount=2'] },
];

/** What blkid tells of it. */
const identityOf = (image: string) => ({
  uuid: run('blkid', ['-p', '-o', 'value', '-s', 'UUID', image]).trim(),
  label: run('blkid', ['-p', '-o', 'value', '-s', 'LABEL', image]).trim(),
});

describe.skipIf(!canLoop)('filled by the kernel (needs root for loop mounts)', () => {
  test.for(MATRIX)('$feature: used blocks, a copy of them alone, files', async (variant, context) => {
    const { feature, args, lengthBytes = 192 * MIB, hasReflink } = variant;
    const image = makeXfs(join(folder, 'image'), lengthBytes, ['-L', 'Träger 1', ...args]);
    await mounted(folder, image, 'loop', (root) => fillXfs(root, hasReflink));
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ kind: 'xfs', captureAs: 'used-blocks', warnings: [], ...identityOf(image) });
    const told = xfsDbUsed(image);
    expect(fileSystem).toMatchObject({ blockBytes: told.blockBytes, lengthBytes: told.lengthBytes });
    expect(difference(usedUnits(extents, told.blockBytes), told.used)).toEqual(NO_DIFFERENCE);
    proves(context, { subject, feature, aspect: 'used blocks', judge: 'xfs_db' });

    const copy = copyOntoOnes(image, join(folder, 'copy'), statSync(image).size, extents);
    run('xfs_repair', ['-n', copy]);
    proves(context, { subject, feature, aspect: 'deploy', judge: 'xfs_repair' });
    const compare = (root: string) => browsed(image, (tree) => expectSameTree(tree, root));
    expect(await mounted(folder, copy, 'loop,ro', compare)).toBeGreaterThan(1900);
    proves(context, { subject, feature, aspect: 'files', judge: 'kernel' });
    rmSync(copy);
  });
});

async function findPath(tree: FileTree, path: string): Promise<FileNode> {
  let node = tree.root;
  for (const name of path.split('/')) node = (await tree.find(node, name))!;
  return node;
}

describe.skipIf(!canLoop)('one file system with everything (needs root for loop mounts)', () => {
  const image = () => join(folder, 'everything');
  const ids = new Map<string, number>();
  beforeAll(async () => {
    makeXfs(image(), 192 * MIB, ['-m', 'rmapbt=1']);
    await mounted(folder, image(), 'loop', (root) => {
      fillXfs(root, true);
      for (const name of [...Object.keys(FORMS), 'shared with large']) ids.set(name, lstatSync(join(root, name)).ino);
    });
  });

  /** So that what the tests above compare is what they say. */
  const FORMS: Record<string, { format: string; magics?: string[]; feature: string }> = {
    'empty folder': { format: 'local', feature: 'folders in the inode' },
    'folder of one block': { format: 'extents', magics: ['0x58444233'], feature: 'folders of one block' },
    'folder of one leaf': { format: 'extents', magics: ['0x58444433', '0x3df1'], feature: 'folders with a leaf' },
    'folder of many leaves': { format: 'extents', magics: ['0x58444433', '0x3ebe'], feature: 'folders with nodes' },
    'folder in pieces': {
      format: 'btree',
      magics: ['0x58444433', '0x3ebe'],
      feature: 'folders with a tree of extents',
    },
    'every other block': { format: 'btree', feature: 'files with a tree of extents' },
    'short link': { format: 'local', feature: 'links in the inode' },
    'folder in pieces/remote': { format: 'extents', feature: 'links in blocks' },
  };

  test.for(Object.entries(FORMS))(
    '%s has the form that is meant',
    ([name, { format, magics = [], feature }], context) => {
      const inode = ids.get(name);
      expect(askXfsDb(image(), `inode ${inode}`, 'p core.format')).toContain(`(${format})`);
      const fields = ['bhdr.hdr.magic', 'dhdr.hdr.magic', 'lhdr.info.hdr.magic', 'nhdr.info.hdr.magic'];
      const found = [0, 2 ** 35 / 4096].slice(0, magics.length).flatMap((block) => {
        const answers = fields.map((field) => askXfsDb(image(), `inode ${inode}`, `dblock ${block}`, `p ${field}`));
        return answers.flatMap((answer) => /0x[0-9a-f]+/.exec(answer) ?? []);
      });
      expect(found).toEqual(magics);
      // Compared with the kernel's mount above.
      proves(context, { subject, feature, aspect: 'files', judge: 'kernel' });
    },
  );

  test('files with shared blocks are there', (context) => {
    expect(askXfsDb(image(), `inode ${ids.get('shared with large')}`, 'p v3.reflink')).toContain('= 1');
    // Compared with the kernel's mount above.
    proves(context, { subject, feature: 'files with shared blocks (reflink)', aspect: 'files', judge: 'kernel' });
  });

  test('devices, pipes and sockets are told', async (context) => {
    const kinds = await browsed(image(), async (tree) => {
      const names = ['block device', 'character device', 'fifo', 'socket'];
      return Promise.all(names.map(async (name) => (await findPath(tree, name)).kind));
    });
    expect(kinds).toEqual(['block-device', 'character-device', 'fifo', 'socket']);
    proves(context, { subject, feature: 'devices, pipes, sockets', aspect: 'files', judge: 'kernel' });
  });

  test('what was reserved and never written is no data', async (context) => {
    const runs = await browsed(image(), async (tree) => {
      const content = await tree.open(await findPath(tree, 'reserved'));
      const found = [];
      for await (const batch of content.dataRuns(new AbortController().signal)) found.push(...batch);
      return found;
    });
    const written = { startBytes: 300 * 1024, lengthBytes: 50 * 1024 };
    expect(runs).toEqual([{ startBytes: 300 * 1024, lengthBytes: Math.ceil(written.lengthBytes / 4096) * 4096 }]);
    proves(context, { subject, feature: 'allocated ahead (fallocate)', aspect: 'files', judge: 'kernel' });
  });

  test('where every file lies is what the reverse map of the kernel says', async (context) => {
    const told = await mounted(folder, image(), 'loop,ro', (root) => {
      const sectors = new Map<string, Set<number>>();
      const rows = run('xfs_io', ['-c', 'fsmap -n 100000', root]);
      for (const [, first, last, inode] of rows.matchAll(/\[(\d+)\.\.(\d+)\]: inode (\d+) /g)) {
        const set = sectors.get(inode) ?? new Set();
        for (let sector = Number(first); sector <= Number(last); sector++) set.add(sector);
        sectors.set(inode, set);
      }
      return sectors;
    });
    await browsed(image(), async (tree) => {
      const signal = new AbortController().signal;
      const seen = new Set<string>();
      const compare = async (node: FileNode) => {
        if (seen.has(node.id)) return;
        seen.add(node.id);
        const extents = [];
        for await (const batch of tree.extents(node, signal)) extents.push(...batch);
        expect(difference(usedUnits(extents, 512), told.get(node.id) ?? new Set()), node.id).toEqual(NO_DIFFERENCE);
        if (node.kind !== 'folder') return;
        for await (const batch of tree.list(node, signal)) for (const entry of batch) await compare(entry.node);
      };
      await compare(tree.root);
      for (const inode of told.keys()) expect(seen).toContain(inode);
    });
    expect(told.size).toBeGreaterThan(100);
    proves(context, { subject, feature: 'which file a block belongs to', aspect: 'files', judge: 'kernel' });
  });

  test('partclone finds the same blocks, but for those that wait in the free lists', async (context) => {
    const { extents } = await readUsed(image());
    const { unitBytes, used } = partcloneUnits('partclone.xfs', image(), folder);
    const { waiting } = xfsDbUsed(image());
    expect(waiting.size).toBeGreaterThan(8);
    expect(difference(usedUnits(extents, unitBytes), used.union(waiting))).toEqual(NO_DIFFERENCE);
    proves(context, { subject, feature: 'reverse-map trees', aspect: 'used blocks', judge: 'partclone' });
  });

  test('another UUID than that of its blocks', async (context) => {
    const copy = join(folder, 'uuid');
    copyFileSync(image(), copy);
    const uuid = '11111111-2222-4333-8444-555555555555';
    run('xfs_db', ['-x', '-c', `uuid ${uuid}`, copy]);
    const { fileSystem, extents } = await readUsed(copy);
    expect(fileSystem).toMatchObject({ uuid, captureAs: 'used-blocks', warnings: [] });
    expect(difference(usedUnits(extents, 4096), xfsDbUsed(copy).used)).toEqual(NO_DIFFERENCE);
    await mounted(folder, copy, 'loop,ro', (root) => browsed(copy, (tree) => expectSameTree(tree, root)));
    proves(context, { subject, feature: 'another UUID than that of its blocks', aspect: 'files', judge: 'kernel' });
  });

  test('grown by the kernel', async (context) => {
    const grown = makeXfs(join(folder, 'grown'), 70 * MIB, ['-d', 'size=64m,agcount=3']);
    run('truncate', ['-s', '150M', grown]);
    await mounted(folder, grown, 'loop', (root) => {
      run('xfs_growfs', [root]);
      writeFileSync(join(root, 'file'), readFileSync(image()).subarray(0, 20 * MIB));
    });
    const { fileSystem, extents } = await readUsed(grown);
    const told = xfsDbUsed(grown);
    expect(fileSystem.lengthBytes).toBe(150 * MIB);
    expect(difference(usedUnits(extents, 4096), told.used)).toEqual(NO_DIFFERENCE);
    proves(context, { subject, feature: 'grown (xfs_growfs)', aspect: 'used blocks', judge: 'xfs_db' });
  });

  test('features of 2024, which this mkfs.xfs cannot make: exchange-range and parent pointers', async (context) => {
    const young = makeXfs(join(folder, 'young'), 64 * MIB, ['-d', 'agcount=1', '-l', 'size=16m']);
    setFeature(young, 'incompat', 0x40 | 0x80);
    await mounted(folder, young, 'loop', (root) => {
      for (let i = 0; i < 50; i++) writeFileSync(join(root, `file ${i}`), `content ${i}`);
    });
    await mounted(folder, young, 'loop,ro', (root) => browsed(young, (tree) => expectSameTree(tree, root)));
    expect((await readUsed(young)).fileSystem.captureAs).toBe('used-blocks');
    proves(context, { subject, feature: 'exchange-range, parent pointers', aspect: 'files', judge: 'kernel' });
  });

  test('inode numbers of more than 32 bits', async (context) => {
    const huge = makeXfs(join(folder, 'huge'), 9 * 2 ** 40, ['-l', 'size=64m', '-K']);
    await mounted(folder, huge, 'loop', (root) => {
      for (let i = 0; i < 20; i++) {
        run('mkdir', ['-p', join(root, `folder ${i}`, 'deep')]);
        writeFileSync(join(root, `folder ${i}`, 'file'), `content ${i}`);
      }
    });
    const largest = await mounted(folder, huge, 'loop,ro', (root) =>
      browsed(huge, async (tree) => {
        expect(await expectSameTree(tree, root)).toBe(60);
        const nodes = await Promise.all(Array.from({ length: 20 }, (_, i) => findPath(tree, `folder ${i}/file`)));
        return Math.max(...nodes.map((node) => Number(node.id)));
      }),
    );
    expect(largest).toBeGreaterThan(2 ** 32);
    proves(context, { subject, feature: 'inode numbers of more than 32 bits', aspect: 'files', judge: 'kernel' });
    rmSync(huge);
  });
});
