import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import type { DiskLayout } from '../../../src-engine/volumes/layout.port.ts';
import { readLayout } from '../../../src-engine/volumes/read-layout.ts';
import { DISK_GUID, LINUX_TYPE, sealHeader, writeGpt, writeLogicals, writeMbr } from './disks.ts';

const MIB = 1024 * 1024;
const read = (disk: Buffer, sectorBytes = 512) => readLayout(memorySource(disk, sectorBytes));
const codes = (layout: DiskLayout) => layout.warnings.map((warning) => warning.code);
const spans = (layout: DiskLayout) => layout.partitions.map((p) => [p.number, p.startBytes, p.lengthBytes]);
const tables = (layout: DiskLayout) => layout.metadata.map((e) => [e.startBytes, e.startBytes + e.lengthBytes]);

function expectWholeDisk(layout: DiskLayout, disk: Buffer): void {
  expect(layout).toMatchObject({ table: 'none', tableId: '', metadata: [], minimumBytes: disk.length });
  expect(spans(layout)).toEqual([[null, 0, disk.length]]);
}

describe('GPT', () => {
  const parts = [
    { first: 4096, last: 6143, name: 'daten ✓' },
    { first: 2048, last: 4095, attributes: 4n },
  ];

  test('partitions stand in order of start, with number, type, name and boot attribute', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts);
    const layout = await read(disk);
    expect(layout).toMatchObject({ table: 'gpt', tableId: DISK_GUID, sectorBytes: 512, warnings: [] });
    expect(layout.partitions.map(({ partitionUuid: _, ...rest }) => rest)).toEqual([
      {
        number: 2,
        startBytes: MIB,
        lengthBytes: MIB,
        typeId: LINUX_TYPE,
        name: '',
        isLogical: false,
        isBootable: true,
      },
      {
        number: 1,
        startBytes: 2 * MIB,
        lengthBytes: MIB,
        typeId: LINUX_TYPE,
        name: 'daten ✓',
        isLogical: false,
        isBootable: false,
      },
    ]);
  });

  test('metadata is the gap before the first partition and the backup; the smallest disk ends with the backup', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts);
    const layout = await read(disk);
    expect(tables(layout)).toEqual([
      [0, MIB],
      [4 * MIB - 33 * 512, 4 * MIB],
    ]);
    expect(layout.minimumBytes).toBe(3 * MIB + 33 * 512);
  });

  test('a disk without partitions keeps its tables only', async () => {
    const disk = Buffer.alloc(MIB);
    writeGpt(disk, []);
    const layout = await read(disk);
    expect(layout.partitions).toEqual([]);
    expect(tables(layout)).toEqual([
      [0, 34 * 512],
      [MIB - 33 * 512, MIB],
    ]);
    // One sector is left for partitions.
    expect(layout.minimumBytes).toBe(68 * 512);
  });

  test('a gap wider than 64 MiB is taken up to there', async () => {
    const disk = Buffer.alloc(80 * MIB);
    writeGpt(disk, [{ first: 70 * 2048, last: 71 * 2048 - 1 }]);
    expect(tables(await read(disk))[0]).toEqual([0, 64 * MIB]);
  });

  test('4096-byte sectors', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, [{ first: 256, last: 511 }], { sectorBytes: 4096 });
    const layout = await read(disk, 4096);
    expect(spans(layout)).toEqual([[1, MIB, MIB]]);
    expect(layout).toMatchObject({ sectorBytes: 4096, warnings: [], minimumBytes: 2 * MIB + 5 * 4096 });
  });

  test.each([
    [4096, 512],
    [512, 4096],
  ])('a table for sectors of %i in a source that counts in %i is read, and said', async (made, counted) => {
    const disk = Buffer.alloc(4 * MIB);
    const at = MIB / made;
    writeGpt(disk, [{ first: at, last: 2 * at - 1 }], { sectorBytes: made });
    const layout = await read(disk, counted);
    expect(spans(layout)).toEqual([[1, MIB, MIB]]);
    expect(layout.sectorBytes).toBe(made);
    expect(codes(layout)).toEqual(['GPT_SECTOR_SIZE_DIFFERS']);
  });

  test.each([
    ['signature', 512],
    ['a header field', 512 + 40],
    ['an entry', 1024 + 33],
  ])('the backup is used where the primary is damaged: %s', async (_what, at) => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts);
    const before = await read(disk);
    disk[at] ^= 1;
    const layout = await read(disk);
    expect(codes(layout)).toEqual(['GPT_PRIMARY_DAMAGED']);
    expect({ ...layout, warnings: [] }).toEqual(before);
  });

  test('a damaged backup is told', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts);
    disk[disk.length - 500] ^= 1;
    const layout = await read(disk);
    expect(codes(layout)).toEqual(['GPT_BACKUP_DAMAGED']);
    // what is left of it is no data of anybody's
    expect(tables(layout)).toEqual([
      [0, MIB],
      [4 * MIB - 33 * 512, 4 * MIB],
    ]);
  });

  test('a backup that describes other partitions counts as damaged', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, [{ first: 2048, last: 3000 }]);
    const end = Buffer.from(disk.subarray(disk.length - 33 * 512));
    writeGpt(disk, parts);
    end.copy(disk, disk.length - end.length);
    const layout = await read(disk);
    expect(codes(layout)).toEqual(['GPT_BACKUP_DAMAGED']);
    expect(layout.partitions).toHaveLength(2);
  });

  test('a backup that the disk outgrew is found where the primary says', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeGpt(disk, parts, { backupLba: 8191 });
    const layout = await read(disk);
    expect(codes(layout)).toEqual(['GPT_BACKUP_MISPLACED']);
    expect(tables(layout)[1]).toEqual([4 * MIB - 33 * 512, 4 * MIB]);
  });

  test('a backup that the disk outgrew is found by the protective MBR where the primary is gone', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeGpt(disk, parts, { backupLba: 8191 });
    disk.fill(0, 512, 34 * 512);
    const layout = await read(disk);
    expect(codes(layout)).toEqual(['GPT_PRIMARY_DAMAGED', 'GPT_BACKUP_MISPLACED']);
    expect(layout.partitions).toHaveLength(2);
  });

  test('in a hybrid MBR the GPT wins', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts);
    writeMbr(disk, [
      { type: 0xee, start: 1, count: 2047 },
      { type: 0x83, start: 2048, count: 2048 },
    ]);
    expect(await read(disk)).toMatchObject({ table: 'gpt', warnings: [] });
  });

  test('a GPT that no protective MBR announces is a leftover: the MBR that is there wins', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts, { withMbr: false });
    writeMbr(disk, [{ type: 0x83, start: 100, count: 5000 }]);
    expect(await read(disk)).toMatchObject({
      table: 'mbr',
      warnings: [{ code: 'GPT_NOT_ANNOUNCED', data: {} }],
    });
  });

  test('both copies damaged: the whole disk, and why', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts);
    disk[512] ^= 1;
    disk[disk.length - 512] ^= 1;
    const layout = await read(disk);
    expectWholeDisk(layout, disk);
    expect(layout.warnings).toEqual([{ code: 'TABLE_UNREADABLE', data: { reason: 'GPT_DAMAGED' } }]);
  });

  test.each([
    ['overlapping', [{ first: 2048, last: 4096 }, parts[0]], 'PARTITIONS_OVERLAP'],
    ['over the primary array', [{ first: 20, last: 4096 }], 'PARTITIONS_OVERLAP'],
    ['over the backup', [{ first: 2048, last: 8191 }], 'PARTITIONS_OVERLAP'],
    ['past the end', [{ first: 2048, last: 9000 }], 'PARTITION_OUT_OF_RANGE'],
    ['past 2^63', [{ first: 2048, last: 2n ** 64n - 1n }], 'PARTITION_OUT_OF_RANGE'],
    ['end before start', [{ first: 4000, last: 3000 }], 'PARTITION_OUT_OF_RANGE'],
  ])('partitions that lie (%s): the whole disk', async (_what, lying, code) => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, lying);
    const layout = await read(disk);
    expectWholeDisk(layout, disk);
    expect(codes(layout)).toEqual([code, 'TABLE_UNREADABLE']);
  });

  test('an entry of no length is ignored', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, [{ first: 2048, last: 2047 }, parts[0]]);
    expect(spans(await read(disk))).toEqual([[2, 2 * MIB, MIB]]);
  });

  test.each([
    ['count', 80, 2 ** 32 - 1],
    ['count above 1024', 80, 1025],
    ['entry size', 84, 2 ** 31],
    ['entry size that is no power of two', 84, 384],
    ['header size', 12, 2 ** 32 - 1],
  ])('a header that lies under a right checksum is not used: %s', async (_what, field, value) => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts);
    disk.writeUInt32LE(value, 512 + field);
    sealHeader(disk, 512);
    expect(codes(await read(disk))).toEqual(['GPT_PRIMARY_DAMAGED']);
  });

  test('an image that is cut off right behind its last partition needs a larger disk', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeGpt(disk, parts);
    const cut = disk.subarray(0, 3 * MIB);
    const layout = await read(cut);
    expect(layout.partitions).toHaveLength(2);
    expect(codes(layout)).toEqual(['GPT_BACKUP_DAMAGED']);
    expect(layout.minimumBytes).toBe(3 * MIB + 33 * 512);
  });
});

describe('MBR', () => {
  test('primary and logical partitions, their records and the gap', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeLogicals(disk, [
      { record: 4096, start: 4200, count: 800 },
      { record: 5000, start: 5100, count: 900 },
    ]);
    disk.writeUInt32LE(0xdeadbeef, 440);
    const layout = await read(disk);
    expect(layout).toMatchObject({ table: 'mbr', tableId: 'DEADBEEF', warnings: [], minimumBytes: 8 * MIB });
    expect(layout.partitions.map((p) => [p.number, p.typeId, p.isLogical, p.isBootable])).toEqual([
      [1, '83', false, true],
      [5, '83', true, false],
      [6, '83', true, false],
    ]);
    expect(spans(layout).slice(1)).toEqual([
      [5, 4200 * 512, 800 * 512],
      [6, 5100 * 512, 900 * 512],
    ]);
    expect(tables(layout)).toEqual([
      [0, MIB],
      [4096 * 512, 4097 * 512],
      [5000 * 512, 5001 * 512],
    ]);
  });

  test('the smallest disk ends where the last partition ends', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeMbr(disk, [{ type: 0x83, start: 2048, count: 2048 }]);
    expect((await read(disk)).minimumBytes).toBe(2 * MIB);
  });

  test('a chain may go backwards; it numbers the partitions', async () => {
    const disk = Buffer.alloc(8 * MIB);
    writeLogicals(disk, [
      { record: 4096, start: 6000, count: 100 },
      { record: 4097, start: 5000, count: 100 },
    ]);
    expect(spans(await read(disk)).slice(1)).toEqual([
      [6, 5000 * 512, 100 * 512],
      [5, 6000 * 512, 100 * 512],
    ]);
  });

  const broken: [string, (disk: Buffer) => void][] = [
    ['a cycle', (disk) => writeMbr(disk, [null, { type: 5, start: 0, count: 1 }], 5000 * 512)],
    ['a record without signature', (disk) => disk.writeUInt16LE(0, 5000 * 512 + 510)],
    ['a link out of the container', (disk) => disk.writeUInt32LE(2 ** 31, 4096 * 512 + 470)],
    ['a logical partition out of the container', (disk) => disk.writeUInt32LE(2 ** 31, 5000 * 512 + 458)],
  ];
  test.each(broken)('a broken chain (%s): the extended partition is taken whole', async (_what, damage) => {
    const disk = Buffer.alloc(8 * MIB);
    writeLogicals(disk, [
      { record: 4096, start: 4200, count: 800 },
      { record: 5000, start: 5100, count: 900 },
    ]);
    damage(disk);
    const layout = await read(disk);
    expect(layout.warnings).toEqual([{ code: 'EXTENDED_CHAIN_BROKEN', data: { number: 2 } }]);
    expect(layout.partitions[1]).toMatchObject({ number: 2, typeId: '0F', isLogical: false });
    expect(spans(layout)[1]).toEqual([2, 2 * MIB, 6 * MIB]);
  });

  test('a chain of more than 256 records is broken', async () => {
    const disk = Buffer.alloc(8 * MIB);
    const chain = (length: number) =>
      Array.from({ length }, (_, i) => ({ record: 4096 + 8 * i, start: 4097 + 8 * i, count: 4 }));
    writeLogicals(disk, chain(256));
    expect((await read(disk)).partitions).toHaveLength(257);
    writeLogicals(disk, chain(257));
    expect(codes(await read(disk))).toEqual(['EXTENDED_CHAIN_BROKEN']);
  });

  test('a partition that is cut off ends with the disk', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeMbr(disk, [{ type: 0x83, start: 2048, count: 2 ** 32 - 1 }]);
    const layout = await read(disk);
    expect(spans(layout)).toEqual([[1, MIB, 3 * MIB]]);
    expect(layout.minimumBytes).toBe(4 * MIB);
    expect(layout.warnings).toEqual([
      {
        code: 'PARTITION_OUT_OF_RANGE',
        data: { number: 1, endBytes: MIB + (2 ** 32 - 1) * 512, diskBytes: 4 * MIB },
      },
    ]);
  });

  test.each([
    ['overlapping', [{ type: 0x83, start: 2048, count: 3000 }], 'PARTITIONS_OVERLAP'],
    ['on the table itself', [{ type: 0x83, start: 0, count: 10 }], 'PARTITIONS_OVERLAP'],
    ['behind the end', [{ type: 0x83, start: 9000, count: 10 }], 'PARTITION_OUT_OF_RANGE'],
  ])('partitions that lie (%s): the whole disk', async (_what, lying, code) => {
    const disk = Buffer.alloc(4 * MIB);
    writeMbr(disk, [...lying, { type: 0x83, start: 4096, count: 100 }]);
    const layout = await read(disk);
    expectWholeDisk(layout, disk);
    expect(codes(layout)).toEqual([code, 'TABLE_UNREADABLE']);
  });

  test('a dynamic disk is taken whole: its layout is elsewhere', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeMbr(disk, [{ type: 0x42, start: 63, count: 5000 }]);
    const layout = await read(disk);
    expectWholeDisk(layout, disk);
    expect(layout.warnings).toEqual([{ code: 'TABLE_OF_OTHERS', data: { name: 'ldm' } }]);
  });

  test('a table that could count in 4096-byte sectors as well is not guessed at', async () => {
    const disk = Buffer.alloc(4 * MIB);
    writeMbr(disk, [{ type: 0x83, start: 256, count: 512 }]);
    disk.fill(0xa5, MIB + 1024, MIB + 2048);
    const layout = await read(disk);
    expectWholeDisk(layout, disk);
    expect(layout.warnings).toEqual([{ code: 'TABLE_UNREADABLE', data: { reason: 'SECTOR_SIZE_UNCLEAR' } }]);
    expect(spans(await read(disk, 4096))).toEqual([[1, MIB, 2 * MIB]]);
    disk[256 * 512 + 1024] = 1;
    expect(spans(await read(disk))).toEqual([[1, 128 * 1024, 256 * 1024]]);
  });
});

describe('no table', () => {
  test.each([0, 1, 511, 512, MIB])('%i bytes of zeros', async (length) => {
    const disk = Buffer.alloc(length);
    const layout = await read(disk);
    expect(layout).toMatchObject({ table: 'none', warnings: [], minimumBytes: length });
    expect(spans(layout)).toEqual(length === 0 ? [] : [[null, 0, length]]);
  });

  test('55 AA behind an empty table', async () => {
    const disk = Buffer.alloc(MIB);
    writeMbr(disk, []);
    expectWholeDisk(await read(disk), disk);
  });

  test('a boot program where the table would be', async () => {
    const disk = Buffer.alloc(MIB);
    disk.write('Remove disks or other media. Press any key to restart   ', 446);
    disk.writeUInt16LE(0xaa55, 510);
    const layout = await read(disk);
    expectWholeDisk(layout, disk);
    expect(layout.warnings).toEqual([]);
  });

  const fat = Buffer.from('EB3C906D6B66732E66617400020402000200020050F8', 'hex');

  test('a FAT boot sector with an entry that covers the disk, as mkfs.fat --mbr writes it', async () => {
    const disk = Buffer.alloc(MIB);
    fat.copy(disk);
    writeMbr(disk, [{ type: 0x06, start: 0, count: 2048, status: 0x80 }]);
    const layout = await read(disk);
    expectWholeDisk(layout, disk);
    expect(layout.warnings).toEqual([]);
  });

  test('a faultless table wins over the boot sector that an earlier file system left', async () => {
    const disk = Buffer.alloc(MIB);
    fat.copy(disk);
    writeMbr(disk, [{ type: 0x83, start: 63, count: 1000 }]);
    expect(await read(disk)).toMatchObject({ table: 'mbr', warnings: [] });
    disk[446 + 16 + 9] = 1;
    expectWholeDisk(await read(disk), disk);
  });
});
