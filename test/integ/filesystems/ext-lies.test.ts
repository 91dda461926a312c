/**
 * File systems of the ext family whose flags, counters and bitmaps contradict each other, made by debugfs: what debugfs and the
 * kernel still read of the files must be read from a copy of what is taken, too.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { copyOntoOnes, emptyImage, MIB, noise, readTaken, run, scratchFolder } from './images.ts';

const folder = scratchFolder();
const NAMES = ['a', 'b', 'c', 'd'];
let tree: string;
beforeAll(() => {
  tree = join(folder, 'tree');
  mkdirSync(tree);
  NAMES.forEach((name) => writeFileSync(join(tree, name), noise(name, 3_000_000)));
});

const UNINIT = ['-O', '^metadata_csum,uninit_bg,^has_journal,^flex_bg'];
const PLAIN = ['-O', '^metadata_csum,^has_journal,^flex_bg'];
const ANDROID = ['-O', '^metadata_csum,^has_journal,flex_bg', '-g', '2048', '-G', '4'];
/** Puts descriptors right again, so that the lie reaches whoever reads. */
const SUM = 'set_bg 1 checksum calc';

interface Lie {
  readonly args: readonly string[];
  /** for debugfs; %B and %I are the blocks of group 1's bitmap and inode table, %E and %F counts of free blocks: all, and 500 more */
  readonly script: readonly string[];
  readonly field: string;
}

const LIES: Record<string, Lie> = {
  'a bitmap said to be never written, in a group whose count says that blocks are used': {
    args: UNINIT,
    script: ['set_bg 1 flags 0x6', SUM],
    field: 'bg_free_blocks_count',
  },
  'a bitmap said to be never written, with the count of an empty group': {
    args: UNINIT,
    script: ['set_bg 1 flags 0x6', 'set_bg 1 free_blocks_count %E', SUM],
    field: 's_free_blocks_count',
  },
  'a bitmap said to be never written, in a group with inodes in use': {
    args: UNINIT,
    script: ['set_bg 1 flags 0x6', 'set_bg 1 free_inodes_count 1', SUM],
    field: 'bg_free_blocks_count',
  },
  'a bitmap said to be never written, where nothing has checksums': {
    args: PLAIN,
    script: ['set_bg 1 flags 0x2'],
    field: 'bg_flags',
  },
  'uninit_bg switched off behind bitmaps that were never written': {
    args: UNINIT,
    script: ['feature -uninit_bg'],
    field: 'bg_flags',
  },
  'blocks of files free in the bitmap': {
    args: PLAIN,
    script: ['freeb 9000 500'],
    field: 'bg_free_blocks_count',
  },
  'blocks of files free in the bitmap and its count, not in the superblock': {
    args: PLAIN,
    script: ['freeb 9000 500', 'set_bg 1 free_blocks_count %F'],
    field: 's_free_blocks_count',
  },
  'the inode table of its own group free': { args: PLAIN, script: ['freeb %I 4'], field: 'block bitmap' },
  'a bitmap free in itself': { args: PLAIN, script: ['freeb %B'], field: 'block bitmap' },
  'an inode table of another group free': { args: ANDROID, script: ['freeb %I 4'], field: 'block bitmap' },
  'a backup of the superblock free': { args: PLAIN, script: ['freeb 8193'], field: 'block bitmap' },
  'a journal with transactions that nobody says are to be recovered': {
    args: ['-O', '^metadata_csum'],
    script: ['jo', 'jw -b 9000 /dev/zero', 'jc', 'feature -needs_recovery'],
    field: 's_start of the journal',
  },
};

/** What debugfs reads of the files: the checksum of each, or its complaint. */
function filesOf(image: string): string[] {
  return NAMES.map((name) => {
    const out = join(folder, 'file');
    rmSync(out, { force: true });
    run('debugfs', ['-R', `dump /${name} ${out}`, image]);
    return `${name} ${run('sha256sum', [out]).slice(0, 64)}`;
  });
}

describe('contradictions', () => {
  test.for(Object.entries(LIES))('%s', async ([_, { args, script, field }]) => {
    const image = emptyImage(join(folder, 'lie.img'), 32 * MIB);
    run('mkfs.ext4', ['-q', '-F', '-b', '1024', ...args, '-d', tree, image]);
    const group = /^Group 1:[^]*?(?=^Group 2:)/m.exec(run('dumpe2fs', [image]))![0];
    const place = (what: string) => new RegExp(`${what} at (\\d+)`).exec(group)![1];
    const [firstTable, lastTable] = /Inode table at (\d+)-(\d+)/.exec(group)!.slice(1).map(Number);
    const behindTables = 8193 + 8192 - (lastTable + 1);
    const counted = Number(/^ {2}(\d+) free blocks/m.exec(group)![1]);
    expect((await readTaken(image)).refusal).toBeNull();

    const values: Record<string, string> = {
      '%B': place('Block bitmap'),
      '%I': String(firstTable),
      '%E': String(behindTables),
      '%F': String(counted + 500),
    };
    const lines = script.map((line) => line.replace(/%[A-Z]/, (name) => values[name]));
    run('debugfs', ['-w', '-f', '-', image], lines.join('\n'));
    const before = filesOf(image);
    const { refusal, extents } = await readTaken(image);
    expect(refusal).toMatchObject({ code: 'FORMAT_INVALID', data: { field } });
    const copy = copyOntoOnes(image, join(folder, 'copy.img'), statSync(image).size, extents);
    expect(filesOf(copy)).toEqual(before);
    expect(before).toEqual(NAMES.map((name) => `${name} ${run('sha256sum', [join(tree, name)]).slice(0, 64)}`));
  });
});

test('what e2fsck has put right is taken by its bitmaps again', async () => {
  const image = emptyImage(join(folder, 'mended.img'), 32 * MIB);
  run('mkfs.ext4', ['-q', '-F', '-b', '1024', ...UNINIT, '-d', tree, image]);
  run('debugfs', ['-w', '-f', '-', image], ['set_bg 1 flags 0x6', SUM].join('\n'));
  run('sh', ['-c', 'e2fsck -fy "$1" || test $? = 1', 'sh', image]);
  const { refusal, extents } = await readTaken(image);
  expect(refusal).toBeNull();
  const copy = copyOntoOnes(image, join(folder, 'copy.img'), statSync(image).size, extents);
  expect(filesOf(copy)).toEqual(filesOf(image));
  expect(readFileSync(copy).equals(readFileSync(image))).toBe(false);
});
