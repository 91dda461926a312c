/** A volume group that gets another name: LVM2 knows it by that, and so does every file that named it. */
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { lvmUuidsOf } from '../support/identifiers.ts';
import { phonyDisk } from '../support/phony-guests.ts';
import type { Part } from '../support/disks.ts';
import { canLoop, run, workbench } from '../support/workbench.ts';
import { detachAll, lvmOn } from './volumes/lvm.ts';

const bench = workbench();
let engine: TestEngine;
let source: string;
beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
  if (!canLoop) return;
  source = phonyDisk(bench.folder, 'centos-7.6-lvm');
  resultOf(await engine.capture(source, 'named'));
});
afterAll(() => engine.close());

const plan = (target: string, more: Partial<CommandParams<'deploy.plan'>>) =>
  engine.client.call('deploy.plan', { template: 'named', target, overrides: ['end-of-life'], ...more });

async function start({ planId, checks }: Awaited<ReturnType<typeof plan>>) {
  expect(checks.filter(({ level }) => level === 'block')).toEqual([]);
  return resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
}

/** The member is the last partition. */
function memberOf(disk: string): Part {
  const { partitiontable } = JSON.parse(run('sfdisk', '-J', disk)) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  const { start: sector, size } = partitiontable.partitions.at(-1)!;
  return { startBytes: sector * 512, lengthBytes: size * 512 };
}

/** A file of the root, which XFS's own program takes out of it. */
function inRoot(disk: string, group: string, path: string): string {
  const member = memberOf(disk);
  const lvm = lvmOn(bench, disk, [member]);
  const root = lvm.cut(`${group}/root`, disk, [member], bench.path('root.part'));
  detachAll(bench, lvm);
  const point = bench.mount(root, 'loop,ro,nouuid,norecovery');
  try {
    return readFileSync(`${point}${path}`, 'utf8');
  } finally {
    bench.unmount(point);
  }
}

test.skipIf(!canLoop)('a kept identity and a new name, which is longer and has a hyphen', async () => {
  const target = bench.path('longer.img');
  const planned = await plan(target, { identity: 'keep', groupNames: [{ group: 'centos', name: 'lab-room_01' }] });
  expect(planned.identifiers).toEqual([
    { reason: 'group-name', of: 'volume-group-name', volume: 'centos', before: 'centos', after: 'lab-room_01' },
  ]);
  const named = planned.guestChanges.map(({ reason, path }) => `${reason} ${path}`);
  expect(named).toContain('group-name /etc/fstab');
  await start(planned);
  const before = lvmUuidsOf(bench, source);
  expect(lvmUuidsOf(bench, target)).toEqual(
    before.map((one) => ({ ...one, name: one.name.replace(/^centos\b/, 'lab-room_01') })),
  );
  const lines = inRoot(target, 'lab-room_01', '/etc/fstab');
  expect(lines).toBe(inRoot(source, 'centos', '/etc/fstab').replaceAll('/centos-', '/lab--room_01-'));
  expect(lines).toContain('/dev/mapper/lab--room_01-root');
  // the same word, and no name of a group
  expect(inRoot(target, 'lab-room_01', '/etc/os-release')).toBe(inRoot(source, 'centos', '/etc/os-release'));
});

test.skipIf(!canLoop)('together with new identifiers, and one of as many letters', async () => {
  const target = bench.path('fresh.img');
  const planned = await plan(target, { identity: 'fresh', groupNames: [{ group: 'centos', name: 'kiosks' }] });
  await start(planned);
  const renewed = new Map(planned.identifiers.map(({ before, after }) => [before, after]));
  const ids = lvmUuidsOf(bench, source).map(({ uuids }) => uuids.map((uuid) => renewed.get(uuid)));
  const now = lvmUuidsOf(bench, target);
  expect(now.map(({ uuids }) => uuids)).toEqual(ids);
  expect(now.map(({ name }) => name)).toEqual(
    lvmUuidsOf(bench, source).map(({ name }) => name.replace(/^centos\b/, 'kiosks')),
  );
});

test.skipIf(!canLoop)('a group that is not there, and a name that is none', async () => {
  const target = bench.path('refused.img');
  const missing = await refusal(plan(target, { groupNames: [{ group: 'rhel', name: 'lab' }] }));
  expect(missing).toMatchObject({ code: 'VOLUME_NOT_FOUND', data: { volume: 'rhel', volumes: ['centos'] } });
  for (const name of ['', '-a', 'a/b', 'a b', '..', 'mapper']) {
    expect(await refusal(plan(target, { groupNames: [{ group: 'centos', name }] }))).toMatchObject({
      code: 'BAD_REQUEST',
    });
  }
});
