/** Phony guests of all kinds, deployed with a host name and a fresh identity: changed, and nothing else is. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngineHere, resultOf, type TestEngine } from '../support/engine.ts';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import { phonyDisk } from '../support/phony-guests.ts';
import { canLoop, MIB, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(() => void (engine = openEngineHere(bench.path('catalog'))));
afterAll(() => engine.close());

/** One of each way in which they lie on their disks, and of each family. */
const GUESTS = ['centos-5', 'centos-7.6-lvm', 'rhel-8', 'opensuse-leap-15.6', 'fedora-43', 'debian-13', 'alpine-3.22'];
const FILE = { path: '/diskpress-was-here.txt', base64: Buffer.from('here\n').toString('base64') };

async function changed(name: string, more: Partial<CommandParams<'deploy.plan'>>) {
  const source = phonyDisk(bench.folder, name);
  resultOf(await engine.capture(source, name));
  const target = bench.path(`${name}.target`);
  const overrides = ['end-of-life'];
  const plan = await engine.client.call('deploy.plan', { template: name, target, overrides, ...more });
  expect(plan.checks.filter(({ level }) => level === 'block')).toEqual([]);
  const start = { planId: plan.planId };
  const { inside } = resultOf(await engine.ended((await engine.client.call('deploy.start', start)).jobId));
  for (const path of [source, target]) rmSync(path);
  return { plan, inside: inside! };
}

// btrfs, XFS and NTFS are written by a mount
test.skipIf(!canLoop).each(GUESTS)('%s', async (name) => {
  const { plan, inside } = await changed(name, { settings: { hostname: 'lab-07', files: [FILE] }, identity: 'fresh' });
  const asked = new Set(plan.guestChanges.map(({ path }) => path));
  // what lies in folders that are emptied is told too
  const told = inside.changes.filter(({ path, kind }) => !asked.has(path) && kind !== 'folder' && kind !== 'remove');
  expect(told).toEqual([]);
  expect(inside.changes.map(({ path }) => path)).toContain(FILE.path);
});

test.skipIf(!canLoop)('windows-10', async () => {
  const { inside } = await changed('windows-10', { settings: { files: [FILE] } });
  expect(inside.changes).toEqual([
    {
      reason: 'files',
      kind: 'write',
      volume: inside.changes[0].volume,
      path: FILE.path,
      before: null,
      after: 'here\n',
    },
  ]);
});

// its swap lies behind its root, which is in pieces once it has grown
test.skipIf(!canLoop)('rhel-6, whose root in LVM grows around its swap', async () => {
  const { plan, inside } = await changed('rhel-6', {
    lengthBytes: 256 * MIB,
    settings: { files: [FILE] },
    identity: 'fresh',
  });
  const root = plan.volumes.find(({ volume }) => volume === 'VolGroup/lv_root')!;
  expect(root.lengthBytes).toBeGreaterThan(root.beforeBytes);
  expect(inside.changes.map(({ path }) => path)).toContain(FILE.path);
  expect(inside.identifiers.map(({ volume }) => volume)).toContain('VolGroup/lv_root');
});
