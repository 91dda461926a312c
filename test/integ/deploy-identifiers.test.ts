/** New identifiers where more than files of one disk is at stake: disks that are attached, LVM, several targets, what keeps them. */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { CHECKS, identifiersOf, lvmUuidsOf } from '../support/identifiers.ts';
import { otherProcess } from '../support/other-process.ts';
import { ELF } from '../support/guests.ts';
import { phonyDisk, phonyGuest } from '../support/phony-guests.ts';
import { buildDisk } from '../support/phony-layout.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

const plan = (template: string, target: string, more: Partial<CommandParams<'deploy.plan'>> = {}) =>
  engine.client.call('deploy.plan', { template, target, overrides: ['end-of-life'], identity: 'fresh', ...more });

async function start(planned: Awaited<ReturnType<typeof plan>>) {
  expect(planned.checks.filter(({ level }) => level === 'block')).toEqual([]);
  const params = { planId: planned.planId, confirm: planned.confirmWords[0] };
  return resultOf(await engine.ended((await engine.client.call('deploy.start', params)).jobId));
}

test.skipIf(!canLoop)('a disk that is attached and has the same is told, until the target has its own', async () => {
  const source = phonyDisk(bench.folder, 'debian-13');
  resultOf(await engine.capture(source, 'attached'));
  const golden = bench.attach(source);
  const target = bench.attach(bench.file('target', 64 * MIB));
  const attached = (checks: Awaited<ReturnType<typeof plan>>['checks']) =>
    checks.filter(({ code, data }) => code === 'IDS_ATTACHED' && data.path === golden);
  const kept = await plan('attached', target, { identity: 'keep' });
  const [told] = attached(kept.checks);
  const { disk, partitions, volumes } = identifiersOf(bench, source);
  const all = [disk, ...partitions, ...volumes.map(({ uuid }) => uuid)].map((id) => id.toLowerCase());
  expect(told).toMatchObject({ level: 'warn', data: { count: all.length } });
  expect((told.data.ids as string[]).map((id) => id.toLowerCase()).toSorted()).toEqual(all.toSorted());
  // what stays of a fresh identity is told as well
  expect(attached((await plan('attached', target, { keep: ['file-system-uuids'] })).checks)[0].data.count).toBe(3);

  const fresh = await plan('attached', target);
  expect(attached(fresh.checks)).toEqual([]);
  await start(fresh);
  const now = identifiersOf(bench, target);
  const others = [now.disk, ...now.partitions, ...now.volumes.map(({ uuid }) => uuid)];
  expect(others.filter((id) => all.includes(id.toLowerCase()))).toEqual([]);
  run('sgdisk', '--verify', target);
  // and again over itself, which reads what is there first: others than before
  await start(await plan('attached', target));
  expect(identifiersOf(bench, target).partitions).not.toEqual(now.partitions);
  for (const { image, kind } of identifiersOf(bench, target).volumes) {
    const [tool, ...args] = CHECKS[kind] ?? ['true'];
    run(tool, ...args, image);
  }
});

test.skipIf(!canLoop).each([0, 400])('killed %i ms after it began to change what is inside', async (delayMs) => {
  const name = `killed-${delayMs}`;
  const source = phonyDisk(bench.folder, 'debian-13');
  resultOf(await engine.capture(source, name));
  const target = bench.attach(bench.file('killed', 64 * MIB, 0xff));
  const params = { template: name, target, confirm: target, identity: 'fresh' as const, overrides: ['end-of-life'] };
  const other = otherProcess(bench.path('catalog'), ['deploy.plan', params]);
  await other.said('job ');
  if (await other.said('phase customising')) await sleep(delayMs);
  other.child.kill('SIGKILL');
  await other.gone;
  if (!other.lines.some((line) => line.startsWith('ended'))) {
    expect(run('sh', '-c', 'blkid -p "$1"; sfdisk -J "$1" 2> /dev/null || true', '-', target)).toBe('');
  }
  // what was started for it ends, and the next one is whole
  while (run('losetup', '-j', target, '-n', '-O', 'NAME').trim() !== '') await sleep(50);
  const planned = await plan(name, target);
  await start(planned);
  const now = identifiersOf(bench, target);
  expect(now.partitions.map((id) => id.toLowerCase())).toEqual(
    planned.identifiers.filter(({ of }) => of === 'partition').map(({ after }) => after),
  );
  for (const { image, kind } of now.volumes) {
    const [tool, ...args] = CHECKS[kind] ?? ['true'];
    run(tool, ...args, image);
  }
  bench.detach(target);
});

test.skipIf(!canLoop)('LVM finds groups and volumes by new UUIDs, and none is lost', async () => {
  const source = phonyDisk(bench.folder, 'centos-7.6-lvm');
  resultOf(await engine.capture(source, 'lvm'));
  const target = bench.path('lvm.target');
  const planned = await plan('lvm', target);
  await start(planned);
  const [before, after] = [source, target].map((disk) => lvmUuidsOf(bench, disk));
  expect(after.map(({ name }) => name)).toEqual(before.map(({ name }) => name));
  const renewed = new Map(planned.identifiers.map((one) => [one.before, one.after]));
  for (const [i, { uuids }] of before.entries()) {
    expect(after[i].uuids).toEqual(uuids.map((uuid) => renewed.get(uuid)));
  }
  for (const path of [source, target]) rmSync(path);
});

test('each target has its own, and what is kept stays', async () => {
  const source = phonyDisk(bench.folder, 'alpine-3.22');
  resultOf(await engine.capture(source, 'several'));
  const [one, other] = await Promise.all(['one', 'other'].map((name) => plan('several', bench.path(name))));
  const after = [one, other].flatMap(({ identifiers }) => identifiers.map((id) => id.after));
  expect(new Set(after).size).toBe(after.length);
  const target = bench.path('kept');
  const kept = await plan('several', target, { keep: ['file-system-uuids', 'disk-ids', 'lvm-uuids'] });
  expect(kept.identifiers).toEqual([]);
  await start(kept);
  const [before, now] = [source, target].map((disk) => identifiersOf(bench, disk));
  expect({ ...now, volumes: now.volumes.map(({ uuid }) => uuid) }).toEqual({
    ...before,
    volumes: before.volumes.map(({ uuid }) => uuid),
  });
});

test.skipIf(!canLoop)('an XFS keeps its own where no kernel tells whether it could be read with another', async () => {
  const files = { '/etc/os-release': 'ID=debian\nVERSION_ID="13"\n', '/etc/fstab': '', '/usr/bin/bash': ELF };
  const source = buildDisk(bench.folder, 'no-kernel', {
    ...phonyGuest(bench.folder, 'debian-13'),
    partitions: [{ role: 'linux', volume: { fileSystem: 'xfs', mib: 16, files } }],
  });
  resultOf(await engine.capture(source, 'no-kernel'));
  const { settingNotes } = await plan('no-kernel', bench.path('no-kernel.target'));
  const kept = settingNotes.filter(({ code }) => code.startsWith('id-kept-'));
  expect(kept).toMatchObject([{ code: 'id-kept-kernel-unknown', data: { kind: 'xfs', volume: '1', needed: '4.18' } }]);
});

test.skipIf(!canLoop)('a disk of a Windows keeps all of them', async () => {
  const source = phonyDisk(bench.folder, 'windows-10');
  resultOf(await engine.capture(source, 'windows'));
  const { identifiers, settingNotes } = await plan('windows', bench.path('windows.target'));
  expect(identifiers).toEqual([]);
  // it has no LVM, of which nothing is said then
  const codes = settingNotes.filter(({ code }) => code.startsWith('id-')).map(({ reason, code }) => [reason, code]);
  expect(codes).toEqual(['file-system-uuids', 'disk-ids'].map((thing) => [thing, 'id-kept-windows']));
});
