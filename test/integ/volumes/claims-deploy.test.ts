/** Disks that are one thing as a whole under the table of a former life: captured and deployed byte for byte. */
import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeNoiseDisk } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../../support/workbench.ts';
import { writeMember } from '../../unit/volumes/md-image.ts';
import { lvmOn } from './lvm.ts';

const bench = workbench();
const LENGTH = 24 * MIB;
let engine: TestEngine;

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

/** A disk of noise with a sound table and an ext4 in its partition, whose free blocks are noise too. */
function formerLife(name: string, label: 'dos' | 'gpt'): string {
  const image = makeNoiseDisk(bench, name, LENGTH);
  writeFileSync(image, Buffer.alloc(MIB), { flag: 'r+' });
  runWithInput(`label: ${label}\nstart=2048,size=40960\n`, 'sfdisk', '-q', image);
  run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', `nodiscard,offset=${MIB}`, image, '20M');
  return image;
}

function put(image: string, offsetBytes: number, bytes: Uint8Array): void {
  const file = openSync(image, 'r+');
  writeSync(file, bytes, 0, bytes.length, offsetBytes);
  closeSync(file);
}

function read(image: string, offsetBytes: number, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes);
  const file = openSync(image, 'r');
  readSync(file, bytes, 0, lengthBytes, offsetBytes);
  closeSync(file);
  return bytes;
}

/** Does something to a disk that may take its table away, and puts that back: 66 bytes of the first sector. */
function keepingTable(image: string, change: () => unknown): void {
  const table = read(image, 446, 66);
  change();
  put(image, 446, table);
}

function asMember(image: string, version: '0.90' | '1.0'): void {
  const bytes = readFileSync(image);
  writeMember(bytes, { version, level: 1 });
  writeFileSync(image, bytes);
}

const mark = (words: string) => Buffer.concat([Buffer.from(words), Buffer.alloc(512 - words.length)]);
const ddf = Buffer.alloc(512);
ddf.writeUInt32BE(0xde11de11, 0);
ddf.write('01.02.00', 32);

/** What blkid calls it, how it comes onto a disk, and whether it stands at the end. */
const CLAIMS: [type: string, label: 'dos' | 'gpt', make: (image: string) => unknown, isAtEnd: boolean][] = [
  ['linux_raid_member', 'dos', (image) => asMember(image, '1.0'), true],
  ['linux_raid_member', 'gpt', (image) => asMember(image, '0.90'), true],
  ['ddf_raid_member', 'dos', (image) => put(image, LENGTH - 512, ddf), true],
  ['isw_raid_member', 'gpt', (image) => put(image, LENGTH - 1024, mark('Intel Raid ISM Cfg Sig. 1.3.00')), true],
  ['ext4', 'dos', (image) => keepingTable(image, () => run('mke2fs', '-q', '-F', '-t', 'ext4', image)), false],
  ['xfs', 'dos', (image) => keepingTable(image, () => xfs(image)), false],
  ['btrfs', 'dos', (image) => put(image, 64 * 1024, btrfsHead()), false],
  ['vfat', 'dos', (image) => keepingTable(image, () => run('mkfs.vfat', '-I', '-F', '16', image)), false],
  ['ntfs', 'dos', (image) => keepingTable(image, () => run('mkntfs', '-F', '-Q', '-q', image)), false],
  ['exfat', 'dos', (image) => keepingTable(image, () => run('mkfs.exfat', image)), false],
  ['swap', 'dos', (image) => keepingTable(image, () => run('mkswap', image)), false],
];

/** The smallest XFS is larger than this disk: its first sector says so all the same. */
function xfs(image: string): void {
  const large = bench.file('xfs.img', 320 * MIB);
  run('mkfs.xfs', '-q', '-f', large);
  put(image, 0, read(large, 0, 4096));
}

function btrfsHead(): Buffer {
  const large = bench.file('btrfs.img', 120 * MIB);
  run('mkfs.btrfs', '-q', '-f', large);
  return read(large, 64 * 1024, 4096);
}

describe('whatever table it carries', () => {
  test.each(CLAIMS)('%s under a table of the kind %s', async (type, label, make, isAtEnd) => {
    const name = `${type}-${label}`;
    const image = formerLife(`${name}.img`, label);
    make(image);
    if (!['exfat', 'btrfs', 'xfs'].includes(type)) expect(blkid(image)).toBe(type);
    expect(run('sfdisk', '-d', image)).toContain('start=');

    resultOf(await engine.capture(image, name));
    const disk = (await engine.client.call('template.show', { template: name })).versions[0].disks[0].layout;
    expect(disk).toMatchObject({ table: 'none', usedBytes: LENGTH, volumes: [{ captureAs: 'whole' }] });
    // an ext4 of 1 KiB blocks has a copy of its superblock where the table would begin in larger sectors
    expect(disk.warnings.map(({ code }) => code)).toEqual([
      type === 'ext4' ? 'TABLE_UNREADABLE' : 'DISK_CLAIMED_WHOLE',
    ]);

    const equal = bench.path('equal.img');
    resultOf(await engine.deploy(name, equal, { overwrite: true }));
    run('cmp', image, equal);

    const larger = { template: name, target: bench.path('larger.img'), lengthBytes: LENGTH + MIB };
    const { checks } = await engine.client.call('deploy.plan', larger);
    expect(checks.some(({ code }) => code === 'OUTSIDE_ELSEWHERE')).toBe(isAtEnd);
    if (isAtEnd) {
      resultOf(await engine.deploy(name, larger.target, { lengthBytes: LENGTH + MIB, overwrite: true }));
      run('cmp', '-n', String(LENGTH), image, larger.target);
      expect(statSync(larger.target).size).toBe(LENGTH + MIB);
    }

    const smaller = await engine.client.call('deploy.plan', {
      template: name,
      target: bench.path('smaller.img'),
      lengthBytes: LENGTH - MIB,
    });
    expect(smaller.checks).toContainEqual(expect.objectContaining({ code: 'TARGET_TOO_SMALL', level: 'block' }));
  });

  test.skipIf(!canLoop)('a physical volume whose GPT is good at the end', async () => {
    const image = formerLife('pv.img', 'gpt');
    keepingTable(image, () => {
      const backup = read(image, LENGTH - 33 * 512, 33 * 512);
      const lvm = lvmOn(bench, image, [{ startBytes: 0, lengthBytes: LENGTH }]);
      lvm('vgcreate', '-y', '-ff', '-s', '1M', 'whole', ...lvm.devices);
      lvm.create('-Wn', '-L', '8M', '-n', 'files', 'whole');
      lvm.devices.forEach((device) => bench.detach(device));
      put(image, LENGTH - 33 * 512, backup);
    });
    expect(blkid(image)).toBe('LVM2_member');
    resultOf(await engine.capture(image, 'pv'));
    for (const lengthBytes of [LENGTH, LENGTH + 5 * MIB]) {
      const target = bench.path('pv-target.img');
      resultOf(await engine.deploy('pv', target, { lengthBytes, overwrite: true }));
      run('cmp', '-n', String(LENGTH), image, target);
      expect(blkid(target)).toBe('LVM2_member');
    }
  });
});

describe('a table with remains of other things in front is a table', () => {
  const remains: [string, (image: string) => void][] = [
    ['the boot sector of a FAT without its FAT', (image) => keepingTable(image, () => head('mkfs.vfat', image, 512))],
    ['the boot sector of an NTFS', (image) => keepingTable(image, () => head('mkntfs', image, 512))],
    ['a boot loader in the gap', (image) => put(image, 512, Buffer.alloc(40_000, 0x90))],
  ];

  /** The first bytes of a file system on such a disk. */
  function head(tool: 'mkfs.vfat' | 'mkntfs', image: string, lengthBytes: number): void {
    const other = bench.file('head.img', LENGTH);
    if (tool === 'mkntfs') run('mkntfs', '-F', '-Q', '-q', other);
    else run('mkfs.vfat', '-F', '16', other);
    put(image, 0, read(other, 0, lengthBytes));
  }

  test.each(remains)('%s', async (name, leave) => {
    const image = formerLife('remains.img', 'dos');
    leave(image);
    // the kernel's reading of it is the same: partx asks libblkid, sfdisk looks for itself
    expect(run('sfdisk', '-d', image)).toContain('size=       40960');
    resultOf(await engine.capture(image, name));
    const disk = (await engine.client.call('template.show', { template: name })).versions[0].disks[0].layout;
    expect(disk).toMatchObject({ table: 'mbr', volumes: [{ fileSystem: { kind: 'ext4' }, captureAs: 'used-blocks' }] });
  });
});

const blkid = (image: string) => run('blkid', '-p', '-o', 'value', '-s', 'TYPE', image).trim();
