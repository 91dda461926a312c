/** Swap areas by mkswap, and things of others by their own tools: recognised for what they are, and never for a file system of ours. */
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { contentOf } from '../../../src-engine/inspection/volume-content.ts';
import { recogniseSignature } from '../../../src-engine/filesystems/signatures.ts';
import { emptyImage, MIB, noise, readUsed, run, scratchFolder } from './images.ts';

const folder = scratchFolder();
const isRoot = process.getuid?.() === 0;
const UUID = '0f0e0d0c-1111-4222-8333-444455556666';

function makeSwap(name: string, pageBytes: number): string {
  const image = emptyImage(join(folder, name), 16 * MIB);
  run('chmod', ['600', image]);
  run('mkswap', ['-L', 'pages', '-U', UUID, '-p', String(pageBytes), image]);
  return image;
}

describe('swap', () => {
  test.each([4096, 8192, 16_384, 65_536])('with pages of %i bytes: the header is kept, no more', async (pageBytes) => {
    const image = makeSwap(`swap${pageBytes}.img`, pageBytes);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({
      kind: 'swap',
      label: 'pages',
      uuid: UUID,
      blockBytes: pageBytes,
      lengthBytes: 16 * MIB,
      captureAs: 'header-only',
      warnings: [{ code: 'SWAP_CONTENT_DROPPED', data: { lengthBytes: 16 * MIB } }],
    });
    expect(extents).toEqual([{ startBytes: 0, lengthBytes: pageBytes }]);
    // The header alone is a swap area again, as blkid sees it.
    const header = join(folder, 'header.img');
    writeFileSync(header, readFileSync(image).subarray(0, pageBytes));
    truncateSync(header, 16 * MIB);
    expect(run('blkid', ['-p', '-o', 'value', '-s', 'UUID', header]).trim()).toBe(UUID);
  });

  test('of the other byte order', async () => {
    const image = makeSwap('big.img', 4096);
    const bytes = readFileSync(image);
    bytes.subarray(1024, 1036).swap32();
    writeFileSync(image, bytes);
    expect(run('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image]).trim()).toBe('swap');
    expect((await readUsed(image)).fileSystem).toMatchObject({ kind: 'swap', uuid: UUID, lengthBytes: 16 * MIB });
  });

  const TUXONICE = '\xed\xc3\x02\xe9\x98\x56\xe5\x0c';
  test.each<[name: string, mark: string, place: 'zero' | 'page', pageBytes: number, isKnownToBlkid: boolean]>([
    ...[4096, 8192, 16_384, 65_536]
      .flatMap((pageBytes) =>
        ['S1SUSPEND\0', 'S2SUSPEND\0', 'ULSUSPEND\0', 'LINHIB0001'].map(
          (mark) => [mark.replace('\0', ''), mark, 'page', pageBytes, true] as const,
        ),
      )
      .map((row) => [...row] as [string, string, 'page', number, boolean]),
    ['pmdisk', 'S1SUSPxxxx', 'page', 4096, false],
    ['TuxOnIce in front of a header', TUXONICE, 'zero', 4096, true],
    ['TuxOnIce in front of a header of 64 KiB', TUXONICE, 'zero', 65_536, true],
    ['TuxOnIce as text', 'TuxOnIce', 'zero', 4096, false],
  ])('that a hibernated machine waits in is captured whole: %s', async (_, mark, place, pageBytes, isKnownToBlkid) => {
    for (const isBig of [false, true]) {
      const image = makeSwap('hibernated.img', pageBytes);
      const bytes = readFileSync(image);
      if (isBig) bytes.subarray(1024, 1036).swap32();
      bytes.write(mark, place === 'zero' ? 0 : pageBytes - 10, 'latin1');
      writeFileSync(image, bytes);
      if (isKnownToBlkid) expect(run('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image]).trim()).toBe('swsuspend');
      const { fileSystem, extents } = await readUsed(image);
      expect(fileSystem).toMatchObject({
        kind: 'swap',
        captureAs: 'whole',
        uuid: UUID,
        warnings: [{ code: 'SWAP_HIBERNATED', data: {} }],
      });
      expect(extents).toEqual([{ startBytes: 0, lengthBytes: 16 * MIB }]);
    }
  });

  test('whose header a hibernated machine has written over is captured whole', async () => {
    const image = emptyImage(join(folder, 'over.img'), MIB);
    writeFileSync(image, Buffer.concat([Buffer.from(TUXONICE, 'latin1'), noise('over', MIB - 8)]));
    expect(run('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image]).trim()).toBe('swsuspend');
    const { fileSystem } = await readUsed(image);
    expect(fileSystem).toMatchObject({ kind: 'swap', captureAs: 'whole', warnings: [{ code: 'SWAP_HIBERNATED' }] });
  });

  test.each<[string, (bytes: Buffer) => void, object]>([
    [
      'with signatures of two page sizes',
      (bytes) => void bytes.write('SWAPSPACE2', 65_526, 'latin1'),
      { code: 'FORMAT_INVALID', data: { field: 'swap signature', value: '4096, 65536' } },
    ],
    [
      'of version 0',
      (bytes) => void bytes.write('SWAP-SPACE', 4086, 'latin1'),
      { code: 'FORMAT_UNSUPPORTED', data: { feature: 'swap version 0' } },
    ],
    [
      'whose version is none in either byte order',
      (bytes) => void bytes.writeUInt32LE(2, 1024),
      { code: 'FORMAT_INVALID', data: { field: 'version', value: '2' } },
    ],
  ])('%s is not told for certain', async (_, change, refusal) => {
    const image = makeSwap('unclear.img', 4096);
    const bytes = readFileSync(image);
    change(bytes);
    writeFileSync(image, bytes);
    await expect(readUsed(image)).rejects.toMatchObject(refusal);
  });

  test('longer than its volume is captured whole', async () => {
    const image = makeSwap('cut.img', 4096);
    truncateSync(image, 10 * MIB);
    const { fileSystem, extents } = await readUsed(image);
    expect(fileSystem).toMatchObject({ captureAs: 'whole', warnings: [{ code: 'FILESYSTEM_TRUNCATED' }] });
    expect(extents).toEqual([{ startBytes: 0, lengthBytes: 10 * MIB }]);
  });
});

async function both(image: string): Promise<[unknown, string | null]> {
  const source = await openFileSource(image);
  try {
    return [await recogniseFileSystem(source), await recogniseSignature(source)];
  } finally {
    await source.close();
  }
}

describe('what others have made is captured whole, under its name', () => {
  test.each([
    [
      'luks',
      16 * MIB,
      (image: string) =>
        run('qemu-img', [
          'create',
          '-q',
          '-f',
          'luks',
          '--object',
          'secret,id=k,data=open',
          '-o',
          'key-secret=k,iter-time=10',
          image,
          '4M',
        ]),
    ],
    // qemu-img times its key derivation and gives up ("Unable to get accurate CPU usage") on a machine that is busy
  ])('%s', { retry: 8 }, async (name, lengthBytes, make) => {
    const image = emptyImage(join(folder, `${name}.img`), lengthBytes);
    make(image);
    expect(await both(image)).toEqual([null, name]);
  });

  test.skipIf(!isRoot)('lvm2 (needs root for a loop device)', async () => {
    const image = emptyImage(join(folder, 'lvm2.img'), 16 * MIB);
    const device = run('losetup', ['--find', '--show', image]).trim();
    try {
      run('pvcreate', ['-y', device]);
    } finally {
      run('losetup', ['-d', device]);
    }
    expect(await both(image)).toEqual([null, 'lvm2']);
  });

  test('nothing at all', async () => {
    expect(await both(emptyImage(join(folder, 'zero.img'), 4 * MIB))).toEqual([null, null]);
  });

  test('partition tables are no FAT', async () => {
    const image = emptyImage(join(folder, 'gpt.img'), 8 * MIB);
    run('sgdisk', ['-n', '1:2048:0', image]);
    expect(await both(image)).toEqual([null, null]);
  });
});

describe('two faces', () => {
  /** The superblock of MD RAID with metadata 1.0 stands behind the file system: md_p.h, magic and major version. */
  test('a RAID member that begins like its file system is captured whole', async () => {
    const image = emptyImage(join(folder, 'member.img'), 16 * MIB);
    run('mkfs.ext4', ['-q', '-F', '-b', '4096', image, '4000']);
    const bytes = readFileSync(image);
    bytes.writeUInt32LE(0xa92b4efc, statSync(image).size - 8192);
    bytes.writeUInt32LE(1, statSync(image).size - 8188);
    writeFileSync(image, bytes);
    expect(await both(image)).toEqual([null, 'md-raid']);
  });

  /** The bytes of one image from a place on, over another's, as where a later maker left the front, or the end, as it was. */
  function laidOver(below: string, above: string, fromBytes: number): string {
    const bytes = readFileSync(below);
    const later = readFileSync(above);
    for (let at = fromBytes; at < later.length; at += 4096) {
      const page = later.subarray(at, at + 4096);
      if (page.some((byte) => byte !== 0)) page.copy(bytes, at);
    }
    writeFileSync(below, bytes);
    return below;
  }

  test.each([
    ['xfs', 'jfs', 320, ['mkfs.xfs', '-q', '-f'], ['mkfs.jfs', '-q'], 32 * 1024],
    ['ntfs', 'nilfs2', 140, ['mkntfs', '-q', '-F', '-Q'], ['mkfs.nilfs2', '-f'], 100 * MIB],
  ])('a sound %s with a %s in it is none of the two', async (kind, other, mib, makeFirst, makeOther, fromBytes) => {
    const [first, second] = ['first.img', 'second.img'].map((name) => emptyImage(join(folder, name), mib * MIB));
    run(makeFirst[0], [...makeFirst.slice(1), first]);
    run(makeOther[0], [...makeOther.slice(1), second]);
    expect((await both(first))[0]).toMatchObject({ kind });
    const image = laidOver(first, second, fromBytes);
    // blkid gives no answer either
    expect(() => run('blkid', ['-p', image])).toThrow();
    const source = await openFileSource(image);
    try {
      const { fileSystem, warnings } = await contentOf(source);
      expect(fileSystem).toBe(null);
      expect(warnings).toEqual([{ code: 'VOLUME_CLAIMED_TWICE', data: { names: [kind, other] } }]);
    } finally {
      await source.close();
    }
  });

  test('an ext4 over remains of a swap area is captured whole', async () => {
    const image = makeSwap('remains.img', 65_536);
    const page = readFileSync(image).subarray(65_526, 65_536);
    run('mkfs.ext4', ['-q', '-F', image]);
    const bytes = readFileSync(image);
    page.copy(bytes, 65_526);
    bytes.writeUInt32LE(1, 1024);
    writeFileSync(image, bytes);
    await expect(both(image)).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });
});
