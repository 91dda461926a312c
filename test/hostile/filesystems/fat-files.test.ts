/** Hostile files of FAT: mutated tables and folders, and named lies. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readBootSector, type FatGeometry } from '../../../src-engine/filesystems/fat/boot-sector.ts';
import { recogniseFat } from '../../../src-engine/filesystems/fat/fat.ts';
import type { FileNode, FileTree } from '../../../src-engine/filesystems/file-tree.port.ts';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { examineHostile, mutate, MUTATIONS, restoring, type Region } from './harmless.ts';

const MIB = 1024 * 1024;

/** A volume with folders, long names and files of several clusters, by mtools. */
function made(args: string[], lengthBytes: number): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-hostile-'));
  const run = (tool: string, ...options: string[]) => {
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: '1' };
    execFileSync(tool, options, { stdio: ['ignore', 'ignore', 'pipe'], env });
  };
  try {
    mkdirSync(join(folder, 'deep', 'deeper'), { recursive: true });
    for (let i = 0; i < 10; i++) {
      writeFileSync(join(folder, 'deep', `${i} a longer name than eight letters`), noise(`${i}`, i * 1000));
      writeFileSync(join(folder, 'deep', 'deeper', `SHORT${i}.TXT`), noise(`short ${i}`, i * 1000));
    }
    const image = join(folder, 'image');
    writeFileSync(image, '');
    truncateSync(image, lengthBytes);
    run('mkfs.vfat', '-n', 'LABEL', ...args, image);
    run('mcopy', '-s', '-i', image, join(folder, 'deep'), '::');
    return readFileSync(image);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const { signal } = new AbortController();

async function nodeAt(tree: FileTree, path: string): Promise<FileNode> {
  let node = tree.root;
  for (const name of path.split('/').filter(Boolean)) node = (await tree.find(node, name))!;
  return node;
}

/** Where folders lie, by the reader itself. */
async function placesOf(bytes: Buffer, path: string): Promise<Region[]> {
  const tree = await (await recogniseFat(memorySource(bytes)))!.browse!();
  const places: Region[] = [];
  for await (const batch of tree.extents(await nodeAt(tree, path), signal)) {
    places.push(...batch.map(({ startBytes, lengthBytes }) => [startBytes, lengthBytes] as const));
  }
  return places;
}

describe.each([
  ['FAT12', ['-F', '12'], 2 * MIB],
  ['FAT16', ['-F', '16', '-s', '1'], 6 * MIB],
  ['FAT32', ['-F', '32', '-s', '1'], 40 * MIB],
] as [string, string[], number][])('%s', (kind, args, lengthBytes) => {
  let bytes: Buffer;
  let geometry: FatGeometry;
  beforeAll(async () => {
    bytes = made(args, lengthBytes);
    geometry = (await readBootSector(memorySource(bytes)))!;
  });

  test('is read as it is', async () => {
    const { outcome, walk } = await examineHostile(memorySource(bytes));
    expect(outcome).toBe('used-blocks');
    expect(walk).toMatchObject({ names: 22, filesRead: 20 });
    expect([...walk!.refusals]).toEqual([]);
  });

  /** What is in use of the table is at its beginning. */
  const tables = () => Promise.resolve<Region[]>([[geometry.fatStartBytes, 512]]);
  const folders = async () =>
    (await Promise.all(['', 'deep', 'deep/deeper'].map((path) => placesOf(bytes, path)))).flat();

  test.each([
    ['its table', tables],
    ['its folders', folders],
  ])('mutated: %s', async (_, regionsOf) => {
    const before = process.memoryUsage().rss;
    const regions = await regionsOf();
    const refusals = new Set<string>();
    let names = 0;
    // of three types of FAT: as many in all
    const seeds = Math.ceil(MUTATIONS / 3);
    for (let seed = 0; seed < seeds; seed++) {
      await restoring(bytes, regions, async () => {
        mutate(bytes, regions, seed);
        const { walk } = await examineHostile(memorySource(bytes));
        names += walk?.names ?? 0;
        walk?.refusals.forEach((code) => refusals.add(code));
      });
    }
    expect([...refusals]).toEqual(['FORMAT_INVALID']);
    expect(names).toBeGreaterThan(seeds);
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
  });

  /** Sets the table's entry of a cluster. */
  function link(cluster: number, next: number): void {
    const at = geometry.fatStartBytes + (cluster * geometry.entryBits) / 8;
    if (kind === 'FAT16') bytes.writeUInt16LE(next & 0xffff, at);
    if (kind === 'FAT32') bytes.writeUInt32LE(next, at);
    if (kind === 'FAT12') {
      const pair = bytes.readUInt16LE(Math.floor(at));
      bytes.writeUInt16LE(
        cluster & 1 ? (pair & 0x000f) | ((next & 0xfff) << 4) : (pair & 0xf000) | (next & 0xfff),
        Math.floor(at),
      );
    }
  }

  interface Parts {
    /** place of an entry, and its first cluster */
    readonly deep: number;
    readonly deeper: number;
    readonly file: number;
    readonly cluster: (entry: number) => number;
  }

  test.each<[string, (parts: Parts) => void, string]>([
    ['a folder that is its own next cluster', ({ deep, cluster }) => link(cluster(deep), cluster(deep)), ''],
    [
      'a folder that is inside itself',
      ({ deep, deeper, cluster }) => bytes.writeUInt16LE(cluster(deep), deeper + 26),
      'deep/deeper/deeper/deeper/deeper',
    ],
    ['a folder of no cluster', ({ deep }) => bytes.writeUInt16LE(0, deep + 26), ''],
    ['a folder that goes on in a free cluster', ({ deep, cluster }) => link(cluster(deep), 0), ''],
    ['a file that goes in circles', ({ file, cluster }) => link(cluster(file), cluster(file)), ''],
    ['a file behind the end', ({ file }) => bytes.writeUInt16LE(0xfff0, file + 26), ''],
    ['a file of 4 GiB in a few clusters', ({ file }) => bytes.writeUInt32LE(0xffffffff, file + 28), ''],
    ['a file over a bad cluster', ({ file, cluster }) => link(cluster(file), 0x0ffffff7), ''],
  ])('%s', async (_, lie, path) => {
    const source = memorySource(bytes);
    const tree = await (await recogniseFat(source))!.browse!();
    const at = async (name: string) => Number((await nodeAt(tree, name)).id);
    const parts = {
      deep: await at('deep'),
      deeper: await at('deep/deeper'),
      file: await at('deep/deeper/SHORT9.TXT'),
      cluster: (entry: number) => bytes.readUInt16LE(entry + 26),
    };
    await restoring(bytes, [[0, lengthBytes]], async () => {
      lie(parts);
      const { walk } = await examineHostile(source);
      if (path === '') expect([...walk!.refusals]).toEqual(['FORMAT_INVALID']);
      else expect((await nodeAt(await (await recogniseFat(source))!.browse!(), path)).kind).toBe('folder');
    });
  });

  test('proves', (context) => {
    proves(context, { subject: 'FAT', feature: kind, aspect: 'hostile', judge: 'seeded mutations' });
  });
});
