/** exFAT against exfatprogs, partclone and exfat-fuse. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { delimiter } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bootChecksum } from '../../../src-engine/filesystems/exfat/boot-region.ts';
import { setChecksum } from '../../../src-engine/filesystems/exfat/entry-sets.ts';
import { noise } from '../../support/disks.ts';
import { proves } from '../../support/matrix.ts';
import { expectSameTree, fillTree, type TreeOptions } from '../../support/trees.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { browsing, entriesOf, extentsOf, nodeAt, readAt, runsOf } from './browse.ts';
import { copyOntoOnes, difference, NO_DIFFERENCE, partcloneUnits, readUsed, usedUnits } from './images.ts';

const bench = workbench();
const subject = 'exFAT';
const KIB = 1024;

const FUSE = 'mount.exfat-fuse';
const canMount =
  canLoop && [...process.env.PATH!.split(delimiter), '/usr/sbin'].some((at) => existsSync(`${at}/${FUSE}`));
if (!canMount) console.warn(`SKIPPED: files of exFAT, which need ${FUSE}, Linux and root`);

let mounts = 0;

/** Mounts an image, or a loop device, for as long as `use` takes. */
async function mounted<T>(what: string, options: string, use: (root: string) => T | Promise<T>): Promise<T> {
  const device = what.startsWith('/dev/') ? what : bench.attach(what);
  const root = bench.path(`exfat-${mounts++}`);
  mkdirSync(root);
  run(FUSE, '-o', options, device, root);
  let isMounted = true;
  const unmount = () => {
    if (isMounted) run('umount', root);
    isMounted = false;
  };
  bench.atEnd(unmount);
  try {
    return await use(root);
  } finally {
    unmount();
    if (device !== what) bench.detach(device);
  }
}

interface Case {
  readonly feature: string;
  readonly args: string[];
  readonly lengthBytes?: number;
  readonly sectorBytes?: number;
  readonly tree?: TreeOptions;
  /** takes two seconds */
  readonly asksPartclone?: boolean;
}

const MATRIX: Case[] = [
  { feature: 'as mkfs.exfat makes it', args: [] },
  { feature: 'clusters of 512 bytes', args: ['-c', '512'], asksPartclone: true },
  { feature: 'clusters of 2 KiB', args: ['-c', '2K'] },
  { feature: 'clusters of 32 KiB', args: ['-c', '32K'], asksPartclone: true },
  { feature: 'clusters of 128 KiB, aligned to 16 MiB', args: ['-c', '128K', '-b', '16M'], lengthBytes: 96 * MIB },
  { feature: 'clusters of 1 MiB', args: ['-c', '1M'], lengthBytes: 256 * MIB, tree: { smallFiles: 60 } },
  { feature: 'sectors of 4 KiB', args: [], sectorBytes: 4096 },
];

/** A volume that is filled with a tree; a part is deleted and written again. @returns its image */
async function made(name: string, options: Omit<Case, 'feature'>): Promise<string> {
  const { args, lengthBytes = 64 * MIB, sectorBytes = 512, tree } = options;
  const image = bench.file(name, lengthBytes);
  const device = bench.attach(image, '--sector-size', String(sectorBytes));
  run('env', 'LC_ALL=C.UTF-8', 'mkfs.exfat', '-L', 'Träger 1', ...args, device);
  await mounted(device, 'rw', (root) =>
    fillTree(root, { isPosix: false, smallFiles: 150, largeBytes: 600_000, ...tree }),
  );
  run('fsck.exfat', '-n', device);
  bench.detach(device);
  return image;
}

describe.skipIf(!canMount)('used clusters, and files as exfat-fuse shows them', () => {
  test.for(MATRIX)('$feature', async (options, context) => {
    const { feature, sectorBytes = 512, asksPartclone } = options;
    const image = await made('exfat.img', options);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({
      kind: 'exfat',
      label: 'Träger 1',
      uuid: run('blkid', '-p', '-o', 'value', '-s', 'UUID', image).trim(),
      captureAs: 'used-blocks',
      warnings: [],
      lengthBytes: statSync(image).size,
    });
    if (sectorBytes === 512) {
      const told = run('dump.exfat', image);
      const number = (field: string) => Number(new RegExp(`^${field}.*:\\s+(\\d+)`, 'm').exec(told)?.[1]);
      expect(fileSystem.blockBytes).toBe(number('Cluster size'));
      const heapBytes = number('Cluster Heap Offset') * 512;
      const used = extents.reduce((sum, extent) => sum + extent.lengthBytes, 0);
      expect(used).toBe(heapBytes + (number('Total Clusters') - number('Free Clusters')) * fileSystem.blockBytes);
      proves(context, { subject, feature, aspect: 'used blocks', judge: 'exfatprogs' });
    }
    if (asksPartclone) {
      const { unitBytes, used: partclone } = partcloneUnits('partclone.exfat', image, bench.folder);
      expect(difference(usedUnits(extents, unitBytes), partclone)).toEqual(NO_DIFFERENCE);
      proves(context, { subject, feature, aspect: 'used blocks', judge: 'partclone' });
    }

    // what is left when only the used clusters are kept
    const copy = copyOntoOnes(image, bench.path('copy.img'), statSync(image).size, extents);
    const device = bench.attach(copy, '--sector-size', String(sectorBytes));
    run('fsck.exfat', '-n', device);
    await mounted(device, 'ro', (root) =>
      browsing(image, async (tree) => {
        const count = await expectSameTree(tree, root, { isPosix: false, timeToleranceMs: 10 });
        expect(count).toBeGreaterThan(90);
        expect(await nodeAt(tree, 'NAMES/HÉHÉ')).toEqual(await nodeAt(tree, 'names/héhé'));
        expect(await tree.find(tree.root, 'nobody')).toBeNull();
      }),
    );
    bench.detach(device);
    proves(context, { subject, feature, aspect: 'files', judge: 'exfat-fuse' });
  });
});

/** Where things are in an image with sectors of 512 bytes. */
function partsOf(bytes: Buffer) {
  const sector = (at: number) => bytes.readUInt32LE(at) * 512;
  const clusterBytes = 512 << bytes[109];
  const cluster = (n: number) => sector(88) + (n - 2) * clusterBytes;
  const root = cluster(bytes.readUInt32LE(96));
  return { fat: sector(80), fatBytes: sector(84), clusterBytes, clusterCount: bytes.readUInt32LE(92), cluster, root };
}

/** Puts the checksums of both boot regions right. */
function sealBoot(bytes: Buffer): void {
  bytes.copy(bytes, 12 * 512, 0, 12 * 512);
  for (const region of [0, 12 * 512]) {
    const sum = bootChecksum(bytes.subarray(region, region + 11 * 512));
    for (let at = 11 * 512; at < 12 * 512; at += 4) bytes.writeUInt32LE(sum, region + at);
  }
}

/** Where the entries of a file begin, by the first letters of its name. */
function entriesAt(bytes: Buffer, name: string): number {
  const text = Buffer.from(name, 'utf16le');
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
    if (at % 32 === 2 && bytes[at - 2] === 0xc1 && bytes[at - 66] === 0x85) return at - 66;
  }
  throw new Error(`${name}: no entry`);
}

describe.skipIf(!canMount)('what else a volume can be', () => {
  test('what was allocated and never written reads as zeros and is no data', async (context) => {
    const image = await made('valid.img', { args: ['-c', '4K'], tree: { smallFiles: 3 } });
    const bytes = readFileSync(image);
    const set = entriesAt(bytes, 'written late');
    expect(bytes.readBigUInt64LE(set + 40)).toBe(BigInt(200 * KIB));
    bytes.writeBigUInt64LE(70_001n, set + 40);
    bytes.writeUInt16LE(setChecksum(bytes.subarray(set, set + 32 * (bytes[set + 1] + 1))), set + 2);
    writeFileSync(image, bytes);
    run('fsck.exfat', '-n', image);
    await browsing(image, async (tree) => {
      const content = await tree.open(await nodeAt(tree, 'written late'));
      expect(await runsOf(content)).toEqual([{ startBytes: 0, lengthBytes: 70_001 }]);
      const expected = Buffer.concat([noise('late', 200 * KIB).subarray(0, 70_001)], 200 * KIB);
      expect((await readAt(tree, 'written late')).equals(expected)).toBe(true);
      const places = await extentsOf(tree, await nodeAt(tree, 'written late'));
      expect(places.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0)).toBe(200 * KIB);
    });
    proves(context, { subject, feature: 'allocated ahead (ValidDataLength)', aspect: 'files', judge: 'exfatprogs' });
  });

  test('thousands of names in one folder', async (context) => {
    const image = await made('many.img', { args: ['-c', '512'], tree: { smallFiles: 3000, largeBytes: 1000 } });
    await mounted(image, 'ro', (root) =>
      browsing(image, async (tree) => {
        const names = (await entriesOf(tree, await nodeAt(tree, 'many'))).map(({ name }) => name);
        expect(names.sort()).toEqual(readdirSync(`${root}/many`).sort());
        expect((await readAt(tree, 'MANY/SMALL FILE 2998.TXT')).equals(noise('small 2998', (2998 * 37) % 6000))).toBe(
          true,
        );
      }),
    );
    proves(context, { subject, feature: 'large folders', aspect: 'files', judge: 'exfat-fuse' });
  });

  test('with two FATs and two bitmaps (TexFAT): the active ones count', async () => {
    const image = await made('texfat.img', { args: ['-c', '4K'] });
    const before = await readUsed(image);
    const bytes = readFileSync(image);
    const { fat, fatBytes, clusterBytes, clusterCount, cluster, root } = partsOf(bytes);
    bytes.copy(bytes, fat + fatBytes, fat, fat + fatBytes);
    // the second bitmap in the last cluster, which is then in use
    const last = clusterCount + 1;
    const bitmapEntry = root + 32;
    expect(bytes[bitmapEntry]).toBe(0x81);
    const bitmap = cluster(bytes.readUInt32LE(bitmapEntry + 20));
    bytes.copy(bytes, cluster(last), bitmap, bitmap + clusterBytes);
    bytes[cluster(last) + Math.ceil(clusterCount / 8) - 1] |= 1 << ((clusterCount - 1) % 8);
    bytes.writeUInt32LE(0xffffffff, fat + fatBytes + last * 4);
    const entry = Buffer.from(bytes.subarray(bitmapEntry, bitmapEntry + 32));
    entry[1] = 1;
    entry.writeUInt32LE(last, 20);
    const free = Array.from({ length: 64 }, (_, i) => root + i * 32).find((at) => bytes[at] === 0)!;
    entry.copy(bytes, free);
    bytes[110] = 2;
    bytes[106] |= 1;
    // what is not active may hold anything
    bytes.fill(0, fat, fat + fatBytes);
    bytes.fill(0, bitmap, bitmap + clusterBytes);
    sealBoot(bytes);
    writeFileSync(image, bytes);
    const { extents } = await readUsed(image);
    expect(extents).toEqual([...before.extents, { startBytes: cluster(last), lengthBytes: clusterBytes }]);
    await browsing(image, async (tree) => {
      expect((await readAt(tree, 'fragmented')).equals(noise('fragmented', 600_000))).toBe(true);
    });
  });
});

describe('what is doubtful', () => {
  function bare(name: string): string {
    const image = bench.file(name, 16 * MIB);
    run('mkfs.exfat', image);
    return image;
  }

  test('without a label', async () => {
    const { fileSystem } = await readUsed(bare('bare.img'));
    expect(fileSystem).toMatchObject({ label: '', captureAs: 'used-blocks', warnings: [] });
  });

  // mkfs.exfat writes no more than 11 characters, and blkid shows no more; the entry has room for 15
  test.each([12, 13, 14, 15])('with a label of %i characters: all of them', async (count) => {
    const image = bench.file('long-label.img', 16 * MIB);
    run('mkfs.exfat', '-L', 'ELEVEN-CHAR', image);
    const label = 'Träger-№-15-ABC'.slice(0, count);
    const bytes = readFileSync(image);
    const at = bytes.indexOf(Buffer.from('ELEVEN-CHAR', 'utf16le')) - 2;
    bytes.writeUInt8(count, at + 1);
    bytes.write(label, at + 2, 'utf16le');
    writeFileSync(image, bytes);
    expect(run('fsck.exfat', '-n', image)).toContain('clean');
    expect(run('blkid', '-p', '-o', 'value', '-s', 'LABEL', image).trim()).toBe(label.slice(0, 11));
    expect((await readUsed(image)).fileSystem).toMatchObject({ label, captureAs: 'used-blocks', warnings: [] });
  });

  test.each<[string, (bytes: Buffer) => void, string, string, string]>([
    ['marked dirty', (b) => (b[106] |= 2), 'whole', 'FILESYSTEM_NOT_CLEAN', '{}'],
    ['with read errors', (b) => (b[106] |= 4), 'used-blocks', 'FILESYSTEM_HAS_ERRORS', '{}'],
    [
      'with a damaged backup',
      (b) => (b[12 * 512 + 200] ^= 1),
      'used-blocks',
      'CHECKSUM_MISMATCH',
      '{"checksum":"backup boot region"}',
    ],
  ])('%s', async (_, mark, captureAs, code, data) => {
    const image = bare('marked.img');
    const bytes = readFileSync(image);
    mark(bytes);
    writeFileSync(image, bytes);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ captureAs, warnings: [{ code, data: JSON.parse(data) as object }] });
    if (captureAs === 'whole') expect(extents).toEqual([{ startBytes: 0, lengthBytes: 16 * MIB }]);
  });

  test('cut off at its end: captured whole', async () => {
    const image = bare('cut.img');
    truncateSync(image, 15 * MIB);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'FILESYSTEM_TRUNCATED' }] });
    expect(extents).toEqual([{ startBytes: 0, lengthBytes: 15 * MIB }]);
  });

  test.each<[string, (bytes: Buffer) => void, object]>([
    ['a boot region whose checksum is wrong', (b) => (b[200] ^= 1), { checksum: 'boot region' }],
    [
      'a bitmap that says that it is free itself',
      (b) => (b[partsOf(b).cluster(2)] &= 0xfe),
      { field: 'allocation bitmap' },
    ],
    ['no bitmap', (b) => (b[partsOf(b).root + 32] = 0x01), { field: 'allocation bitmap' }],
  ])('%s is not believed', async (_, lie, data) => {
    const image = bare('lie.img');
    const bytes = readFileSync(image);
    lie(bytes);
    writeFileSync(image, bytes);
    await expect(readUsed(image)).rejects.toMatchObject({ code: 'FORMAT_INVALID', data });
  });
});
