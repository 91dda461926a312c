import { describe, expect, test } from 'vitest';
import { bootChecksum, type ExfatGeometry } from '../../../src-engine/filesystems/exfat/boot-region.ts';
import { setChecksum } from '../../../src-engine/filesystems/exfat/entry-sets.ts';
import { parseFile } from '../../../src-engine/filesystems/exfat/file-set.ts';
import { tableChecksum } from '../../../src-engine/filesystems/exfat/up-case.ts';

const geometry: ExfatGeometry = {
  sectorBytes: 512,
  clusterBytes: 4096,
  lengthBytes: 64 * 1024 * 1024,
  fatStartBytes: 24 * 512,
  fatBytes: 128 * 512,
  active: 0,
  heapStartBytes: 1024 * 1024,
  clusterCount: 15_000,
  rootCluster: 5,
  uuid: '',
  isDirty: false,
  hasMediaFailure: false,
  isBackupSound: true,
  isBackupAlike: true,
};

/** @param change what is different in the three entries of the file "name" */
function file(change: (set: Buffer) => void) {
  const bytes = Buffer.alloc(96);
  bytes[0] = 0x85;
  bytes[1] = 2;
  bytes[32] = 0xc0;
  bytes[35] = 4;
  bytes[64] = 0xc1;
  bytes.write('name', 66, 'utf16le');
  change(bytes);
  return parseFile(geometry, { type: 0x85, bytes, places: [0, 32, 64], isSound: true });
}

describe('times', () => {
  /** Section 7.4.8: pairs of seconds, minute, hour, day, month, years from 1980. */
  const noon = ((44 << 25) | (7 << 21) | (1 << 16) | (12 << 11) | (30 << 5) | 10) >>> 0;
  const at = (timestamp: number, tenMs: number, utcOffset: number) =>
    file((set) => {
      set.writeUInt32LE(timestamp, 12);
      set[21] = tenMs;
      set[23] = utcOffset;
    }).modifiedMs;

  test.each([
    ['UTC', 0x80, '2024-07-01T12:30:20.000Z'],
    ['two hours east of it', 0x80 | 8, '2024-07-01T10:30:20.000Z'],
    ['five and a half hours west of it', 0x80 | (0x80 - 22), '2024-07-01T18:00:20.000Z'],
    ['nobody knows where', 0x08, '2024-07-01T12:30:20.000Z'],
  ])('of %s', (_, utcOffset, text) => {
    expect(at(noon, 0, utcOffset)).toBe(Date.parse(text));
  });

  test('are kept to ten milliseconds', () => {
    expect(at(noon, 199, 0x80)).toBe(Date.parse('2024-07-01T12:30:21.990Z'));
    expect(at(noon, 200, 0x80)).toBeNull();
  });

  test('that are none are null', () => {
    expect(at(0, 0, 0x80)).toBeNull();
  });
});

describe('files', () => {
  test('have names in UTF-16; half of a pair is shown as a number', () => {
    expect(file(() => {}).name).toBe('name');
    expect(file((set) => set.writeUInt16LE(0xd83d, 66)).name).toBe('\\ud83dame');
  });

  test('of 2^53 bytes and more are damage, not rounded numbers', () => {
    const lie = () => file((set) => set.writeBigUInt64LE(2n ** 53n + 1n, 56));
    expect(lie).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });
});

/** By the algorithms of sections 3.4, 6.3.3 and 7.2.2, worked out by hand. */
describe('checksums', () => {
  test('rotate to the right and add', () => {
    expect(tableChecksum(Uint8Array.of(1, 2))).toBe(0x80000002);
    expect(setChecksum(Uint8Array.of(1, 2, 0xaa, 0xbb, 3))).toBe(0x4004);
  });

  test('of the boot region leave out the flags and how full the volume is', () => {
    const sectors = Buffer.alloc(512, 7);
    const sum = bootChecksum(sectors);
    for (const at of [106, 107, 112]) sectors[at] = 99;
    expect(bootChecksum(sectors)).toBe(sum);
    sectors[105] = 99;
    expect(bootChecksum(sectors)).not.toBe(sum);
  });
});
