import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { recogniseSignature } from '../../../src-engine/filesystems/signatures.ts';

const KIB = 1024;
const LENGTH = 1024 * KIB + 5 * 512;

function named(offsetBytes: number, bytes: Buffer): Promise<string | null> {
  const volume = Buffer.alloc(LENGTH);
  bytes.copy(volume, offsetBytes);
  return recogniseSignature(memorySource(volume));
}

const md = (major: number) => Buffer.from([0xfc, 0x4e, 0x2b, 0xa9, major, 0, 0, 0]);

describe('MD RAID', () => {
  test.each([
    ['1.1, in front', 0, 1],
    ['1.2, 4 KiB from the front', 4 * KIB, 1],
    ['1.0, 8 KiB before the end, on a boundary of 4 KiB', 1016 * KIB, 1],
    ['0.90, on the last but one boundary of 64 KiB', 960 * KIB, 0],
  ])('%s', async (_, offsetBytes, major) => {
    expect(await named(offsetBytes, md(major))).toBe('md-raid');
  });

  test('is not told by its magic alone', async () => {
    expect(await named(0, md(7))).toBe(null);
  });
});

test.each([
  ['zfs', 128 * KIB + 40 * KIB, Buffer.from('0cb1ba0000000000', 'hex')],
  ['zfs', 128 * KIB, Buffer.from('0000000000bab10c', 'hex')],
  ['iso9660', 32 * KIB, Buffer.from('\x01CD001\x01')],
  ['squashfs', 0, Buffer.from(`hsqs${'\0'.repeat(24)}\x04`)],
  ['squashfs3', 0, Buffer.from('hsqs')],
  ['apfs', 32, Buffer.from('NXSB')],
  ['hfsplus', KIB, Buffer.from('H+\0\x04', 'latin1')],
  ['f2fs', KIB, Buffer.from([0x10, 0x20, 0xf5, 0xf2])],
  ['bitlocker', 3, Buffer.from('-FVE-FS-')],
  ['lvm2', 512, Buffer.from(`LABELONE${'\0'.repeat(16)}LVM2 001`)],
])('%s', async (name, offsetBytes, bytes) => {
  expect(await named(offsetBytes, bytes)).toBe(name);
});

test.each([0, 1, 511, 512, 8 * KIB, 64 * KIB, 256 * KIB])('a volume of %i zero bytes has no name', async (length) => {
  expect(await recogniseSignature(memorySource(Buffer.alloc(length)))).toBe(null);
});
