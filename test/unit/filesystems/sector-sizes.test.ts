import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readBootSector } from '../../../src-engine/filesystems/fat/boot-sector.ts';
import { moveFat } from '../../../src-engine/filesystems/sector-sizes/fat.ts';
import { moveFileSystem, moveUnknown } from '../../../src-engine/filesystems/sector-sizes/rules.ts';
import { bitLocker } from './bitlocker-image.ts';

interface FatShape {
  sectorBytes: number;
  clusterSectors: number;
  reserved: number;
  fatSectors: number;
  sectors: number;
  rootEntries?: number;
  isFat32?: boolean;
  backup?: number;
  fsInfo?: number;
}

/** The front of a FAT, up to the end of its reserved sectors. */
function fat(shape: FatShape): Buffer {
  const { sectorBytes, clusterSectors, reserved, fatSectors, sectors, rootEntries = 512, isFat32 = false } = shape;
  const bytes = Buffer.alloc(reserved * sectorBytes + 4096);
  bytes.set([0xeb, 0x58, 0x90]);
  bytes.write('mkfs.fat', 3, 'latin1');
  bytes.writeUInt16LE(sectorBytes, 11);
  bytes[13] = clusterSectors;
  bytes.writeUInt16LE(reserved, 14);
  bytes[16] = 2;
  bytes.writeUInt16LE(isFat32 ? 0 : rootEntries, 17);
  if (sectors < 65_536 && !isFat32) bytes.writeUInt16LE(sectors, 19);
  else bytes.writeUInt32LE(sectors, 32);
  bytes[21] = 0xf8;
  bytes.writeUInt32LE((1024 * 1024) / sectorBytes, 28);
  if (isFat32) {
    bytes.writeUInt32LE(fatSectors, 36);
    bytes.writeUInt32LE(2, 44);
    bytes.writeUInt16LE(shape.fsInfo ?? 1, 48);
    bytes.writeUInt16LE(shape.backup ?? 6, 50);
  } else bytes.writeUInt16LE(fatSectors, 22);
  bytes.writeUInt16LE(0xaa55, 510);
  if (isFat32) {
    bytes.write('RRaA', sectorBytes, 'latin1');
    bytes.write('rrAa', sectorBytes + 484, 'latin1');
    bytes.copy(bytes, 6 * sectorBytes, 0, 512);
  }
  return bytes;
}

/** The same volume with its patches written. */
async function moved(bytes: Buffer, toSectorBytes: number): Promise<Buffer | string> {
  const move = await moveFat(memorySource(bytes), toSectorBytes);
  if (!move.isPossible) return move.reason;
  const copy = Buffer.from(bytes);
  for (const patch of move.patches) copy.set(patch.bytes, patch.offsetBytes);
  return copy;
}

async function geometryOf(bytes: Buffer | string) {
  if (typeof bytes === 'string') throw new Error(bytes);
  const {
    sectorBytes: _,
    backupBootBytes: _moves,
    lengthBytes,
    ...rest
  } = (await readBootSector(memorySource(bytes)))!;
  return { ...rest, clusters: Math.floor(lengthBytes / rest.clusterBytes) };
}

describe('FAT', () => {
  const shapes: [string, FatShape][] = [
    ['FAT32', { sectorBytes: 512, clusterSectors: 8, reserved: 32, fatSectors: 1024, sectors: 900_007, isFat32: true }],
    [
      'FAT32 with much in front',
      { sectorBytes: 512, clusterSectors: 16, reserved: 6144, fatSectors: 800, sectors: 1_000_000, isFat32: true },
    ],
    ['FAT16', { sectorBytes: 512, clusterSectors: 8, reserved: 8, fatSectors: 40, sectors: 73_728 }],
    ['a short FAT16', { sectorBytes: 512, clusterSectors: 8, reserved: 8, fatSectors: 32, sectors: 60_001 }],
    ['FAT12', { sectorBytes: 512, clusterSectors: 8, reserved: 8, fatSectors: 8, sectors: 16_000 }],
  ];

  test.each(shapes)('%s keeps every cluster where it is, there and back', async (_name, shape) => {
    const original = fat(shape);
    const expected = await geometryOf(original);
    const there = await moved(original, 4096);
    expect((there as Buffer).readUInt16LE(11)).toBe(4096);
    expect(await geometryOf(there)).toEqual(expected);
    const back = await moved(there as Buffer, 512);
    expect(await geometryOf(back)).toEqual(expected);
    if (shape.isFat32) {
      for (const [bytes, sectorBytes] of [
        [there, 4096],
        [back, 512],
      ] as [Buffer, number][]) {
        const [info, backup] = [bytes.readUInt16LE(48), bytes.readUInt16LE(50)];
        expect(info).toBe(1);
        expect(bytes.toString('latin1', info * sectorBytes, info * sectorBytes + 4)).toBe('RRaA');
        const copy = backup * sectorBytes;
        expect(bytes.subarray(copy, copy + 512).equals(bytes.subarray(0, 512))).toBe(true);
        expect(bytes.toString('latin1', copy + sectorBytes, copy + sectorBytes + 4)).toBe('RRaA');
        expect(backup + 1).toBeLessThan(bytes.readUInt16LE(14));
      }
      expect((back as Buffer).readUInt16LE(50)).toBe(6);
      expect((back as Buffer).readUInt32LE(28)).toBe(2048);
    }
  });

  const base = shapes[0][1];
  test.each<[string, FatShape, number]>([
    ['small clusters', { ...base, clusterSectors: 4 }, 4096],
    ['reserved sectors that are no whole ones', { ...base, reserved: 36 }, 4096],
    ['a FAT of a length that is none', { ...base, fatSectors: 1020 }, 4096],
    ['no room for the copies', { ...base, reserved: 24 }, 4096],
    ['a root folder that is no whole sectors', { ...shapes[2][1], rootEntries: 240 }, 4096],
    ['clusters of too many sectors', { ...base, sectorBytes: 4096, clusterSectors: 32, isFat32: true }, 512],
    ['too many sectors', { ...base, sectorBytes: 4096, clusterSectors: 8, sectors: 2 ** 30, fatSectors: 2 ** 19 }, 512],
    ['a FAT of too many sectors', { ...shapes[2][1], sectorBytes: 4096, clusterSectors: 1, fatSectors: 8200 }, 512],
  ])('%s: refused', async (_what, shape, toSectorBytes) => {
    expect(await moved(fat(shape), toSectorBytes)).toMatch(/FAT/);
  });

  test('one that has such sectors already is left alone', async () => {
    expect(await moveFat(memorySource(fat(base)), 512)).toEqual({ isPossible: true, patches: [] });
  });
});

describe('others', () => {
  const zeros = memorySource(Buffer.alloc(4096));
  const isPossible = async (
    volume: ReturnType<typeof memorySource>,
    kind: 'ext4' | 'btrfs' | 'swap' | 'xfs' | 'ntfs' | 'exfat',
    blockBytes: number,
    to: number,
  ) => (await moveFileSystem(volume, { kind, blockBytes }, to)).isPossible;

  test.each(['ext4', 'btrfs', 'swap'] as const)('%s: its blocks are at least sectors', async (kind) => {
    expect(await isPossible(zeros, kind, 4096, 4096)).toBe(true);
    expect(await isPossible(zeros, kind, 65_536, 4096)).toBe(true);
    expect(await isPossible(zeros, kind, 2048, 4096)).toBe(false);
    expect(await isPossible(zeros, kind, 4096, 512)).toBe(true);
  });

  test.each([
    [512, 0, false],
    [4096, 4096, true],
    [4096, 512, false],
    [4096, 0, true],
  ])('XFS with sectors of %i, of %i in its log: %s', async (sectorBytes, logSectorBytes, expected) => {
    const superblock = Buffer.alloc(512);
    superblock.writeUInt16BE(sectorBytes, 102);
    superblock.writeUInt16BE(logSectorBytes, 194);
    expect(await isPossible(memorySource(superblock), 'xfs', 4096, 4096)).toBe(expected);
    expect(await isPossible(memorySource(superblock), 'xfs', 4096, 512)).toBe(true);
  });

  test('NTFS and exFAT: the sectors that they say', async () => {
    const boot = Buffer.alloc(512);
    boot.writeUInt16LE(4096, 11);
    boot[108] = 12;
    for (const kind of ['ntfs', 'exfat'] as const) {
      expect(await isPossible(memorySource(boot), kind, 4096, 4096)).toBe(true);
      expect(await isPossible(memorySource(boot), kind, 4096, 512)).toBe(false);
    }
  });

  test('what is unknown, and BitLocker, whatever it says', async () => {
    for (const to of [512, 4096]) {
      expect((await moveUnknown(zeros, to)).isPossible).toBe(false);
      expect((await moveUnknown(memorySource(bitLocker({ kind: 'windows7' })), to)).isPossible).toBe(false);
    }
  });
});
