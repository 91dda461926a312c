import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readArrays } from '../../../src-engine/volumes/md/arrays.ts';
import { seal0, seal1, superblockStart, writeMember, type MdOptions } from './md-image.ts';

const MIB = 1024 * 1024;

function member(options: Partial<MdOptions> = {}, change: (volume: Buffer) => void = () => {}): Buffer {
  const volume = Buffer.alloc(8 * MIB);
  writeMember(volume, { version: '1.2', ...options });
  change(volume);
  return volume;
}

const read = (...volumes: Buffer[]) => readArrays(volumes.map((bytes) => memorySource(bytes)));
/** The volumes whose content counts as the array's. */
const mirrored = async (...volumes: Buffer[]) =>
  (await read(...volumes)).groups
    .filter(({ isReadable }) => isReadable)
    .flatMap(({ members }) => members.map((m) => m.volume));

describe('which members hold what the array holds', () => {
  test('both of a mirror that was stopped in order', async () => {
    const { groups } = await read(member({ role: 0 }), member({ role: 1 }));
    expect(groups).toMatchObject([
      { members: [{ volume: 0 }, { volume: 1 }], missingMembers: 0, volumes: [{ mapping: 'mirror' }] },
    ]);
    expect(groups[0].volumes[0].copies).toHaveLength(2);
  });

  test('one alone, the other being elsewhere', async () => {
    const { groups } = await read(member({ role: 1 }));
    expect(groups).toMatchObject([{ members: [{ volume: 0 }], missingMembers: 1, isReadable: true }]);
  });

  test.each<[string, Partial<MdOptions>]>([
    ['one that was left behind', { role: 1, events: 16 }],
    ['a spare', { role: 0xffff }],
    ['one that failed', { role: 0xfffe }],
    ['a journal', { role: 0xfffd }],
    ['one with a feature that is not known', { role: 1, featureMap: 0x8000 }],
    ['one that replaces another', { role: 1, featureMap: 0x10 }],
    ['one that is being reshaped', { role: 1, featureMap: 4 }],
    // the offset to recover from is 0
    ['one that is being rebuilt', { role: 1, featureMap: 2 }],
    ['one of another length', { role: 1, dataBytes: MIB }],
  ])('not %s', async (_what, options) => {
    expect(await mirrored(member({ role: 0 }), member(options))).toEqual([0]);
  });

  test('after a crash one of them, since they may differ', async () => {
    expect(await mirrored(member({ role: 0, isClean: false }), member({ role: 1, isClean: false }))).toEqual([0]);
  });

  test.each([0, 4, 5, 6, 10, -1, -4])('none of level %i', async (level) => {
    const { groups, members } = await read(member({ level }));
    expect(groups).toMatchObject([{ isReadable: false, volumes: [] }]);
    expect(members).toHaveLength(1);
  });
});

test.each(['0.90', '1.0', '1.1', '1.2'] as const)('version %s: a bit of the superblock', async (version) => {
  const at = superblockStart(version, 8 * MIB);
  const { broken, members } = await read(member({ version }, (volume) => (volume[at + 100] ^= 8)));
  expect(members).toEqual([]);
  expect(broken).toEqual([{ volume: 0, reason: 'RAID superblock' }]);
});

describe('superblocks that contradict their volume', () => {
  const changed = (version: MdOptions['version'], write: (sb: Buffer) => void, options: Partial<MdOptions> = {}) =>
    member({ version, ...options }, (volume) => {
      const at = superblockStart(version, volume.length);
      write(volume.subarray(at, at + 4096));
      if (version === '0.90') seal0(volume, at);
      else seal1(volume, at);
    });

  test.each([
    ['data over the superblock', () => changed('1.2', (sb) => sb.writeBigUInt64LE(9n, 128))],
    [
      'data past the end',
      () => changed('1.2', (sb) => sb.writeBigUInt64LE(99_999n, 80) && sb.writeBigUInt64LE(99_999n, 136)),
    ],
    ['a place that is not its own', () => changed('1.2', (sb) => sb.writeBigUInt64LE(16n, 144))],
    ['a number past its roles', () => changed('1.1', (sb) => sb.writeUInt32LE(500, 160))],
    ['no devices', () => changed('1.0', (sb) => sb.writeUInt32LE(0, 92))],
    ['a bitmap that is none', () => changed('1.2', (sb) => sb.writeUInt32LE(1, 8) && sb.writeInt32LE(8, 96))],
    ['a bitmap before the volume', () => changed('1.2', (sb) => sb.writeUInt32LE(1, 8) && sb.writeInt32LE(-99, 96))],
    [
      'a list of bad blocks in the data',
      () => changed('1.2', (sb) => sb.writeInt32LE(4000, 188), { withBadBlocks: true }),
    ],
    ['a size of 2^63 sectors', () => changed('1.2', (sb) => sb.writeBigUInt64LE(2n ** 63n, 80))],
    ['more than there is', () => changed('0.90', (sb) => sb.writeUInt32LE(9000, 32))],
    ['a reshape', () => changed('0.90', (sb) => sb.writeUInt32LE(91, 8))],
    ['two of them', () => member({ version: '1.2' }, (volume) => void writeMember(volume, { version: '1.0' }))],
  ])('%s', async (_what, make) => {
    const { broken, groups } = await read(make());
    expect(groups).toEqual([]);
    expect(broken).toMatchObject([{ volume: 0 }]);
  });
});

test.each([0, 512, 4096, 8192, 12_288, 65_536, 131_072])('a volume of %i bytes is no member', async (length) => {
  expect(await read(Buffer.alloc(length))).toEqual({ groups: [], members: [], broken: [] });
});
