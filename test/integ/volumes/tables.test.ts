/** Tables of other kinds, made by their tools and named by blkid; GPTs whose parts contradict each other, judged by sgdisk and sfdisk. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { inspectDisk } from '../../../src-engine/inspection/disk-inspection.ts';
import { MIB, run, runWithInput, workbench } from '../../support/workbench.ts';
import { relocated } from '../../unit/volumes/relocated.ts';

const bench = workbench();
const LENGTH = 16 * MIB;

const look = async (bytes: Buffer) => (await inspectDisk(memorySource(bytes), new AbortController().signal)).view;
const pttype = (image: string) => run('blkid', '-p', '-o', 'value', '-s', 'PTTYPE', image).trim();
const parted = (label: string, ...more: string[]) =>
  made(`${label}.img`, (image) => run('parted', '-s', image, 'mklabel', label, ...more));

function made(name: string, make: (image: string) => unknown): string {
  const image = bench.file(name, LENGTH);
  make(image);
  return image;
}

describe('tables of other kinds', () => {
  const TABLES: [name: string, judge: string | null, make: () => string][] = [
    ['sun', 'sun', () => parted('sun')],
    ['sun', 'sun', () => made('sun2.img', (image) => runWithInput('label: sun\n', 'sfdisk', '-q', image))],
    ['sgi', 'sgi', () => parted('dvh')],
    ['sgi', 'sgi', () => made('sgi.img', (image) => runWithInput('label: sgi\n', 'sfdisk', '-q', image))],
    ['mac', 'mac', () => parted('mac')],
    // libblkid looks for these inside the partitions of others alone, or not at all
    ['bsd', null, () => parted('bsd', 'mkpart', '1MB', '9MB')],
    ['amiga', null, () => parted('amiga')],
  ];

  test.each(TABLES)('%s', async (name, judge, make) => {
    const image = make();
    if (judge) expect(pttype(image)).toBe(judge);
    // a file system that begins with the disk, in a part of it, is not all of the disk
    if (name !== 'amiga') run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', bench.file('part.img', 4 * MIB));
    const bytes = readFileSync(image);
    if (name !== 'amiga') readFileSync(bench.path('part.img')).copy(bytes, name === 'mac' ? 8 * MIB : 1024, 1024);
    expect(await look(bytes)).toMatchObject({
      table: 'none',
      warnings: [{ code: 'TABLE_OF_OTHERS', data: { name } }],
      volumes: [{ captureAs: 'whole', usedBytes: LENGTH }],
    });
  });

  test('atari, as hdparm and the kernel know it', async () => {
    const bytes = Buffer.alloc(LENGTH);
    bytes.writeUInt32BE(LENGTH / 512, 450);
    bytes.writeUInt8(1, 454);
    bytes.write('BGM', 455);
    bytes.writeUInt32BE(2, 458);
    bytes.writeUInt32BE(20_000, 462);
    writeFileSync(bench.path('atari.img'), bytes);
    expect(pttype(bench.path('atari.img'))).toBe('atari');
    expect((await look(bytes)).warnings).toEqual([{ code: 'TABLE_OF_OTHERS', data: { name: 'atari' } }]);
  });

  test('a dynamic disk with an MBR', async () => {
    const image = made('ldm.img', (file) => runWithInput('label: dos\nstart=63,type=42\n', 'sfdisk', '-q', file));
    expect((await look(readFileSync(image))).warnings).toEqual([{ code: 'TABLE_OF_OTHERS', data: { name: 'ldm' } }]);
  });

  test('a dynamic disk with a GPT: what begins its data is not all that is in it', async () => {
    const types = ['-n', '1:2048:+1M', '-t', '1:5808C8AA-7E8F-42E0-85D2-E1E90434CFB3'];
    const data = ['-n', '2:0:0', '-t', '2:AF9B60A0-1431-4F62-BC68-3311714A69AD'];
    const image = made('ldm-gpt.img', (file) => run('sgdisk', ...types, ...data, file));
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', `offset=${2 * MIB}`, image, '6M');
    const { warnings, volumes } = await look(readFileSync(image));
    expect(warnings).toEqual([{ code: 'TABLE_INSIDE', data: { number: 2, name: 'ldm' } }]);
    expect(volumes[1]).toMatchObject({ captureAs: 'whole', usedBytes: volumes[1].lengthBytes });
  });

  const NESTED: [name: string, type: string, write: (part: Buffer) => void][] = [
    ['bsd', 'a5', (part) => readFileSync(parted('bsd')).copy(part, 512, 64, 448)],
    [
      'minix',
      '81',
      (part) =>
        part
          .fill(Buffer.from([0x81]), 450, 451)
          .fill(1, 458, 459)
          .fill(9, 462, 463)
          .writeUInt16LE(0xaa55, 510),
    ],
    ['solaris_x86', '82', (part) => part.writeUInt32LE(0x600ddeee, 524)],
    ['unixware', '63', (part) => part.writeUInt32LE(0xca5e600d, 29 * 512 + 4)],
  ];
  test.each(NESTED)('%s inside a partition of type %s', async (name, type, write) => {
    const image = made('nested.img', (file) =>
      runWithInput(`label: dos\nstart=2048,size=20480,type=${type}\n`, 'sfdisk', '-q', file),
    );
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-E', `offset=${MIB}`, image, '6M');
    const bytes = readFileSync(image);
    write(bytes.subarray(MIB));
    const { warnings, volumes } = await look(bytes);
    expect(warnings).toEqual([{ code: 'TABLE_INSIDE', data: { number: 1, name } }]);
    expect(volumes).toMatchObject([{ number: 1, captureAs: 'whole', usedBytes: 20_480 * 512 }]);
  });
});

describe('a volume that a file system and a table claim', () => {
  const PART = 12 * MIB;
  const inPartition = (part: string): Buffer => {
    const image = made('outer.img', (file) => runWithInput('label: dos\nstart=2048,type=83\n', 'sfdisk', '-q', file));
    const disk = readFileSync(image);
    readFileSync(part).copy(disk, MIB);
    return disk;
  };
  const divide = (image: string, ...scheme: string[]) =>
    runWithInput(scheme.join('\n'), 'sfdisk', '-q', '--wipe', 'never', image);
  const remade: [what: string, kind: string, table: string, make: (image: string) => unknown, scheme: string[]][] = [
    ['an ext4', 'ext4', 'mbr', (image) => run('mke2fs', '-q', '-F', '-t', 'ext4', image), ['start=2048,type=83']],
    ['a FAT', 'fat16', 'mbr', (image) => run('mkfs.vfat', '-F', '16', image), ['start=2048,type=83']],
    ['an NTFS', 'ntfs', 'mbr', (image) => run('mkntfs', '-q', '-F', '-Q', image), ['start=2048,type=7']],
    // one that reaches past the end of the volume, as where a larger disk was cut
    [
      'a table that cannot be used',
      'ext4',
      'mbr',
      (image) => run('mke2fs', '-q', '-F', '-t', 'ext4', image),
      ['start=2048,size=2048,type=83', 'start=4096,size=2048,type=83'],
    ],
  ];

  test.each(remade)(
    '%s that became the disk of a machine is captured whole',
    async (what, kind, table, make, scheme) => {
      const part = bench.file('part.img', PART);
      make(part);
      expect((await look(inPartition(part))).volumes).toMatchObject([{ captureAs: 'used-blocks', warnings: [] }]);
      divide(part, ...scheme);
      const disk = inPartition(part);
      // the second partition begins behind the volume's end
      if (what.startsWith('a table')) disk.writeUInt32LE(1 << 20, MIB + 462 + 8);
      const { volumes } = await look(disk);
      const warnings = [{ code: 'VOLUME_CLAIMED_TWICE', data: { volume: 1, names: [kind, table] } }];
      expect(volumes).toMatchObject([{ captureAs: 'whole', usedBytes: volumes[0].lengthBytes, warnings }]);
    },
  );

  test('boot code in front of a file system is no table', async () => {
    const part = bench.file('part.img', PART);
    run('mke2fs', '-q', '-F', '-t', 'ext4', part);
    const disk = inPartition(part);
    readFileSync('/usr/lib/grub/i386-pc/boot.img').copy(disk, MIB, 0, 440);
    disk.writeUInt16LE(0xaa55, MIB + 510);
    expect((await look(disk)).volumes).toMatchObject([{ captureAs: 'used-blocks', warnings: [] }]);
  });
});

describe('a GPT whose parts contradict each other', () => {
  type Entry = [type: number, start: number, count: number, status?: number];
  const record =
    (...entries: Entry[]) =>
    (bytes: Buffer) => {
      bytes.fill(0, 446, 510);
      entries.forEach(([type, start, count, status = 0], i) => {
        const at = 446 + i * 16;
        bytes[at] = status;
        bytes[at + 4] = type;
        bytes.writeUInt32LE(start, at + 8);
        bytes.writeUInt32LE(count, at + 12);
      });
    };
  const LAST = LENGTH / 512 - 1;
  const CASES: [name: string, change: (bytes: Buffer) => unknown, table: string][] = [
    ['protective entry of the right size', record([0xee, 1, LAST]), 'gpt'],
    ['as long as can be told', record([0xee, 1, 0xffffffff]), 'gpt'],
    ['of one sector', record([0xee, 1, 1]), 'gpt'],
    ['of none', record([0xee, 1, 0]), 'gpt'],
    ['from sector 0', record([0xee, 0, LAST]), 'gpt'],
    ['from sector 5', record([0xee, 5, LAST]), 'gpt'],
    ['behind the disk', record([0xee, 0xfffffff0, 0xffffffff]), 'gpt'],
    ['at the last sector there is', record([0xee, 0xffffffff, 1]), 'gpt'],
    ['in the second place', record([0, 0, 0], [0xee, 1, LAST]), 'gpt'],
    ['behind a real one', record([0x83, 2048, 4096], [0xee, 1, 2047]), 'gpt'],
    ['with an odd status', record([0xee, 1, LAST, 0xff]), 'gpt'],
    ['twice', record([0xee, 1, 2047], [0xee, 2048, LAST]), 'gpt'],
    ['four times', record([0xee, 1, 1], [0xee, 1, 1], [0xee, 1, LAST], [0xee, 0, 0]), 'gpt'],
    // the kernel, too, goes by the MBR then
    ['nowhere, with another entry', record([0x83, 2048, 4096]), 'mbr'],
    ['nowhere', record(), 'none'],
    ['primary header gone', (bytes) => bytes.fill(0, 512, 1024), 'gpt'],
    ['backup header gone', (bytes) => bytes.fill(0, LENGTH - 512), 'gpt'],
    ['both gone', (bytes) => bytes.fill(0, 512, 1024).fill(0, LENGTH - 512), 'none'],
    ['backup of another disk', (bytes) => other().copy(bytes, LENGTH - 33 * 512, LENGTH - 33 * 512), 'gpt'],
  ];

  const gpt = (name: string, ...options: string[]) =>
    readFileSync(made(name, (image) => run('sgdisk', ...options, image)));
  const other = () => gpt('other.img', '-n', '1:4096:8191', '-n', '7:10240:12000');

  test.each<[string, (bytes: Buffer) => unknown, string, string]>([
    ['by a record with another entry', record([0x83, 2048, 4096]), 'dos', 'mbr'],
    ['by an empty record', record(), 'dos', 'none'],
    ['by no record', (bytes) => bytes.fill(0, 446, 512), '', 'none'],
  ])('that is announced %s does not count, and is told', async (_, change, judge, table) => {
    const bytes = gpt('unannounced.img', '-n', '1:2048:6143');
    change(bytes);
    writeFileSync(bench.path('unannounced.img'), bytes);
    expect(run('sh', '-c', 'blkid -p -o value -s PTTYPE "$0" || true', bench.path('unannounced.img')).trim()).toBe(
      judge,
    );
    const view = await look(bytes);
    expect(view).toMatchObject({ table, warnings: [{ code: 'GPT_NOT_ANNOUNCED', data: {} }] });
    if (table === 'none') expect(view.usedBytes).toBe(LENGTH);
  });

  let original: Buffer | null = null;

  test.each(CASES)('%s: moved to a disk of any size, its partitions are the same', async (_name, change, table) => {
    original ??= gpt('gpt.img', '-n', '1:2048:6143', '-n', '3:8192:20000', '-c', '3:third');
    const bytes = Buffer.from(original);
    change(bytes);
    expect((await look(bytes)).table).toBe(table);
    for (const lengthBytes of [LENGTH, 3 * LENGTH, LENGTH - 4 * MIB, 512]) {
      const moved = await relocated(bytes, lengthBytes).catch((error) => {
        expect(error).toBeInstanceOf(EngineError);
        expect(error).toMatchObject({ code: 'TARGET_TOO_SMALL' });
        expect(lengthBytes).toBeLessThan(LENGTH);
        return null;
      });
      if (!moved || table !== 'gpt') continue;
      const image = bench.path('moved.img');
      writeFileSync(image, moved);
      const told = run('sgdisk', '-p', '-v', image);
      expect(told).toMatch(/^ +1 +2048 +6143 /m);
      expect(told).toMatch(/^ +3 +8192 +20000 .*third/m);
      // what sgdisk says of a hybrid or odd MBR is of the template; the copies of the GPT are sound, and where they belong
      expect(told).not.toMatch(/CRC|corrupt|main header|backup header|secondary/i);
    }
  });
});
