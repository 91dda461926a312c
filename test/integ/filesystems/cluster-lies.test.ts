/** FAT, exFAT and NTFS that call clusters of files free: taken whole, so that what other programs read of the files is there. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { emptyImage, MIB, noise, readTaken, run, scratchFolder } from './images.ts';

const folder = scratchFolder();

/** A FAT16 with clusters of 512 bytes and the file `name` of `lengthBytes`, whose clusters begin at 2. */
function fatWithFile(lengthBytes: number) {
  const image = emptyImage(join(folder, 'fat'), 8 * MIB);
  run('mkfs.vfat', ['-F', '16', '-s', '1', '-f', '2', '-n', 'LABEL', image]);
  const file = join(folder, 'name');
  writeFileSync(file, noise('name', lengthBytes));
  run('mcopy', ['-i', image, file, '::']);
  const bytes = readFileSync(image);
  const fatStart = bytes.readUInt16LE(14) * 512;
  const fatBytes = bytes.readUInt16LE(22) * 512;
  return {
    image,
    setEntry(cluster: number, value: number) {
      for (const fat of [0, 1]) bytes.writeUInt16LE(value, fatStart + fat * fatBytes + cluster * 2);
      writeFileSync(image, bytes);
    },
  };
}

describe('FAT', () => {
  test.each<[string, number, number, number, string]>([
    ['a file that begins in a free cluster', 500, 2, 0, 'DIR_FstClus'],
    ['a file that begins in a bad cluster', 500, 2, 0xfff7, 'DIR_FstClus'],
    ['a chain that leads into a free cluster', 1000, 3, 0, 'FAT'],
    ['a chain that ends in a bad cluster', 1000, 3, 0xfff7, 'FAT'],
  ])('%s', async (_, lengthBytes, cluster, value, field) => {
    const { image, setEntry } = fatWithFile(lengthBytes);
    expect((await readTaken(image)).refusal).toBeNull();
    setEntry(cluster, value);
    const { refusal, extents } = await readTaken(image);
    expect(refusal).toMatchObject({ code: 'FORMAT_INVALID', data: { field } });
    expect(extents).toEqual([{ startBytes: 0, lengthBytes: 8 * MIB }]);
  });

  test('a label is that of the root directory, in the code page of names, and no other', async () => {
    const { image } = fatWithFile(100);
    const labelOf = async () => {
      const source = await openFileSource(image);
      try {
        return (await recogniseFileSystem(source))!.label;
      } finally {
        await source.close();
      }
    };
    const change = (edit: (entry: Buffer) => void) => {
      const bytes = readFileSync(image);
      edit(bytes.subarray(bytes.lastIndexOf('LABEL      ')));
      writeFileSync(image, bytes);
    };
    expect(await labelOf()).toBe('LABEL');
    change((entry) => entry.writeUInt8(0x90, 1));
    expect(await labelOf()).toBe('LÉBEL');
    run('mlabel', ['-c', '-i', image, '::']);
    expect(run('fatlabel', [image]).trim()).toBe('');
    expect(await labelOf()).toBe('');
  });
});

test('NTFS whose bitmap calls a cluster of a file free', async () => {
  const image = emptyImage(join(folder, 'ntfs'), 16 * MIB);
  run('mkfs.ntfs', ['-F', '-q', '-f', image]);
  const file = join(folder, 'large');
  writeFileSync(file, noise('large', 100_000));
  run('ntfscp', ['-f', image, file, 'large']);
  expect((await readTaken(image)).refusal).toBeNull();
  const before = readFileSync(image);
  const cluster = before.indexOf(noise('large', 100_000).subarray(0, 4096)) / 4096;
  const bitmap = join(folder, 'bitmap');
  run('sh', ['-c', 'ntfscat -f -i 6 "$1" > "$2"', 'sh', image, bitmap]);
  const at = before.indexOf(readFileSync(bitmap)) + (cluster >>> 3);
  expect((before[at] >>> (cluster & 7)) & 1).toBe(1);
  before[at] &= ~(1 << (cluster & 7));
  writeFileSync(image, before);
  const { refusal } = await readTaken(image);
  expect(refusal).toMatchObject({ code: 'FORMAT_INVALID', data: { field: '$Bitmap', cluster } });
});
