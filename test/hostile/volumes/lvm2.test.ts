/** Metadata of LVM2 that lies, with checksums made right again so that the lie is believed. */
import { describe, expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { randomBelow } from '../../support/temporary.ts';
import { writeGpt } from '../../unit/volumes/disks.ts';
import {
  groupText,
  linear,
  PV_UUIDS,
  sealArea,
  sealLabel,
  segment,
  volume,
  writePhysicalVolume,
} from '../../unit/volumes/lvm-image.ts';
import { madeBy } from '../filesystems/harmless.ts';
import { inspectHostile, MUTATIONS } from './inspected.ts';

const MIB = 1024 * 1024;
const PARTS = [
  { start: MIB, length: 4 * MIB },
  { start: 5 * MIB, length: 4 * MIB },
];
const MAX_READ_BYTES = 64 * MIB;

const striped = volume('wide', [
  segment(0, 8, 'type = "striped"\nstripe_count = 2\nstripe_size = 8\nstripes = ["pv0", 12, "pv1", 20]'),
  segment(8, 3, 'type = "striped"\nstripe_count = 1\nstripes = ["pv1", 10]'),
]);
const hidden = '"READ", "WRITE"';
const pool = volume('pool', [segment(0, 2, 'type = "thin-pool"\nmetadata = "meta"\npool = "data"')]);
const VOLUMES = [
  linear('files', 0, 8),
  striped,
  pool,
  volume('thin', [segment(0, 40, 'type = "thin"\nthin_pool = "pool"\norigin = "files2"')]),
  linear('files2', 30, 1),
  volume('meta', [segment(0, 1, 'type = "striped"\nstripe_count = 1\nstripes = ["pv1", 0]')], hidden),
  volume('data', [segment(0, 2, 'type = "striped"\nstripe_count = 1\nstripes = ["pv1", 1]')], hidden),
].join('');
const TEXT = groupText({ members: 2, volumes: VOLUMES });

const ext4 = madeBy('mkfs.ext4', ['-q', '-F', '-b', '1024'], 512 * 1024);

function disk(texts: readonly (string | null)[] = [TEXT, TEXT]): Buffer {
  const bytes = Buffer.alloc(10 * MIB);
  writeGpt(
    bytes,
    PARTS.map(({ start, length }) => ({ first: start / 512, last: (start + length) / 512 - 1 })),
  );
  rewrite(bytes, texts);
  ext4.copy(bytes, PARTS[0].start + MIB);
  return bytes;
}

/** Labels and metadata anew. */
function rewrite(bytes: Buffer, texts: readonly (string | null)[]): void {
  PARTS.forEach(({ start, length }, i) => {
    const part = bytes.subarray(start, start + length);
    part.fill(0, 0, 64 * 1024);
    writePhysicalVolume(part, { uuid: PV_UUIDS[i], text: texts[i], textOffset: i === 0 ? 512 : 58 * 1024 });
  });
}

const NUMBERS = [
  '0',
  '-1',
  '1',
  '2',
  '7',
  '64',
  '255',
  '4294967295',
  '9007199254740993',
  '1e9',
  '99999999999999999999',
];
const WORDS = [
  '}',
  '{',
  '[',
  ']',
  ',',
  '=',
  '"',
  '#',
  'pv0',
  '"pv1"',
  '"pool"',
  '"data"',
  '"files"',
  '"striped"',
  '"thin"',
  '\\',
];

/** Changes numbers, words and lines of a text. */
function mutateText(text: string, seed: number): string {
  const below = randomBelow(seed);
  const pick = <T>(list: readonly T[]) => list[below(list.length)];
  let changed = text;
  for (let count = 1 + below(4); count > 0; count--) {
    const kind = below(6);
    const lines = changed.split('\n');
    const line = below(lines.length);
    if (kind === 0) lines[line] = lines[line].replace(/\d+/g, () => pick(NUMBERS));
    if (kind === 1) lines[line] = lines[line].replace(/"[^"]*"|\w+/, () => pick(WORDS));
    if (kind === 2) lines.splice(line, 1 + below(3));
    if (kind === 3) lines.splice(line, 0, ...lines.slice(below(lines.length)).slice(0, 1 + below(12)));
    if (kind === 4) lines[line] = lines[line].replace(/\d+/g, () => String(below(70)));
    changed = lines.join('\n');
    if (kind === 5) {
      const at = below(changed.length);
      changed =
        changed.slice(0, at) + pick([...WORDS, '\0', '\xff', ' '.repeat(below(2000))]) + changed.slice(at + below(3));
    }
  }
  return changed;
}

test('the disk itself is read in full', async () => {
  const { view } = await inspectHostile(disk(), MAX_READ_BYTES);
  expect(view.groups).toMatchObject([{ missingMembers: 0, members: [0, 1] }]);
  expect(view.groups[0].volumes.map(({ ref, captureAs }) => [ref, captureAs])).toEqual([
    ['lab/files', 'used-blocks'],
    ['lab/wide', 'whole'],
    ['lab/pool', 'whole'],
    ['lab/thin', 'whole'],
    ['lab/files2', 'whole'],
  ]);
});

describe('seeded mutations', () => {
  test('of the text', async (context) => {
    proves(context, { subject: 'LVM2', feature: 'metadata', aspect: 'hostile', judge: 'seeded mutations' });
    let readable = 0;
    const bytes = disk();
    for (let seed = 1; seed <= MUTATIONS; seed++) {
      const text = mutateText(TEXT, seed);
      rewrite(bytes, seed % 3 === 0 ? [TEXT, text] : [text, text]);
      const { view } = await inspectHostile(bytes, MAX_READ_BYTES);
      if (view.volumes.some(({ captureAs }) => captureAs === 'used-blocks')) readable++;
    }
    // many lies are such that they may be told
    expect(readable).toBeGreaterThan(MUTATIONS / 20);
  });

  test('of labels and headers', async () => {
    const bytes = disk();
    for (let seed = 1; seed <= MUTATIONS; seed++) {
      const below = randomBelow(seed);
      rewrite(bytes, [TEXT, TEXT]);
      for (let count = 1 + below(3); count > 0; count--) {
        const { start } = PARTS[below(2)];
        const at = start + (below(2) === 0 ? 512 + 8 * below(24) : 4096 + 8 * below(9));
        const extremes = [0n, 1n, 511n, 512n, 4096n, 65_536n, 4n * BigInt(MIB), 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n];
        bytes.writeBigUInt64LE(below(4) === 0 ? BigInt(below(8192)) : extremes[below(extremes.length)], at);
      }
      for (const { start, length } of PARTS) {
        const part = bytes.subarray(start, start + length);
        if (below(4) > 0) sealLabel(part, 1);
        if (below(4) > 0) sealArea(part, 4096);
      }
      await inspectHostile(bytes, MAX_READ_BYTES);
    }
  });
});

describe('named lies', () => {
  const alone = (text: string) => inspectHostile(disk([text, null]), MAX_READ_BYTES);
  const broken = async (text: string) => {
    const { view } = await alone(text);
    expect(view.volumes.map(({ captureAs }) => captureAs)).toEqual(['whole', 'whole']);
  };

  test('volumes that need each other', async () => {
    const ring = (name: string, other: string) =>
      volume(name, [segment(0, 1, `type = "thin"\nthin_pool = "${other}"`)]);
    const hiddenRing = volume('c', [segment(0, 1, 'type = "thin"\nthin_pool = "c"')], hidden);
    const { view } = await alone(groupText({ volumes: ring('a', 'b') + ring('b', 'c') + hiddenRing }));
    expect(view.groups[0].volumes.map(({ usedBytes }) => usedBytes)).toEqual([0, 0]);
  });

  test('ten thousand volumes without extents', async () => {
    const many = Array.from({ length: 10_000 }, (_, i) => `v${i} {\nstatus = ["VISIBLE"]\nsegment_count = 0\n}`);
    const text = groupText({ volumes: many.join('\n') });
    const bytes = disk();
    const part = bytes.subarray(PARTS[0].start, PARTS[0].start + PARTS[0].length);
    writePhysicalVolume(part, { uuid: PV_UUIDS[0], text, areaSize: MIB - 4096 });
    await inspectHostile(bytes, MAX_READ_BYTES);
  });

  test.each([
    ['a comment for each character', '# '.repeat(20_000) + '\n"'],
    ['blanks', ' '.repeat(50_000)],
    ['braces', '{'.repeat(50_000)],
    ['sections in sections', 'a {'.repeat(15_000)],
    ['one string', `a = "${'\\"'.repeat(25_000)}`],
    ['one word', 'a'.repeat(50_000)],
    ['one list', `a = [${'1,'.repeat(25_000)}`],
  ])('nothing but %s', async (_what, text) => broken(text));

  test.each([
    ['extents of 2^53 bytes', TEXT.replace('extent_size = 128', 'extent_size = 17592186044416')],
    ['2^32 extents', TEXT.replaceAll('pe_count = 32', 'pe_count = 4294967296')],
    ['a volume of 2^32 extents', TEXT.replaceAll('extent_count = 8', 'extent_count = 4294967296')],
    ['members with one name', TEXT.replace('pv1 {', 'pv0 {')],
    [
      'members with one UUID',
      TEXT.replaceAll(/id = "b[b-]+"/g, `id = "${'a'.repeat(6)}-aaaa-aaaa-aaaa-aaaa-aaaa-aaaaaa"`),
    ],
    ['extents over the metadata', TEXT.replace('pe_start = 2048', 'pe_start = 8')],
    [
      'stripes of no length',
      TEXT.replace('stripe_size = 8', 'stripe_size = 0').replace(
        'extent_count = 8\ntype = "striped"\nstripe_count = 2',
        'extent_count = 7\ntype = "striped"\nstripe_count = 2',
      ),
    ],
  ])('%s', async (_what, text) => broken(text));
});
