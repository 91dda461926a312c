/** Tables that file systems keep twice, and counters that may lie: told, and taken whole where nobody knows which one is right. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { crc32c } from '../../../src-engine/core/crc32c.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { bootChecksum } from '../../../src-engine/filesystems/exfat/boot-region.ts';
import { inspectDisk } from '../../../src-engine/inspection/disk-inspection.ts';
import { copyOntoOnes, emptyImage, MIB, noise, run, scratchFolder } from './images.ts';

const folder = scratchFolder();
const CONTENT = noise('content', 100_000);
const content = () => {
  const path = join(folder, 'content');
  writeFileSync(path, CONTENT);
  return path;
};

/** What a capture makes of a bare disk, and what is left of the image when only that is kept. */
async function captured(bytes: Buffer) {
  const image = join(folder, 'lie.img');
  writeFileSync(image, bytes);
  const { view, volumes } = await inspectDisk(memorySource(bytes), new AbortController().signal);
  const [{ captureAs, usedBytes, warnings }] = view.volumes;
  const extents = [];
  for await (const batch of volumes[0].used(new AbortController().signal)) extents.push(...batch);
  const kept = copyOntoOnes(image, join(folder, 'kept.img'), bytes.length, extents);
  const isWhole = captureAs === 'whole' && usedBytes === bytes.length;
  return {
    image,
    kept,
    isWhole,
    told: warnings.map(({ code, data }) => `${code} ${data.table ?? data.reason ?? ''}`.trim()),
  };
}

/** What a checker says, whatever it thinks of it. */
function verdict(command: string, args: string[], image: string): string {
  const { status, stdout, stderr } = spawnSync(command, [...args, image], { encoding: 'utf8' });
  return `${status}\n${stdout}${stderr}`.replaceAll(image, 'IMAGE');
}

const differ = (table: string) => `FILESYSTEM_COPIES_DIFFER ${table}`;

describe('FAT', () => {
  const bases: Record<string, Buffer> = {};
  beforeAll(() => {
    for (const bits of ['16', '32']) {
      const image = emptyImage(join(folder, `fat${bits}`), (bits === '16' ? 8 : 40) * MIB);
      run('mkfs.vfat', ['-F', bits, '-s', '1', '-n', 'LABEL', image]);
      run('mcopy', ['-i', image, content(), '::file']);
      bases[bits] = readFileSync(image);
    }
  });
  const sectors = (bytes: Buffer, at: number) => bytes.readUInt16LE(at) * 512;
  const fatAt = (bytes: Buffer, fat: number) =>
    sectors(bytes, 14) + fat * (sectors(bytes, 22) || bytes.readUInt32LE(36) * 512);
  const backupAt = (bytes: Buffer) => sectors(bytes, 50);

  const LIES: [name: string, bits: string, change: (b: Buffer) => unknown, told: string[], isWhole: boolean][] = [
    ['nothing', '16', () => {}, [], false],
    ['nothing', '32', () => {}, [], false],
    ['a file missing in the first FAT', '16', (b) => b.fill(0, fatAt(b, 0) + 4, fatAt(b, 1)), [differ('FAT')], false],
    [
      'a file missing in the second FAT',
      '16',
      (b) => b.fill(0, fatAt(b, 1) + 4, fatAt(b, 1) + 500),
      [differ('FAT')],
      false,
    ],
    [
      'a file missing in the second FAT',
      '32',
      (b) => b.fill(0, fatAt(b, 1) + 12, fatAt(b, 1) + 900),
      [differ('FAT')],
      false,
    ],
    ['the mark of a clean volume in one FAT', '16', (b) => (b[fatAt(b, 1) + 3] &= 0x7f), [], false],
    ['more free clusters in FSInfo', '32', (b) => b.writeUInt32LE(77_777, 512 + 488), [], false],
    ['none free in FSInfo', '32', (b) => b.writeUInt32LE(0, 512 + 488), [], false],
    [
      'a backup boot sector of a shorter volume',
      '32',
      (b) => b.writeUInt32LE(70_000, backupAt(b) + 32),
      [differ('boot sector')],
      true,
    ],
    ['a boot sector of a shorter volume', '32', (b) => b.writeUInt32LE(70_000, 32), [differ('boot sector')], true],
    ['a backup boot sector of larger clusters', '32', (b) => (b[backupAt(b) + 13] = 2), [differ('boot sector')], true],
    [
      'a backup boot sector overwritten',
      '32',
      (b) => b.fill(0xa5, backupAt(b), backupAt(b) + 512),
      [differ('boot sector')],
      false,
    ],
    ['a backup boot sector of zeros', '32', (b) => b.fill(0, backupAt(b), backupAt(b) + 512), [], false],
    ['another label and number in the backup', '32', (b) => b.fill('X', backupAt(b) + 67, backupAt(b) + 82), [], false],
  ];
  test.each(LIES)('%s (FAT%s)', async (_, bits, change, told, isWhole) => {
    const bytes = Buffer.from(bases[bits]);
    change(bytes);
    const found = await captured(bytes);
    expect(found).toMatchObject({ told, isWhole });
    // judged by the checker and by mtools, which read the first FAT
    expect(verdict('/usr/sbin/fsck.fat', ['-n'], found.kept)).toBe(verdict('/usr/sbin/fsck.fat', ['-n'], found.image));
    const read = (image: string) => verdict('mtype', ['-i', image], '::file').slice(0, 120_000);
    expect(read(found.kept).replaceAll(found.kept, '')).toBe(read(found.image).replaceAll(found.image, ''));
    expect(told.length === 0 || verdict('/usr/sbin/fsck.fat', ['-n'], found.image) !== '0').toBe(true);
  });
});

describe('NTFS', () => {
  let base: Buffer;
  let mirrorAt: number;
  const backupAt = () => base.length - 512;
  beforeAll(() => {
    const image = emptyImage(join(folder, 'ntfs'), 8 * MIB);
    run('mkfs.ntfs', ['-F', '-q', '-f', '-L', 'LABEL', image]);
    run('ntfscp', ['-f', image, content(), 'file']);
    base = readFileSync(image);
    mirrorAt = Number(base.readBigUInt64LE(0x38)) * 4096;
  });

  const LIES: [name: string, change: (b: Buffer) => unknown, told: string[], isWhole: boolean, mounts: boolean][] = [
    ['nothing', () => {}, [], false, true],
    ['another length of $MFT in $MFTMirr', (b) => b.writeUInt32LE(1, mirrorAt + 0x130), [differ('$MFT')], true, false],
    ['another record 3 in $MFTMirr', (b) => (b[mirrorAt + 3 * 1024 + 0x40] ^= 1), [differ('$MFT')], true, false],
    ['$MFTMirr overwritten', (b) => b.fill(0xa5, mirrorAt, mirrorAt + 4096), [differ('$MFT')], true, false],
    ['what is not in use of a record', (b) => (b[mirrorAt + 1000] ^= 1), [], false, true],
    [
      'a copy of the boot sector of a longer volume',
      (b) => b.writeUInt32LE(99_999, backupAt() + 40),
      [differ('boot sector')],
      true,
      true,
    ],
    [
      'a copy of the boot sector of other clusters',
      (b) => (b[backupAt() + 13] = 4),
      [differ('boot sector')],
      true,
      true,
    ],
    ['a copy of the boot sector overwritten', (b) => b.fill(0xa5, backupAt()), [differ('boot sector')], false, true],
    ['no copy of the boot sector', (b) => b.fill(0, backupAt()), [], false, true],
    ['other boot code in the copy', (b) => (b[backupAt() + 200] ^= 1), [], false, true],
  ];
  test.each(LIES)('%s', async (_, change, told, isWhole, mounts) => {
    const bytes = Buffer.from(base);
    change(bytes);
    const found = await captured(bytes);
    expect(found).toMatchObject({ told, isWhole });
    // ntfs-3g compares $MFTMirr before it opens a volume
    const read = (image: string) => spawnSync('ntfscat', [image, 'file'], { maxBuffer: MIB });
    expect(read(found.image).status === 0).toBe(mounts);
    expect(read(found.kept).stdout.equals(mounts ? CONTENT : Buffer.alloc(0))).toBe(true);
  });

  test('a boot sector of a shorter volume, which files reach out of', async () => {
    const bytes = Buffer.from(base);
    bytes.writeBigUInt64LE(BigInt(mirrorAt / 512 - 8), 40);
    expect((await captured(bytes)).isWhole).toBe(true);
  });
});

describe('exFAT', () => {
  let base: Buffer;
  beforeAll(() => {
    const image = emptyImage(join(folder, 'exfat'), 8 * MIB);
    run('mkfs.exfat', ['-L', 'eleven ltrs', image]);
    base = readFileSync(image);
  });
  /** Puts the checksum of a region right. */
  const summed = (bytes: Buffer, sector: number) => {
    const region = bytes.subarray(sector * 512, (sector + 12) * 512);
    const sum = bootChecksum(region.subarray(0, -512));
    for (let at = region.length - 512; at < region.length; at += 4) region.writeUInt32LE(sum, at);
  };
  const LIES: [name: string, change: (b: Buffer) => unknown, told: string[], isWhole: boolean][] = [
    ['nothing', () => {}, [], false],
    ['another PercentInUse', (b) => (b[112] = 99), [], false],
    ['another number in the backup', (b) => (b.writeUInt32LE(7, 12 * 512 + 100), summed(b, 12)), [], false],
    [
      'a backup of a longer volume',
      (b) => (b.writeUInt32LE(77_777, 12 * 512 + 72), summed(b, 12)),
      [differ('boot region')],
      true,
    ],
    [
      'a backup with the root elsewhere',
      (b) => (b.writeUInt32LE(9, 12 * 512 + 96), summed(b, 12)),
      [differ('boot region')],
      true,
    ],
    ['a backup whose checksum is wrong', (b) => (b[12 * 512 + 300] ^= 1), ['CHECKSUM_MISMATCH'], false],
    ['a checksum that is wrong', (b) => (b[300] ^= 1), ['CHECKSUM_MISMATCH boot region'], true],
  ];
  test.each(LIES)('%s', async (_, change, told, isWhole) => {
    const bytes = Buffer.from(base);
    change(bytes);
    const found = await captured(bytes);
    expect(found).toMatchObject({ told, isWhole });
    expect(verdict('/usr/sbin/fsck.exfat', ['-n'], found.kept)).toBe(
      verdict('/usr/sbin/fsck.exfat', ['-n'], found.image),
    );
  });
});

describe('btrfs', () => {
  let base: Buffer;
  beforeAll(() => {
    const tree = join(folder, 'tree');
    run('mkdir', ['-p', tree]);
    writeFileSync(join(tree, 'file'), CONTENT);
    const image = emptyImage(join(folder, 'btrfs'), 128 * MIB);
    run('mkfs.btrfs', ['-q', '-r', tree, image]);
    base = readFileSync(image);
  });

  /** Leaves of the tree of free space, all copies: where they begin. */
  function leavesOfFreeSpace(): number[] {
    const image = join(folder, 'btrfs');
    const told = run('btrfs', ['inspect-internal', 'dump-tree', '-t', '10', image]);
    const bytenr = BigInt(/^leaf (\d+) items/m.exec(told)![1]);
    const places: number[] = [];
    for (let at = MIB; at + 4096 <= base.length; at += 4096) {
      const isLeaf =
        base.readBigUInt64LE(at + 48) === bytenr && base.readBigUInt64LE(at + 88) === 10n && base[at + 100] === 0;
      if (isLeaf) places.push(at);
    }
    return places;
  }

  const change = (edit: (items: Buffer) => void) => {
    const bytes = Buffer.from(base);
    const nodeBytes = bytes.readUInt32LE(64 * 1024 + 148);
    const places = leavesOfFreeSpace();
    expect(places.length).toBeGreaterThan(0);
    for (const at of places) {
      const node = bytes.subarray(at, at + nodeBytes);
      edit(node.subarray(101));
      node.writeUInt32LE(~crc32c(0xffffffff, node.subarray(32)) >>> 0, 0);
    }
    return bytes;
  };
  /** The first run of the last group that has several: where its key stands. What mkfs leaves of groups that are gone is nobody's. */
  const aRun = (items: Buffer) => {
    let found = 0;
    for (let at = 0; items[at + 8] >= 198 && items[at + 8] <= 200; at += 25) {
      const types = [0, 25, 50].map((by) => items[at + by + 8]);
      if (types.join() === '198,199,199') found = at + 25;
    }
    return found;
  };

  test('its tree of free space says what the extents say', async () => {
    expect(await captured(Buffer.from(base))).toMatchObject({ told: [], isWhole: false });
  });
  test.each<[string, (items: Buffer) => void]>([
    ['a free run that is shorter', (items) => shift(items, aRun(items) + 9, -4096n)],
    ['a free run that is longer', (items) => shift(items, aRun(items) + 9, 4096n)],
    ['a free run that begins later', (items) => shift(items, aRun(items), 4096n)],
  ])('%s', async (_, edit) => {
    const found = await captured(change(edit));
    expect(found).toMatchObject({ told: ['FILESYSTEM_UNREADABLE free-space tree'], isWhole: true });
    expect(verdict('btrfs', ['check', '--readonly'], found.image)).toMatch(/free space/i);
  });
  const shift = (items: Buffer, at: number, by: bigint) => items.writeBigUInt64LE(items.readBigUInt64LE(at) + by, at);
});
