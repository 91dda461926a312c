import { describe, expect, it } from 'vitest';
import type { Change, DiskView } from '../../../src-engine/contract/index.ts';
import { arrangeVolumes } from '../../../src-renderer/modules/files/arrange-volumes.ts';
import { changesLike, isEqual } from '../../../src-renderer/modules/files/changes.ts';
import { modeDigits, modeLetters } from '../../../src-renderer/modules/files/mode.ts';
import { childOf, crumbsOf, follow, nameOf, parentOf } from '../../../src-renderer/modules/files/paths.ts';
import { rowsInSight, withKept } from '../../../src-renderer/ui/rows-in-sight.ts';

describe('paths', () => {
  it('go down into a name and up again', () => {
    expect(childOf('/', 'etc')).toBe('/etc');
    expect(childOf('/etc', 'a b')).toBe('/etc/a b');
    expect(parentOf('/etc/a b')).toBe('/etc');
    expect(parentOf('/etc')).toBe('/');
    expect(parentOf('/')).toBe('/');
    expect(nameOf('/etc/a b')).toBe('a b');
    expect(nameOf('/')).toBe('');
  });

  it.each([
    ['/home/mara', 'notes', '/home/mara/notes'],
    ['/home/mara', '/etc//fstab/', '/etc/fstab'],
    ['/home/mara', '../../usr/lib', '/usr/lib'],
    ['/home/mara', './a/./b', '/home/mara/a/b'],
    ['/home', '../../../..', '/'],
    ['/home', '', '/home'],
    ['/home', '...', '/home/...'],
  ])('in %s, %j leads to %s and never out of the volume', (folder, typed, path) => {
    expect(follow(folder, typed)).toBe(path);
  });

  it('leave out what does not fit in the middle of a deep one, and keep where each crumb leads', () => {
    const { hidden, shown } = crumbsOf('/a/b/c/d/e', 2);
    expect(hidden.map(({ path }) => path)).toEqual(['/a', '/a/b', '/a/b/c']);
    expect(shown).toEqual([
      { name: 'd', path: '/a/b/c/d' },
      { name: 'e', path: '/a/b/c/d/e' },
    ]);
    expect(crumbsOf('/', 2)).toEqual({ hidden: [], shown: [] });
  });
});

describe('permission bits', () => {
  it.each([
    [0o755, 'rwxr-xr-x', '0755'],
    [0o640, 'rw-r-----', '0640'],
    [0, '---------', '0000'],
    [0o4755, 'rwsr-xr-x', '4755'],
    [0o4644, 'rwSr--r--', '4644'],
    [0o2711, 'rwx--s--x', '2711'],
    [0o1777, 'rwxrwxrwt', '1777'],
    [0o7000, '--S--S--T', '7000'],
  ])('%o are written as ls writes them', (mode, letters, digits) => {
    expect(modeLetters(mode)).toBe(letters);
    expect(modeDigits(mode)).toBe(digits);
  });
});

describe('withKept', () => {
  it('has the row that is kept, once, at its place', () => {
    expect(withKept(3, 6, null)).toEqual([3, 4, 5]);
    expect(withKept(3, 6, 4)).toEqual([3, 4, 5]);
    expect(withKept(3, 6, 0)).toEqual([0, 3, 4, 5]);
    expect(withKept(3, 6, 900)).toEqual([3, 4, 5, 900]);
    expect(withKept(0, 0, null)).toEqual([]);
  });
});

describe('rowsInSight', () => {
  const HEIGHT = 20;
  const has = (rows: { start: number; end: number }, first: number, last: number) =>
    rows.start <= first && rows.end > last;

  it('has every row that is in sight, wherever a list of ten thousand is scrolled to, and few others', () => {
    for (let scrolled = -300; scrolled <= 200_000; scrolled += 777) {
      const rows = rowsInSight(scrolled, 600, HEIGHT, 10_000);
      const first = Math.max(0, Math.floor(scrolled / HEIGHT));
      const last = Math.min(9_999, Math.ceil((scrolled + 600) / HEIGHT));
      expect(has(rows, Math.min(first, 9_999), last)).toBe(true);
      expect(rows.end - rows.start).toBeLessThan(60);
    }
  });

  it('never goes past the rows that there are', () => {
    expect(rowsInSight(0, 600, HEIGHT, 0)).toEqual({ start: 0, end: 0 });
    expect(rowsInSight(0, 600, HEIGHT, 5)).toEqual({ start: 0, end: 5 });
    expect(rowsInSight(1e9, 600, HEIGHT, 100).end).toBe(100);
  });
});

describe('changes', () => {
  const change = (path: string, kind: Change['change']): Change => ({
    volume: '1',
    path,
    kind: 'file',
    change: kind,
    beforeBytes: 1,
    afterBytes: 1,
  });
  const all = [change('/etc/Fstab', 'changed'), change('/var/log/boot', 'added'), change('/var/old', 'removed')];

  it('are found by kind and by every word of their path', () => {
    expect(changesLike(all, '', '')).toEqual(all);
    expect(changesLike(all, 'added', '')).toEqual([all[1]]);
    expect(changesLike(all, '', 'VAR  oo')).toEqual([all[1]]);
    expect(changesLike(all, '', 'fstab')).toEqual([all[0]]);
    expect(changesLike(all, 'removed', 'log')).toEqual([]);
  });

  it('are none where nothing was added, changed or removed', () => {
    const none = { files: 0, lengthBytes: 0 };
    const comparison = { added: none, changed: none, removed: none, unchanged: none };
    expect(isEqual({ ...comparison, changes: [], isCut: false, notCompared: [] })).toBe(true);
    const removed = { files: 1, lengthBytes: 0 };
    expect(isEqual({ ...comparison, removed, changes: [], isCut: false, notCompared: [] })).toBe(false);
  });
});

describe('arrangeVolumes', () => {
  /** Partitions 1 to 4; 2 and 4 are members of a group that holds two volumes. */
  const disk = {
    volumes: [1, 2, 3, 4].map((number) => ({ index: number - 1, number })),
    groups: [{ members: [1, 3], volumes: [{ ref: 'vg/a' }, { ref: 'vg/b' }] }],
  } as unknown as Pick<DiskView, 'volumes' | 'groups'>;
  const named = (...refs: string[]) => refs.map((ref) => ({ ref }));
  const order = (...refs: string[]) => arrangeVolumes(named(...refs), disk).map(({ ref }) => ref);

  it('puts what a group holds in the place of its first member', () => {
    expect(order('1', '2', '3', '4', 'vg/a', 'vg/b')).toEqual(['1', 'vg/a', 'vg/b', '3']);
  });

  it('keeps members whose group cannot be looked into', () => {
    expect(order('1', '2', '3', '4')).toEqual(['1', '2', '3', '4']);
    expect(arrangeVolumes(named('0'), { volumes: [], groups: [] })).toEqual(named('0'));
  });
});
