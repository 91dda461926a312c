/** Which disk goes to which target, what is asked of the engine for each, and what is kept when something else is chosen. */
import { describe, expect, it } from 'vitest';
import {
  disksWritten,
  formOf,
  moreTargets,
  requestFor,
  targetsFor,
  twiceAt,
  type DeployForm,
  type Target,
} from '../../../src-renderer/modules/deploy/deploy-form.ts';
import {
  choose,
  dragged,
  rangeOf,
  roundLength,
  type Layout,
} from '../../../src-renderer/modules/deploy/volumes/volume-choices.ts';
import { newVm } from '../../../src-renderer/modules/deploy/new-vm-form.ts';
import type { VolumePlan } from '../../../src-engine/contract/index.ts';

const target = (path: string, more: Partial<Target> = {}): Target => ({
  id: 1,
  disk: 1,
  to: 'file',
  path,
  size: '',
  vm: newVm(),
  ...more,
});

const form = (targets: Target[], more: Partial<DeployForm> = {}): DeployForm => ({ ...formOf({}), targets, ...more });

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
    expect(requestFor('t@1', form(targets), 0, 1)).toEqual({ template: 't@1', target: '/a', lengthBytes: 2e9 });
    expect(requestFor('t@1', form(targets), 1, 2)).toEqual({ template: 't@1', target: '/dev/sdb', disk: 2 });
  });

  it('is nothing without a template, a place or a size that is one, and for a place that is taken', () => {
    const asked = (one: Target, template: string | null = 't@1') =>
      requestFor(template, form([target('/a'), one]), 1, 1);
    expect(asked(target('/b'))).not.toBeNull();
    expect(asked(target('/b'), null)).toBeNull();
    expect(asked(target(''))).toBeNull();
    expect(asked(target('/b', { size: 'large' }))).toBeNull();
    expect(asked(target('/a'))).toBeNull();
  });
});

describe('what becomes of volumes', () => {
  const GIB = 2 ** 30;
  const volume = (
    ref: string,
    startBytes: number,
    lengthBytes: number,
    more: Partial<VolumePlan> = {},
  ): VolumePlan => ({
    ...{ volume: ref, beforeStartBytes: startBytes, beforeBytes: lengthBytes, startBytes, lengthBytes },
    ...{ minimumBytes: GIB, method: 'kept', tools: [], needsRoot: false, scratchBytes: 0, seconds: 0 },
    ...more,
  });
  const fixed = { code: 'VOLUME_FIXED_LENGTH' as const, data: {} };
  const boot = volume('1', GIB, GIB, { cannotGrow: fixed, cannotShrink: fixed });
  const root = volume('2', 2 * GIB, 8 * GIB, { beforeBytes: 6 * GIB });
  const home = volume('3', 10 * GIB, 6 * GIB);
  const layout = (more: Partial<Layout> = {}): Layout => ({
    ...{ volumes: [boot, root, home], choices: [], diskBytes: 16 * GIB + 2 * 2 ** 20, isLarger: true },
    ...more,
  });

  it('is asked for the disk of the target alone, and not at all where the bytes stay as captured', () => {
    const volumes = new Map([[2, [{ volume: '1', size: 'grow' as const }]]]);
    const targets = [target('/a'), target('/b', { disk: 2 })];
    expect(requestFor('t@1', form(targets, { volumes }), 0, 2)).not.toHaveProperty('volumes');
    expect(requestFor('t@1', form(targets, { volumes }), 1, 2)).toMatchObject({ volumes: volumes.get(2) });
    const exact = requestFor('t@1', form(targets, { volumes, isExact: true }), 1, 2);
    expect(exact).toMatchObject({ exact: true });
    expect(exact).not.toHaveProperty('volumes');
  });

  it('is said once for each, and taken back', () => {
    const said = choose(choose([], '2', 'grow'), '2', 5 * GIB);
    expect(said).toEqual([{ volume: '2', size: 5 * GIB }]);
    expect(choose(said, '2', undefined)).toEqual([]);
  });

  it('ends where its least, its greatest and the others leave it room', () => {
    expect(rangeOf(layout(), boot)).toBeNull();
    // the other one can give what it does not need, unless its length was said
    expect(rangeOf(layout(), root)).toEqual({ minBytes: GIB, maxBytes: 13 * GIB });
    const said = layout({ choices: [{ volume: '3', size: 'keep' }] });
    expect(rangeOf(said, root)).toEqual({ minBytes: GIB, maxBytes: 8 * GIB });
    expect(rangeOf(said, { ...root, cannotShrink: fixed })?.minBytes).toBe(6 * GIB);
  });

  it('pushes, and is filled by the one that takes room unasked; nothing passes the end of the disk', () => {
    const lengths = (bytes: number, of = layout()) =>
      dragged(of, '2', bytes).map(({ lengthBytes }) => lengthBytes / GIB);
    expect(lengths(10 * GIB)).toEqual([1, 10, 4]);
    expect(lengths(3 * GIB)).toEqual([1, 3, 11]);
    expect(lengths(3 * GIB, layout({ isLarger: false }))).toEqual([1, 3, 6]);
    for (const bytes of [GIB, 3 * GIB, 13 * GIB]) {
      const last = dragged(layout(), '2', bytes).at(-1)!;
      expect(last.startBytes + last.lengthBytes).toBe(16 * GIB);
    }
  });

  it('is told in three digits, and never past the ends of its range', () => {
    const range = { minBytes: 1_234_567_890, maxBytes: 99_999_999_999 };
    expect(roundLength(20_449_000_000, range)).toBe(20_400_000_000);
    expect(roundLength(1, range)).toBe(range.minBytes);
    expect(roundLength(1e12, range)).toBe(range.maxBytes);
  });
});
