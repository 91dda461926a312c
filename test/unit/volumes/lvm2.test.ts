import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readVolumeGroups } from '../../../src-engine/volumes/lvm2/groups.ts';
import { parseMetadata } from '../../../src-engine/volumes/lvm2/text.ts';
import { groupText, linear, PV_UUIDS, segment, volume, writePhysicalVolume, type PvOptions } from './lvm-image.ts';

const MIB = 1024 * 1024;
const KIB = 1024;

function pv(member: number, text: string | null, options: Partial<PvOptions> = {}): Buffer {
  const bytes = Buffer.alloc(4 * MIB);
  writePhysicalVolume(bytes, { uuid: PV_UUIDS[member], text, ...options });
  return bytes;
}

const read = (...volumes: Buffer[]) => readVolumeGroups(volumes.map((bytes) => memorySource(bytes)));

describe('text', () => {
  test('sections, lists, numbers, strings and comments', () => {
    const root = parseMetadata('a { b = [ "x", -1, 2 ] # c = 3\n d = "q\\"\\\\#" e { } }\nf = 1.5 ');
    const a = root.sections.get('a')!;
    expect(a.values).toEqual(
      new Map<string, unknown>([
        ['b', ['x', -1, 2]],
        ['d', 'q"\\#'],
      ]),
    );
    expect(a.sections.get('e')!.values.size).toBe(0);
    expect(root.values.get('f')).toBe(1.5);
  });

  test.each([
    ['a {', 'a section that does not end'],
    ['a = 1 }', 'a brace that nothing opened'],
    ['a = "x', 'a string that does not end'],
    ['a = "x\\', 'an escape at the end'],
    ['a = [ 1 2 ]', 'a list without commas'],
    ['a = [ 1', 'a list that does not end'],
    ['a = b', 'a word for a value'],
    ['a = { }', 'a section for a value'],
    ['a 1', 'no equals sign'],
    ['a = 1 a = 2', 'a name twice'],
    ['a { } a = 2', 'a section and a value of one name'],
    ['a {'.repeat(9) + '}'.repeat(9), 'nine levels'],
    ['= 1', 'no name'],
  ])('%s: %s is refused', (text) => {
    expect(() => parseMetadata(text)).toThrow(expect.objectContaining({ code: 'FORMAT_INVALID' }));
  });

  test('names of objects are names', () => {
    expect(parseMetadata('__proto__ = 1 constructor { x = 2 }').values.get('__proto__')).toBe(1);
  });
});

describe('metadata areas', () => {
  test.each([0, 1, 2, 3])('a label in sector %i', async (labelSector) => {
    const { groups, broken } = await read(pv(0, groupText(), { labelSector }));
    expect(broken).toEqual([]);
    expect(groups).toMatchObject([{ name: 'lab', uuid: 'group', missingMembers: 0, isReadable: true }]);
  });

  test('a text that goes on at the start of the ring', async () => {
    for (const textOffset of [512, 3000, 4095, 4096 + 3000]) {
      const { groups } = await read(pv(0, groupText(), { areaSize: 8 * KIB, textOffset }));
      expect(groups[0].volumes).toMatchObject([{ name: 'one', lengthBytes: 512 * KIB, mapping: 'linear' }]);
    }
  });

  test('the newest of several counts, whatever their order', async () => {
    const old = pv(0, groupText({ members: 2, sequence: 4 }));
    const young = pv(1, groupText({ members: 2, sequence: 5, volumes: linear('two', 3, 4) }));
    for (const volumes of [
      [old, young],
      [young, old],
    ]) {
      expect((await read(...volumes)).groups[0].volumes.map(({ name }) => name)).toEqual(['two']);
    }
  });

  test('one that says it is not kept up to date is passed over', async () => {
    const stale = pv(0, groupText({ members: 2, sequence: 9, volumes: '' }), { flags: 1 });
    const { groups } = await read(stale, pv(1, groupText({ members: 2 })));
    expect(groups).toMatchObject([{ volumes: [{ name: 'one' }], members: [{ volume: 0 }, { volume: 1 }] }]);
  });

  test('a member that has none is known by the others', async () => {
    const { groups, broken } = await read(pv(0, null), pv(1, groupText({ members: 2 })));
    expect(broken).toEqual([]);
    expect(groups).toMatchObject([{ isReadable: true, missingMembers: 0 }]);
  });
});

describe('what is broken is broken as a whole', () => {
  const two = () => [pv(0, groupText({ members: 2 })), pv(1, groupText({ members: 2 }))];

  test.each([
    ['a bit of the text', 4096 + 700],
    ['a bit of its header', 4096 + 41],
    ['a bit of the label', 512 + 33],
  ])('%s', async (_what, at) => {
    const volumes = two();
    volumes[1][at] ^= 4;
    const { groups, broken } = await read(...volumes);
    expect(groups.filter(({ isReadable }) => isReadable)).toEqual([]);
    expect(broken.map(({ volume: index }) => index)).toContain(1);
  });

  test.each([
    [
      'two of one age that differ',
      () => [pv(0, groupText({ members: 2 })), pv(1, groupText({ members: 2, volumes: '' }))],
    ],
    ['a member that is there twice', () => [...two(), pv(1, groupText({ members: 2 }))]],
    ['a member that two groups list', () => [pv(0, groupText()), pv(1, groupText({ members: 2, id: 'other' }))]],
    ['extents past the end', () => [pv(0, groupText({ extentCount: 49 }))]],
    ['a volume past the extents', () => [pv(0, groupText({ volumes: linear('one', 30, 3) }))]],
    ['two volumes in one place', () => [pv(0, groupText({ volumes: linear('one', 0, 3) + linear('two', 2, 2) }))]],
    [
      'segments with a gap',
      () => {
        const rest = 'type = "striped"\nstripe_count = 1\nstripes = ["pv0", 0]';
        return [pv(0, groupText({ volumes: volume('one', [segment(1, 2, rest)]) }))];
      },
    ],
    [
      'stripes that do not divide',
      () => {
        const rest = 'type = "striped"\nstripe_count = 2\nstripe_size = 8\nstripes = ["pv0", 0, "pv0", 4]';
        return [pv(0, groupText({ volumes: volume('one', [segment(0, 3, rest)]) }))];
      },
    ],
    ['a name that LVM2 would not give', () => [pv(0, groupText({ name: 'a/b' }))]],
    [
      'a kind that lies on disks by itself',
      () => [pv(0, groupText({ volumes: volume('one', [segment(0, 2, 'type = "new"\nplaces = ["pv0", 0]')]) }))],
    ],
    ['a physical volume without a group', () => [pv(0, null)]],
  ])('%s', async (_what, make) => {
    const volumes = make();
    const { groups, broken } = await read(...volumes);
    const readable = groups.filter(({ isReadable }) => isReadable);
    expect(readable).toEqual([]);
    // every one of them is told of
    const told = [...broken, ...groups.flatMap(({ members }) => members)].map(({ volume: index }) => index);
    expect(new Set(told)).toEqual(new Set(volumes.keys()));
    for (const { reason } of broken) expect(reason).toMatch(/\w/);
  });
});

test('a group with a missing member has no volume that can be read', async () => {
  const { groups } = await read(pv(0, groupText({ members: 2 })));
  expect(groups).toMatchObject([
    { isReadable: false, missingMembers: 1, members: [{ volume: 0 }], volumes: [{ name: 'one', copies: [] }] },
  ]);
});

test('a volume in more pieces than can be followed is taken as it lies', async () => {
  const pieces = Array.from({ length: 257 }, (_, i) =>
    segment(i, 1, `type = "striped"\nstripe_count = 1\nstripes = ["pv0", ${256 - i}]`),
  );
  const bytes = Buffer.alloc(20 * MIB);
  const text = groupText({ extentCount: 257, volumes: volume('one', pieces) });
  writePhysicalVolume(bytes, { uuid: PV_UUIDS[0], text });
  const { groups } = await read(bytes);
  expect(groups[0].volumes[0].copies).toEqual([]);
  expect(groups[0].volumes[0].occupied).toHaveLength(257);
});
