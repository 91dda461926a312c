/**
 * What boot loaders and volume managers keep outside of partitions and behind file systems: named, and taken though unknown data is left. The
 * images are GRUB's, the metadata LVM2's; wipefs tells ZFS. Windows' dynamic disks are built as Linux reads them (block/partitions/ldm.h).
 */
import { closeSync, existsSync, openSync, readFileSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DiskView } from '../../../src-engine/contract/disk.contract.ts';
import { noise } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { expectEqual } from '../formats/virtual-disks.ts';
import { lvmOn } from './lvm.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const DISK_BYTES = 40 * MIB;
const SECTOR_BYTES = 512;

function write(path: string, offsetBytes: number, bytes: Uint8Array): void {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offsetBytes);
  closeSync(file);
}

/** A disk with ext4 in partitions of an MBR from 4 to 12 MiB and from 20 to 28 MiB, with noise between them and behind them. */
function disk(name: string, lines = ['start=8192,size=16384,type=83', 'start=40960,size=16384,type=83']): string {
  const path = bench.file(name, DISK_BYTES);
  run('sh', '-c', `printf '${lines.join('\\n')}\\n' | sfdisk -q -X dos ${path}`);
  for (const startBytes of [4 * MIB, 20 * MIB]) {
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', `offset=${startBytes}`, path, '8M');
  }
  for (const startBytes of [15 * MIB, 32 * MIB]) write(path, startBytes, noise(`unknown ${startBytes}`, MIB));
  return path;
}

/** Captures without unknown data, and deploys. @returns the disk's view, and the copy */
async function leftUnknown(path: string): Promise<{ view: DiskView; copy: Buffer }> {
  resultOf(await engine.capture(path, 'known', { outside: 'leave' }));
  const view = (await engine.client.call('template.show', { template: 'known' })).versions[0].disks[0].layout;
  const target = bench.path('target.img');
  rmSync(target, { force: true });
  resultOf(await engine.deploy('known', target));
  return { view, copy: readFileSync(target) };
}

/** All that libblkid sees: two claim the disk. */
const marksBy = (path: string) => run('wipefs', '--noheadings', '-O', 'TYPE', path).trim().split(/\s+/);

const namesOf = ({ account }: DiskView) => new Set(account!.pieces.flatMap(({ names }) => names));

function expectKept(path: string, copy: Buffer, startBytes: number, lengthBytes: number): void {
  const range = [startBytes, startBytes + lengthBytes] as const;
  expectEqual(copy.subarray(...range), readFileSync(path).subarray(...range), `from ${startBytes}`);
}

const expectLeft = (copy: Buffer, startBytes: number) =>
  expect(copy.subarray(startBytes, startBytes + MIB).every((byte) => byte === 0)).toBe(true);

describe('the core image of GRUB', () => {
  const GRUB = '/usr/lib/grub/i386-pc';
  const hasGrub = existsSync(`${GRUB}/boot.img`);
  if (!hasGrub) console.warn('SKIPPED: the core image of GRUB: grub-pc-bin is not installed');

  /** Writes GRUB's boot sector and its core image in these runs of sectors, as grub-bios-setup does: the list stands in the core's first sector. */
  function install(path: string, runs: readonly (readonly [startSector: number, sectors: number])[]): Buffer {
    // it syncs what it writes, which a pipe refuses
    const file = bench.path('core.img');
    run('grub-mkimage', '-O', 'i386-pc', '-o', file, '-p', '/boot/grub', 'biosdisk', 'part_msdos', 'ext2');
    const core = readFileSync(file);
    const padded = Buffer.concat([core], Math.ceil(core.length / SECTOR_BYTES) * SECTOR_BYTES);
    const sectors = padded.length / SECTOR_BYTES;
    const [[first]] = runs;
    const boot = readFileSync(`${GRUB}/boot.img`);
    boot.writeBigUInt64LE(BigInt(first), 0x5c);
    write(path, 0, boot.subarray(0, 440));
    let done = 1;
    for (const [i, [start, most]] of runs.entries()) {
      const [from, room] = i === 0 ? [start + 1, most - 1] : [start, most];
      const count = Math.min(room, sectors - done);
      const at = SECTOR_BYTES - 12 * (i + 1);
      padded.writeBigUInt64LE(BigInt(from), at);
      padded.writeUInt16LE(count, at + 8);
      padded.writeUInt16LE(0x820, at + 10);
      write(path, from * SECTOR_BYTES, padded.subarray(done * SECTOR_BYTES, (done + count) * SECTOR_BYTES));
      done += count;
    }
    expect(done).toBe(sectors);
    write(path, first * SECTOR_BYTES, padded.subarray(0, SECTOR_BYTES));
    return padded;
  }

  test.skipIf(!hasGrub).each<[string, [number, number][]]>([
    ['between the partitions, in one run', [[26_000, 1000]]],
    [
      'behind the last partition, in runs of a list',
      [
        [60_001, 9],
        [64_000, 3],
        [62_003, 1000],
      ],
    ],
    [
      'on both sides of a partition',
      [
        [30_003, 20],
        [70_001, 1000],
      ],
    ],
  ])('%s', async (_, runs) => {
    const path = disk('grub.img');
    install(path, runs);
    const { view, copy } = await leftUnknown(path);
    expect(namesOf(view)).toContain('grub');
    const core = install(bench.file('sizes.img', DISK_BYTES), runs);
    let left = core.length;
    for (const [start, most] of runs) {
      const lengthBytes = Math.min(left, most * SECTOR_BYTES);
      expectKept(path, copy, start * SECTOR_BYTES, lengthBytes);
      left -= lengthBytes;
    }
    expectKept(path, copy, 0, 440);
    expectLeft(copy, 15 * MIB);
    expectLeft(copy, 32 * MIB);
  });

  test.skipIf(!hasGrub)('a list that leaves the disk is believed up to there', async () => {
    const path = disk('lying.img');
    install(path, [[26_000, 1000]]);
    const list = Buffer.alloc(12);
    list.writeBigUInt64LE(BigInt(DISK_BYTES / SECTOR_BYTES - 1));
    list.writeUInt16LE(0xffff, 8);
    write(path, 26_000 * SECTOR_BYTES + 500, list);
    const { view, copy } = await leftUnknown(path);
    expect(namesOf(view)).toContain('grub');
    expectKept(path, copy, 26_000 * SECTOR_BYTES, SECTOR_BYTES);
  });
});

describe("Windows' dynamic disks", () => {
  /** Of version 2.12; the database is in the last MiB. */
  function makeDynamic(path: string): void {
    const header = Buffer.alloc(SECTOR_BYTES);
    header.write('PRIVHEAD', 0, 'latin1');
    header.writeUInt16BE(2, 0x0c);
    header.writeUInt16BE(12, 0x0e);
    header.write('1b77da20-c717-11d0-a5be-00a0c91db73c', 0x30, 'latin1');
    const sectors = DISK_BYTES / SECTOR_BYTES;
    [63, sectors - 2048 - 63, sectors - 2048, 2048].forEach((value, i) =>
      header.writeBigUInt64BE(BigInt(value), 0x11b + 8 * i),
    );
    write(path, 6 * SECTOR_BYTES, header);
    const database = noise('database', MIB);
    database.write('TOCBLOCK', SECTOR_BYTES, 'latin1');
    header.copy(database, 1856 * SECTOR_BYTES);
    write(path, DISK_BYTES - MIB, database);
  }

  test('with an MBR that says so: whole', async () => {
    const path = disk('dynamic.img', ['start=63,size=79809,type=42']);
    makeDynamic(path);
    const { view, copy } = await leftUnknown(path);
    expect(view.warnings).toContainEqual({ code: 'TABLE_OF_OTHERS', data: { name: 'ldm' } });
    expectEqual(copy, readFileSync(path), 'whole');
  });

  test('one entry of several says so: whole', async () => {
    const path = disk('partly.img', ['start=8192,size=16384,type=7', 'start=40960,size=16384,type=42']);
    makeDynamic(path);
    const { copy } = await leftUnknown(path);
    expectEqual(copy, readFileSync(path), 'whole');
  });

  test('with an MBR of other types: header and database are named, and taken', async () => {
    const path = disk('former.img');
    makeDynamic(path);
    const { view, copy } = await leftUnknown(path);
    expect(namesOf(view)).toContain('ldm');
    expectKept(path, copy, 0, MIB);
    expectKept(path, copy, DISK_BYTES - MIB, MIB);
    expectLeft(copy, 32 * MIB);
  });

  test('a header that speaks of another disk names its own sector alone', async () => {
    const path = disk('moved.img');
    makeDynamic(path);
    const elsewhere = Buffer.alloc(8);
    elsewhere.writeBigUInt64BE(2n ** 62n);
    write(path, 6 * SECTOR_BYTES + 0x12b, elsewhere);
    const { copy } = await leftUnknown(path);
    expectKept(path, copy, 6 * SECTOR_BYTES, SECTOR_BYTES);
    expectLeft(copy, DISK_BYTES - MIB);
  });
});

describe('labels of ZFS at ends', () => {
  const LABEL_BYTES = 256 * 1024;

  /** Two labels, as they stand at the end of a device: uberblocks of 1 KiB in their second half. */
  function labels(): Buffer {
    const label = noise('label', LABEL_BYTES);
    for (let at = LABEL_BYTES / 2; at < LABEL_BYTES; at += 1024) label.writeBigUInt64LE(0x00bab10cn, at);
    return Buffer.concat([label, label]);
  }

  test('of the disk, whose table is of later days: the disk is that, and whole', async () => {
    const path = disk('pool.img');
    // smaller ones are no pools for libblkid
    truncateSync(path, 72 * MIB);
    write(path, 72 * MIB - 2 * LABEL_BYTES, labels());
    expect(marksBy(path)).toContain('zfs_member');
    const { view, copy } = await leftUnknown(path);
    expect(view.volumes).toMatchObject([{ recognised: 'zfs', captureAs: 'whole' }]);
    expectEqual(copy, readFileSync(path), 'whole');
  });

  test('of a partition, behind a file system that is shorter', async () => {
    const path = disk('behind.img', ['start=8192,size=24576,type=83']);
    const endBytes = 16 * MIB;
    write(path, 12 * MIB, noise('behind the file system', MIB));
    write(path, endBytes - 2 * LABEL_BYTES, labels());
    const { view, copy } = await leftUnknown(path);
    expect([...namesOf(view), view.volumes[0].recognised]).toContain('zfs');
    expectKept(path, copy, endBytes - 2 * LABEL_BYTES, 2 * LABEL_BYTES);
  });
});

describe.skipIf(!canLoop)('what LVM2 keeps at ends', () => {
  const part = { startBytes: 4 * MIB, lengthBytes: 24 * MIB };

  test('the second metadata area of a member is enough to find the group again', async () => {
    const path = bench.file('lvm.img', DISK_BYTES);
    run('sh', '-c', `echo 'start=8192,size=49152,type=8e' | sfdisk -q -X dos ${path}`);
    const lvm = lvmOn(bench, path, [part]);
    lvm('pvcreate', '-y', '--pvmetadatacopies', '2', '--metadatasize', '512k', ...lvm.devices);
    lvm('vgcreate', '-y', '-s', '1M', 'ends', ...lvm.devices);
    lvm.create('-Wn', '-L', '4M', '-n', 'one', 'ends');
    bench.detach(lvm.devices[0]);
    const { copy } = await leftUnknown(path);
    const target = bench.path('target.img');
    // the first area is gone: LVM2 reads the second one
    copy.fill(0, part.startBytes + 4096, part.startBytes + MIB / 2);
    write(target, 0, copy);
    const copied = lvmOn(bench, target, [part]);
    expect(copied('vgs', '--noheadings', '-o', 'vg_name').trim()).toBe('ends');
    expect(copied('lvs', '--noheadings', '-o', 'lv_name').trim()).toBe('one');
    bench.detach(copied.devices[0]);
  });

  test('a label in the first sectors of a disk that got a table: the disk is that, and whole', async () => {
    const path = disk('label.img');
    const head = bench.file('pv.img', DISK_BYTES);
    const device = bench.attach(head);
    run('pvcreate', '-y', '--config', 'devices { use_devicesfile=0 }', device);
    bench.detach(device);
    write(path, 512, readFileSync(head).subarray(512, MIB));
    expect(marksBy(path)).toContain('LVM2_member');
    const { view, copy } = await leftUnknown(path);
    expect(view.volumes).toMatchObject([{ recognised: 'lvm2', captureAs: 'whole' }]);
    expectEqual(copy, readFileSync(path), 'whole');
  });
});
