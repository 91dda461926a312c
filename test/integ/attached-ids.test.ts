/** Identifiers that attached disks share: with a target, and targets of one job with each other. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import type { DeployPlan } from '../../src-engine/contract/plan.contract.ts';
import { openFileSource } from '../../src-engine/formats/raw/file-source.ts';
import { AttachedIds, KnownIds } from '../../src-engine/jobs/deploy/attached-ids.ts';
import { thisMachine } from '../../src-engine/machines/this-machine.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { phonyDisk } from '../support/phony-guests.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const { signal } = new AbortController();
let engine: TestEngine;
let source: string;

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
  source = phonyDisk(bench.folder, 'debian-13');
  resultOf(await engine.capture(source, 'golden'));
});
afterAll(() => engine.close());

const planAll = (targets: string[], more: Partial<CommandParams<'deploy.planAll'>> = {}) =>
  engine.client.call('deploy.planAll', {
    template: 'golden',
    targets,
    overrides: ['end-of-life'],
    identity: 'keep',
    ...more,
  });
const told = (plans: readonly DeployPlan[], code: string) =>
  plans.map(({ checks }) => checks.filter((check) => check.code === code).map(({ data }) => data));

describe.skipIf(!canLoop)('targets of one job that are attached here', () => {
  test('are told once of what they will share, and not of what they hold now; other disks are told to each', async () => {
    const targets = ['one', 'two', 'three'].map((name) => bench.attach(bench.file(name, 64 * MIB)));
    // they hold what was deployed to them before
    for (const target of targets) run('dd', `if=${source}`, `of=${target}`, 'bs=1M', 'status=none');
    const golden = bench.attach(source);
    const plans = await planAll(targets);
    const attached = told(plans, 'IDS_ATTACHED').map((own) => own.map(({ path }) => path));
    for (const own of attached)
      expect(own.filter((path) => [...targets, golden].includes(path as string))).toEqual([golden]);
    const shared = told(plans, 'IDS_SHARED');
    expect(shared.map((own) => own.length)).toEqual([1, 0, 0]);
    expect(shared[0][0]).toMatchObject({ targets, count: 3 });
    expect(told(plans, 'MACHINES_TWINS')).toEqual([[{ count: 3 }], [], []]);

    // a part that is kept is shared; and a file is no disk
    const some = await planAll([targets[0], bench.path('file.img'), targets[1]], {
      identity: 'fresh',
      keep: ['disk-ids'],
    });
    expect(told(some, 'IDS_SHARED').map((own) => own.map(({ count }) => count))).toEqual([[2], [], []]);
    expect(told(some, 'MACHINES_TWINS')).toEqual([[], [], []]);
    const fresh = await planAll(targets, { identity: 'fresh' });
    expect(told(fresh, 'IDS_SHARED')).toEqual([[], [], []]);
    const exact = await planAll(targets, { exact: true });
    expect(told(exact, 'MACHINES_TWINS')).toEqual([[{ count: 3 }], [], []]);
    for (const device of [...targets, golden]) bench.detach(device);
  });

  test('are looked at together: disks are listed once, and read again only after a write', async () => {
    const golden = bench.attach(source);
    const other = bench.attach(bench.file('other', 64 * MIB));
    const real = thisMachine();
    let lists = 0;
    const reads: string[] = [];
    const machine = {
      ...real,
      listDevices: (root: string) => (lists++, real.listDevices(root)),
      placeOf: (path: string) => (reads.push(path), real.placeOf(path)),
    };
    const template = await openFileSource(source);
    const targets = Array.from({ length: 12 }, (_, i) => bench.path(`none${i}`));
    const known = new KnownIds();
    const request = async () => {
      const attached = new AttachedIds(machine, bench.path('catalog'), known, targets);
      const found: unknown[] = [];
      for (const path of targets) {
        const target = { ...(await real.placeOf(other)), path };
        const checks = await attached.checksFor(template, target, [], signal);
        found.push(checks.filter(({ data }) => data.path === golden).length);
      }
      expect(found).toEqual(targets.map(() => 1));
      return reads.splice(0).filter((path) => [golden, other].includes(path));
    };
    expect((await request()).toSorted()).toEqual([golden, other].toSorted());
    expect(lists).toBe(1);
    expect(await request()).toEqual([]);
    expect(lists).toBe(2);
    run('dd', 'if=/dev/zero', `of=${other}`, 'bs=4096', 'count=1', 'conv=fsync', 'status=none');
    expect(await request()).toEqual([other]);
    await template.close();
    for (const device of [golden, other]) bench.detach(device);
  });
});
