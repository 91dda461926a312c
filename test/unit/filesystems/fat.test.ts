import { describe, expect, test } from 'vitest';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { recogniseFat } from '../../../src-engine/filesystems/fat/fat.ts';
import { entryAt, markUsed, volumeState } from '../../../src-engine/filesystems/fat/table.ts';

describe('entries', () => {
  test('of FAT12 share bytes', () => {
    // fatgen103: entry 2 is 0x456, entry 3 is 0x123 in the bytes 56 34 12.
    const piece = Buffer.from('f8ffff563412', 'hex');
    expect([0, 1, 2, 3].map((i) => entryAt(12, piece, i))).toEqual([0xff8, 0xfff, 0x456, 0x123]);
  });

  test('of FAT32 have 28 bits', () => {
    expect(entryAt(32, Buffer.from('000000f0', 'hex'), 0)).toBe(0);
    expect(entryAt(32, Buffer.from('fffffff7', 'hex'), 0)).toBe(0x7ffffff);
  });

  test('are used unless free or bad', () => {
    const isUsed = new Uint8Array(5);
    markUsed(16, Buffer.from('0000f7ff03000000ffff', 'hex'), isUsed);
    expect([...isUsed]).toEqual([0, 0, 1, 0, 1]);
  });

  test('what is used in an earlier FAT stays used', () => {
    const isUsed = Uint8Array.of(1, 0);
    markUsed(16, Buffer.from('00000300', 'hex'), isUsed);
    expect([...isUsed]).toEqual([1, 1]);
  });

  test('entry 1 tells the state', () => {
    expect(volumeState(16, 0xffff)).toEqual({ isClean: true, hasErrors: false });
    expect(volumeState(16, 0x7fff)).toEqual({ isClean: false, hasErrors: false });
    expect(volumeState(32, 0x0bffffff)).toEqual({ isClean: true, hasErrors: true });
    expect(volumeState(12, 0)).toEqual({ isClean: true, hasErrors: false });
  });
});

/** A FAT volume by the specification: one reserved sector, FATs of one sector, a root directory of 16 entries. */
function volume(clusters: number, fats = 2): Buffer {
  const rootSector = 1 + fats * Math.ceil(((clusters + 2) * 2) / 512);
  const bytes = Buffer.alloc((rootSector + 1 + clusters) * 512);
  bytes.write('\xeb\x3c\x90MSDOS5.0', 0, 'latin1');
  bytes.writeUInt16LE(512, 11);
  bytes.writeUInt8(1, 13);
  bytes.writeUInt16LE(1, 14);
  bytes.writeUInt8(fats, 16);
  bytes.writeUInt16LE(16, 17);
  bytes.writeUInt32LE(bytes.length / 512, 32);
  bytes.writeUInt8(0xf8, 21);
  bytes.writeUInt16LE((rootSector - 1) / fats, 22);
  bytes.writeUInt8(0x29, 38);
  bytes.writeUInt32LE(0xcafe0001, 39);
  bytes.write('NO NAME    ', 43, 'latin1');
  bytes.writeUInt16LE(0xaa55, 510);
  for (let fat = 0; fat < fats; fat++) bytes.writeUInt32LE(0xfffffff8, 512 + (fat * (rootSector - 1) * 512) / fats);
  return bytes;
}

async function used(bytes: Buffer): Promise<Extent[]> {
  const fileSystem = (await recogniseFat(memorySource(bytes)))!;
  const extents: Extent[] = [];
  for await (const batch of fileSystem.used(new AbortController().signal)) extents.push(...batch);
  return extents;
}

describe('volumes', () => {
  /** fatgen103: fewer than 4085 clusters are FAT12, fewer than 65525 FAT16. */
  test.each([
    [4084, 'fat12'],
    [4085, 'fat16'],
    [65_524, 'fat16'],
  ])('of %i clusters are %s', async (clusters, kind) => {
    expect(await recogniseFat(memorySource(volume(clusters)))).toMatchObject({ kind, uuid: 'CAFE-0001', label: '' });
  });

  test('of 65525 clusters cannot have a FAT16', async () => {
    await expect(recogniseFat(memorySource(volume(65_525)))).rejects.toMatchObject({ code: 'FORMAT_INVALID' });
  });

  test('with four FATs are used where any of them says so', async () => {
    const bytes = volume(5000, 4);
    const fatBytes = bytes.readUInt16LE(22) * 512;
    const dataStart = 512 + 4 * fatBytes + 512;
    bytes.writeUInt16LE(0xffff, 512 + 3 * fatBytes + 2 * 5001);
    bytes.writeUInt16LE(0xffff, 512 + fatBytes + 2 * 2);
    expect(await used(bytes)).toEqual([
      { startBytes: 0, lengthBytes: dataStart + 512 },
      { startBytes: dataStart + 4999 * 512, lengthBytes: 512 },
    ]);
  });

  test('take their label from the root directory, not from long names or deleted entries', async () => {
    const bytes = volume(5000, 1);
    const root = 512 + bytes.readUInt16LE(22) * 512;
    bytes.write('\xe5LD        \x08', root, 'latin1');
    bytes.write('Abcdefghijk\x0f', root + 32, 'latin1');
    bytes.write('FILE    TXT\x20', root + 64, 'latin1');
    bytes.write('MY DISK    \x08', root + 96, 'latin1');
    expect((await recogniseFat(memorySource(bytes)))?.label).toBe('MY DISK');
  });
});
