/** Names that are not UTF-8, made by the kernel: shown apart, counted, and found and read by what is shown. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findPath } from '../../../src-engine/browsing/find-path.ts';
import { listFiles } from '../../../src-engine/browsing/list-files.ts';
import { browsing, readAt } from './browse.ts';
import { emptyImage, MIB, run, scratchFolder } from './images.ts';
import { unmount } from '../../support/unmount.ts';

const folder = scratchFolder();
const isRoot = process.getuid?.() === 0;

const NAMES: readonly [bytes: Buffer, shown: string][] = [
  [Buffer.from('plain'), 'plain'],
  [Buffer.from('grün'), 'grün'],
  [Buffer.from('gr\xfcn', 'latin1'), 'gr\\xfcn'],
  [Buffer.from('gr\\xfcn'), 'gr\\x5cxfcn'],
  [Buffer.from('\xe9t\xe9', 'latin1'), '\\xe9t\\xe9'],
  [Buffer.from('80ff01fe', 'hex'), '\\x80\\xff\x01\\xfe'],
  // a surrogate half, and an overlong slash: neither is UTF-8
  [Buffer.from('eda080', 'hex'), '\\xed\\xa0\\x80'],
  [Buffer.from('c0af', 'hex'), '\\xc0\\xaf'],
  // as half a surrogate pair is shown where names are of 16 bits
  [Buffer.from('\\ud83d'), '\\x5cud83d'],
];

describe.skipIf(!isRoot)('names of any bytes (needs root to mount)', () => {
  test.each([
    ['ext4', 'mkfs.ext4', ['-q', '-F'], 32],
    ['xfs', 'mkfs.xfs', ['-q', '-f'], 320],
    ['btrfs', 'mkfs.btrfs', ['-q', '-f'], 128],
  ])('%s', async (kind, tool, args, megabytes) => {
    const image = emptyImage(join(folder, `${kind}.img`), megabytes * MIB);
    run(tool, [...args, image]);
    const point = join(folder, kind);
    mkdirSync(point);
    run('mount', ['-o', 'loop', image, point]);
    try {
      mkdirSync(join(point, 'names'));
      for (const [bytes, shown] of NAMES) writeFileSync(Buffer.concat([Buffer.from(`${point}/names/`), bytes]), shown);
    } finally {
      unmount(point);
    }
    await browsing(image, async (tree) => {
      const all = { template: '', volume: '0', path: '/names', sort: 'name', isDescending: false } as const;
      const { signal } = new AbortController();
      const { entries, escapedNames } = await listFiles(tree, { ...all, offset: 0, limit: 1000 }, signal);
      expect(entries.map(({ name }) => name).sort()).toEqual(NAMES.map(([, shown]) => shown).sort());
      expect(escapedNames).toBe(7);
      for (const [, shown] of NAMES) {
        expect((await findPath(tree, `/names/${shown}`, true)).name).toBe(shown);
        expect((await readAt(tree, `/names/${shown}`)).toString()).toBe(shown);
      }
    });
  });
});
