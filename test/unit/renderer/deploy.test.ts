/** Which disk goes to which target, what is asked of the engine for each, and what is kept when something else is chosen. */
import { describe, expect, it } from 'vitest';
import {
  disksWritten,
  formOf,
  moreTargets,
  requestFor,
  targetsFor,
  twiceAt,
  type Target,
} from '../../../src-renderer/modules/deploy/deploy-form.ts';

const target = (path: string, more: Partial<Target> = {}): Target => ({
  id: 1,
  disk: 1,
  to: 'file',
  path,
  size: '',
  ...more,
});

describe('the disks that are written', () => {
  it('are all of them in their order, the only one, or the one that was chosen', () => {
    expect(disksWritten({ disk: 0 }, 3)).toEqual([1, 2, 3]);
    expect(disksWritten({ disk: 0 }, 1)).toEqual([1]);
    expect(disksWritten({ disk: 2 }, 3)).toEqual([2]);
  });

  it('are one, as long as it is not known how many there are', () => {
    expect(disksWritten({ disk: 0 }, 0)).toEqual([1]);
  });
});

describe('targets', () => {
  it('begin with what the address says: a device or a file', () => {
    const targetOf = (path: string) => formOf({ target: path }).targets[0];
    expect(targetOf('/dev/sdb')).toMatchObject({ to: 'device', path: '/dev/sdb', disk: 1 });
    expect(targetOf('/images/x.img')).toMatchObject({ to: 'file', path: '/images/x.img' });
    expect(formOf({ template: 'a', version: '2' })).toMatchObject({ template: 'a', version: 2, disk: 0 });
  });

  it('are as many as the disks that are written; the place of a single one is kept', () => {
    const { targets } = formOf({ target: '/dev/sdb' });
    const both = targetsFor({ targets }, [1, 2]);
    expect(both.map(({ disk, path }) => [disk, path])).toEqual([
      [1, '/dev/sdb'],
      [2, ''],
    ]);
    // of several nobody knows which of them was meant for the disk that is chosen now
    expect(targetsFor({ targets: both }, [2])).toMatchObject([{ disk: 2, path: '' }]);
    expect(new Set([...both, ...moreTargets([1, 2])].map(({ id }) => id)).size).toBe(4);
  });

  it('tell a path that an earlier one has', () => {
    const targets = [target('/a'), target('/b'), target('/a'), target(''), target('')];
    expect(targets.map((_, i) => twiceAt(targets, i))).toEqual([-1, -1, 0, -1, -1]);
  });
});

describe('what is asked for a target', () => {
  it('names the disk where there are several, and the length of a file alone', () => {
    const targets = [target('/a', { size: '2 GB' }), target('/dev/sdb', { disk: 2, to: 'device', size: '2 GB' })];
    expect(requestFor('t@1', targets, 0, 1)).toEqual({ template: 't@1', target: '/a', lengthBytes: 2e9 });
    expect(requestFor('t@1', targets, 1, 2)).toEqual({ template: 't@1', target: '/dev/sdb', disk: 2 });
  });

  it('is nothing without a template, a place or a size that is one, and for a place that is taken', () => {
    const asked = (one: Target, template: string | null = 't@1') => requestFor(template, [target('/a'), one], 1, 1);
    expect(asked(target('/b'))).not.toBeNull();
    expect(asked(target('/b'), null)).toBeNull();
    expect(asked(target(''))).toBeNull();
    expect(asked(target('/b', { size: 'large' }))).toBeNull();
    expect(asked(target('/a'))).toBeNull();
  });
});
