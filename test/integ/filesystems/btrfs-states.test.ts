/** btrfs that is not simply sound, or not simply on one device: logs, damage, copies of superblocks, profiles; and what 2 TB cost. */
import { closeSync, copyFileSync, openSync, readFileSync, readSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../../src-engine/core/crc32c.ts';
import { proves } from '../../support/matrix.ts';
import { expectSameTree } from '../../support/trees.ts';
import { canLoop } from '../../support/workbench.ts';
import { browsed, dumpTree, make, mounted, sectorsByProgs, SECTOR, SIZE } from './btrfs-images.ts';
import { difference, emptyImage, MIB, NO_DIFFERENCE, readUsed, run, scratchFolder, usedUnits } from './images.ts';

const folder = scratchFolder();
const SUPER = 65_536;

function change(image: string, offsetBytes: number, lengthBytes: number, how: (bytes: Buffer) => void): void {
  const file = openSync(image, 'r+');
  const bytes = Buffer.alloc(lengthBytes);
  readSync(file, bytes, 0, lengthBytes, offsetBytes);
  how(bytes);
  writeSync(file, bytes, 0, lengthBytes, offsetBytes);
  closeSync(file);
}

/** Changes a superblock, and puts its checksum right. */
const changeSuper = (image: string, place: number, how: (bytes: Buffer) => void) =>
  change(image, place, 4096, (bytes) => {
    how(bytes);
    bytes.writeUInt32LE(~crc32c(0xffffffff, bytes.subarray(32)) >>> 0);
  });

async function expectWhole(image: string, code: string): Promise<void> {
  const { fileSystem, extents } = await readUsed(image);
  expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code }] });
  expect(extents).toEqual([{ startBytes: 0, lengthBytes: readFileSync(image).length }]);
}

test.skipIf(!canLoop)('a log after a crash: told, and captured whole', async (context) => {
  proves(context, {
    subject: 'Btrfs',
    feature: 'log that was not replayed: captured whole',
    aspect: 'used blocks',
    judge: 'kernel',
  });
  const image = await make(folder, 'log');
  const crashed = `${image}.crashed`;
  await mounted(image, 'commit=300', (point) => {
    run('sync', ['-f', point]);
    run('dd', ['if=/dev/urandom', `of=${join(point, 'made sure of')}`, 'bs=10000', 'count=3', 'conv=fsync']);
    copyFileSync(image, crashed);
  });
  await expectWhole(crashed, 'JOURNAL_NOT_CLEAN');
});

describe('refused by name', () => {
  test('several devices', async () => {
    const images = [0, 1].map((i) => emptyImage(join(folder, `several-${i}`), SIZE));
    run('mkfs.btrfs', ['-q', '-f', '-m', 'raid1', ...images]);
    for (const image of images) {
      await expect(readUsed(image)).rejects.toMatchObject({
        code: 'FORMAT_UNSUPPORTED',
        data: { feature: 'several devices', devices: 2 },
      });
    }
  });

  test('stripes over a single device', async (context) => {
    proves(context, {
      subject: 'Btrfs',
      feature: 'RAID profiles (refused)',
      aspect: 'used blocks',
      judge: 'mkfs.btrfs',
    });
    const image = emptyImage(join(folder, 'stripes'), SIZE);
    run('mkfs.btrfs', ['-q', '-d', 'raid0', image]);
    await expect(readUsed(image)).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      data: { feature: 'btrfs raid0' },
    });
  });

  test.skipIf(!canLoop)('seed devices', async (context) => {
    proves(context, { subject: 'Btrfs', feature: 'seed device (refused)', aspect: 'used blocks', judge: 'btrfstune' });
    const image = await make(folder, 'seed');
    run('btrfstune', ['-S', '1', image]);
    await expect(readUsed(image)).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
      data: { feature: 'btrfs seed device' },
    });
  });

  const INCOMPAT = 188;
  test.each([
    ['btrfs zoned', 12],
    ['btrfs extent tree v2', 13],
    ['btrfs RAID stripe tree', 14],
    ['btrfs incompat 0x20000000000', 41],
  ])('%s', async (feature, bit) => {
    const image = emptyImage(join(folder, `bit-${bit}`), SIZE);
    run('mkfs.btrfs', ['-q', image]);
    changeSuper(image, SUPER, (bytes) => {
      const known = feature.includes('0x') ? 0n : bytes.readBigUInt64LE(INCOMPAT);
      bytes.writeBigUInt64LE(known | (1n << BigInt(bit)), INCOMPAT);
    });
    await expect(readUsed(image)).rejects.toMatchObject({ code: 'FORMAT_UNSUPPORTED', data: { feature } });
  });
});

describe.skipIf(!canLoop)('damage (needs root for loop mounts)', () => {
  test('cut off: captured whole', async () => {
    const image = await make(folder, 'cut');
    truncateSync(image, 200 * MIB);
    await expectWhole(image, 'FILESYSTEM_TRUNCATED');
  });

  test('the first superblock: its copy is read, and the volume captured whole', async () => {
    const image = await make(folder, 'first superblock');
    const before = await readUsed(image);
    change(image, SUPER + 500, 8, (bytes) => bytes.fill(0xee));
    await expectWhole(image, 'CHECKSUM_MISMATCH');
    expect((await readUsed(image)).fileSystem.uuid).toBe(before.fileSystem.uuid);
    await browsed(image, async (tree) => expect(await tree.find(tree.root, 'large')).toMatchObject({ kind: 'file' }));
  });

  test('what another file system left where copies are does not count', async () => {
    const image = await make(folder, 'leftover');
    changeSuper(image, 64 * MIB, (bytes) => {
      bytes.fill(0x77, 32, 48);
      bytes.writeBigUInt64LE(2n ** 40n, 72);
    });
    expect((await readUsed(image)).fileSystem).toMatchObject({ captureAs: 'used-blocks', warnings: [] });
  });

  test('one copy of all metadata: the other is read, by the kernel too', async (context) => {
    proves(context, { subject: 'Btrfs', feature: 'second copies of metadata', aspect: 'files', judge: 'kernel' });
    const image = await make(folder, 'second copies', { mkfs: ['-m', 'dup'] });
    const metadata = /length (\d+)[^\n]*METADATA\|DUP[^]*?stripe 0 devid 1 offset (\d+)/.exec(
      dumpTree(image, 'chunk'),
    )!;
    const [lengthBytes, place] = metadata.slice(1).map(Number);
    expect(lengthBytes).toBeGreaterThan(MIB);
    const { extents } = await readUsed(image);
    // the superblock at 64 MiB may lie inside
    for (const { startBytes, lengthBytes: length } of extents) {
      if (startBytes < place || startBytes + length > place + lengthBytes || length === 4096) continue;
      change(image, startBytes, length, (bytes) => bytes.fill(0xee));
    }
    expect((await readUsed(image)).extents).toEqual(extents);
    await browsed(image, (tree) =>
      mounted(image, 'ro', async (point) => {
        expect(await expectSameTree(tree, point)).toBeGreaterThan(100);
      }),
    );
  });
});

test.skipIf(!canLoop)('2 TB with few files: no more than there is, and three superblocks', async (context) => {
  proves(context, { subject: 'Btrfs', feature: '2 TB, sparse', aspect: 'used blocks', judge: 'btrfs-progs' });
  const lengthBytes = 2 ** 41;
  const image = await make(folder, 'large', { lengthBytes });
  const used = usedUnits((await readUsed(image)).extents, SECTOR);
  expect(difference(used, sectorsByProgs(image, lengthBytes))).toEqual(NO_DIFFERENCE);
  for (const place of [SUPER, 64 * MIB, 256 * 2 ** 30]) expect(used).toContain(place / SECTOR);
});
