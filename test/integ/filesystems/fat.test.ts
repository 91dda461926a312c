/** FAT12, FAT16 and FAT32 against dosfstools, mtools and partclone. */
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { proves } from '../../support/matrix.ts';
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

const folder = scratchFolder();
let tree: string;
beforeAll(() => {
  tree = makeTree(folder, 'tree', MIB);
});

const MATRIX: Record<string, { kind: string; lengthBytes: number; args: string[]; askPartclone?: boolean }> = {
  'FAT12 on a floppy': { kind: 'fat12', lengthBytes: 2_949_120, args: ['-F', '12'] },
  'FAT12 with one FAT': { kind: 'fat12', lengthBytes: 8 * MIB, args: ['-F', '12', '-f', '1', '-s', '8'] },
  'FAT12 with sectors of 4096': { kind: 'fat12', lengthBytes: 12 * MIB, args: ['-F', '12', '-S', '4096'] },
  'FAT12 with the most clusters': { kind: 'fat12', lengthBytes: 8 * MIB, args: ['-F', '12', '-s', '4', '-a'] },
  FAT16: { kind: 'fat16', lengthBytes: 32 * MIB, args: ['-F', '16'], askPartclone: true },
  'FAT16 with one FAT': { kind: 'fat16', lengthBytes: 32 * MIB, args: ['-F', '16', '-f', '1', '-s', '2'] },
  'FAT16 with sectors of 2048': {
    kind: 'fat16',
    lengthBytes: 64 * MIB,
    args: ['-F', '16', '-S', '2048', '-s', '2'],
    askPartclone: true,
  },
  'FAT16 with large clusters': { kind: 'fat16', lengthBytes: 256 * MIB, args: ['-F', '16', '-s', '64'] },
  'FAT16 with a large root and reserved area': {
    kind: 'fat16',
    lengthBytes: 32 * MIB,
    args: ['-F', '16', '-r', '2048', '-R', '17'],
  },
  FAT32: { kind: 'fat32', lengthBytes: 64 * MIB, args: ['-F', '32'] },
  'FAT32 with sectors of 4096': { kind: 'fat32', lengthBytes: 300 * MIB, args: ['-F', '32', '-S', '4096', '-s', '1'] },
  'FAT32 with more entries than are read at once': {
    kind: 'fat32',
    lengthBytes: 128 * MIB,
    args: ['-F', '32', '-s', '1', '-R', '64'],
    askPartclone: true,
  },
};

/** Makes an image, fills it, deletes a part and writes again, so that what is free is scattered. */
function makeFat(name: string, args: string[], lengthBytes: number): string {
  const image = emptyImage(join(folder, name), lengthBytes);
  run('mkfs.vfat', ['-n', 'BOOT', '-i', '1234ABCD', ...args, image]);
  run('mcopy', ['-s', '-i', image, join(tree, 'deep'), '::']);
  for (const file of ['file1', 'file5', 'file8']) run('mdel', ['-i', image, `::deep/deeper/${file}`]);
  writeFileSync(join(folder, 'again'), noise('again', 234_567));
  run('mcopy', ['-i', image, join(folder, 'again'), '::again']);
  return image;
}

/** fsck.fat must find nothing, and every file must come out as it went in. @returns clusters in use as fsck.fat counts them */
function expectSound(original: string, copy: string): number {
  const report = run('fsck.fat', ['-n', '-v', copy]);
  const [a, b] = [original, copy].map((image, i) => {
    const out = join(folder, `out${i}`);
    rmSync(out, { recursive: true, force: true });
    mkdirSync(out);
    run('mcopy', ['-s', '-i', image, '::deep', '::again', out]);
    return out;
  });
  expect(readFileSync(join(a, 'again')).equals(noise('again', 234_567))).toBe(true);
  run('diff', ['-r', a, b]);
  return Number(/ (\d+)\/\d+ clusters/.exec(report)?.[1]);
}

const sumBytes = (extents: Extent[]) => extents.reduce((sum, extent) => sum + extent.lengthBytes, 0);

/** What some of them are called where people read about it; the same words as for their files. */
const FEATURES: Record<string, string> = {
  'FAT12 with one FAT': 'FAT12',
  'FAT12 with sectors of 4096': 'FAT12, sectors of 4 KiB',
  FAT16: 'FAT16',
  'FAT16 with large clusters': 'FAT16, large clusters, one FAT',
  FAT32: 'FAT32',
  'FAT32 with sectors of 4096': 'FAT32, sectors of 4 KiB',
};

describe('nothing is lost when only the used clusters are kept', () => {
  test.for(Object.entries(MATRIX))('%s', async ([name, options], context) => {
    const { kind, args, lengthBytes, askPartclone } = options;
    const image = makeFat(`${name.replaceAll(/\W+/g, '-')}.img`, args, lengthBytes);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({
      kind,
      label: 'BOOT',
      uuid: '1234-ABCD',
      captureAs: 'used-blocks',
      warnings: [],
      lengthBytes,
    });
    const copy = copyOntoOnes(image, join(folder, 'copy.img'), lengthBytes, extents);
    const clusters = expectSound(image, copy);

    const boot = readFileSync(image).subarray(0, 512);
    const sectorBytes = boot.readUInt16LE(11);
    const fatSectors = boot.readUInt16LE(22) || boot.readUInt32LE(36);
    const fixedBytes = (boot.readUInt16LE(14) + boot[16] * fatSectors) * sectorBytes + boot.readUInt16LE(17) * 32;
    expect(sumBytes(extents)).toBe(fixedBytes + clusters * fileSystem.blockBytes);

    // A few, as it takes seconds each; and no FAT12, of which partclone 0.3.23 takes other clusters than mtools and fsck.fat.
    if (askPartclone) {
      const { unitBytes, used } = partcloneUnits('partclone.fat', image, folder);
      expect(difference(usedUnits(extents, unitBytes), used)).toEqual(NO_DIFFERENCE);
    }
    rmSync(image);
    const feature = FEATURES[name];
    if (feature) proves(context, { subject: 'FAT', feature, aspect: 'used blocks', judge: 'fsck.fat' });
  });

  /** mkfs.vfat makes it, and Linux and firmware read it as FAT32; mtools goes by the count of clusters and does not. */
  test('FAT32 with fewer clusters than it should have', async () => {
    const image = emptyImage(join(folder, 'few.img'), 32 * MIB);
    run('mkfs.vfat', ['-F', '32', '-s', '8', '-n', 'FEW', image]);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ kind: 'fat32', label: 'FEW', warnings: [] });
    const { unitBytes, used } = partcloneUnits('partclone.fat', image, folder);
    expect(difference(usedUnits(extents, unitBytes), used)).toEqual(NO_DIFFERENCE);
    run('fsck.fat', ['-n', copyOntoOnes(image, join(folder, 'copy.img'), 32 * MIB, extents)]);
  });
});

test('bad clusters are not read', async () => {
  const image = makeFat('bad.img', ['-F', '16', '-s', '4'], 32 * MIB);
  const before = await readUsed(image);
  const bytes = readFileSync(image);
  const sector = (at: number) => bytes.readUInt16LE(at) * 512;
  for (const fat of [0, 1]) bytes.writeUInt16LE(0xfff7, sector(14) + fat * sector(22) + 2 * 9000);
  writeFileSync(image, bytes);
  expect((await readUsed(image)).extents).toEqual(before.extents);
});

test('a cluster that is used in one of the two FATs is used', async () => {
  const image = makeFat('differ.img', ['-F', '16', '-s', '4'], 32 * MIB);
  const bytes = readFileSync(image);
  const fatStart = bytes.readUInt16LE(14) * 512;
  const fatBytes = bytes.readUInt16LE(22) * 512;
  const dataStart = fatStart + 2 * fatBytes + bytes.readUInt16LE(17) * 32;
  bytes.writeUInt16LE(0xffff, fatStart + 2 * 8000);
  bytes.writeUInt16LE(0xffff, fatStart + fatBytes + 2 * 8002);
  writeFileSync(image, bytes);
  const { extents } = await readUsed(image);
  const cluster = (n: number) => ({ startBytes: dataStart + (n - 2) * 2048, lengthBytes: 2048 });
  expect(extents.slice(-2)).toEqual([cluster(8000), cluster(8002)]);
});

test.each([
  ['FAT16 by Linux', '16', (bytes: Buffer) => (bytes[37] |= 1), 'FILESYSTEM_NOT_CLEAN'],
  ['FAT32 by Linux', '32', (bytes: Buffer) => (bytes[65] |= 1), 'FILESYSTEM_NOT_CLEAN'],
  [
    'FAT16 by Windows',
    '16',
    (bytes: Buffer) => (bytes[bytes.readUInt16LE(14) * 512 + 3] &= 0x7f),
    'FILESYSTEM_NOT_CLEAN',
  ],
  [
    'FAT32 by Windows',
    '32',
    (bytes: Buffer) => (bytes[bytes.readUInt16LE(14) * 512 + 7] &= 0xf7),
    'FILESYSTEM_NOT_CLEAN',
  ],
  [
    'FAT32 with read errors',
    '32',
    (bytes: Buffer) => (bytes[bytes.readUInt16LE(14) * 512 + 7] &= 0xfb),
    'FILESYSTEM_HAS_ERRORS',
  ],
])('marked in use: %s', async (_, type, mark, code) => {
  const image = makeFat('marked.img', ['-F', type], 64 * MIB);
  const bytes = readFileSync(image);
  mark(bytes);
  writeFileSync(image, bytes);
  const { fileSystem } = await readUsed(image);
  expect(fileSystem).toMatchObject({ captureAs: 'used-blocks', warnings: [{ code, data: {} }] });
});

test('cut off at its end: captured whole', async () => {
  const image = makeFat('cut.img', ['-F', '32'], 64 * MIB);
  truncateSync(image, 60 * MIB);
  const { fileSystem, extents } = await readUsed(image);
  expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'FILESYSTEM_TRUNCATED' }] });
  expect(extents).toEqual([{ startBytes: 0, lengthBytes: statSync(image).size }]);
});

test('without a label', async () => {
  const image = emptyImage(join(folder, 'bare.img'), 16 * MIB);
  run('mkfs.vfat', ['-F', '16', image]);
  expect((await readUsed(image)).fileSystem.label).toBe('');
});
