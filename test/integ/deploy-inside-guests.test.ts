/**
 * Phony guests of all kinds, deployed with a host name and a fresh identity: changed, and nothing else is. Their disks are told apart by new
 * identifiers, and all that named the old ones names those.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import { CHECKS, identifiersOf, wordsIn } from '../support/identifiers.ts';
import { phonyDisk } from '../support/phony-guests.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

/** One of each way in which they lie on their disks, and of each family. */
const GUESTS = [
  'centos-5',
  'centos-7.6-lvm',
  'rhel-8',
  'opensuse-leap-15.6',
  'fedora-43',
  'debian-13',
  'ubuntu-24.04',
  'alpine-3.22',
  'arch',
];
const FILE = { path: '/diskpress-was-here.txt', base64: Buffer.from('here\n').toString('base64') };

async function changed(name: string, more: Partial<CommandParams<'deploy.plan'>>) {
  const source = phonyDisk(bench.folder, name);
  const before = seen(source);
  resultOf(await engine.capture(source, name));
  const target = bench.path(`${name}.target`);
  const overrides = ['end-of-life'];
  const plan = await engine.client.call('deploy.plan', { template: name, target, overrides, ...more });
  expect(plan.checks.filter(({ level }) => level === 'block')).toEqual([]);
  const start = { planId: plan.planId };
  const { inside } = resultOf(await engine.ended((await engine.client.call('deploy.start', start)).jobId));
  const after = seen(target);
  for (const path of [source, target]) rmSync(path);
  return { plan, inside: inside!, before, after };
}

/** What a disk is told apart by, and all words in its files. */
function seen(disk: string) {
  const { volumes, ...table } = identifiersOf(bench, disk);
  const words = volumes.map((volume) => wordsIn(bench, volume)).join('\n');
  for (const { image, kind } of volumes) {
    const [tool, ...args] = CHECKS[kind] ?? ['true'];
    run(tool, ...args, image);
    rmSync(image);
  }
  return { ...table, uuids: volumes.map(({ uuid }) => uuid), words };
}

// btrfs, XFS and NTFS are written by a mount
test.skipIf(!canLoop).each(GUESTS)('%s', async (name) => {
  const { plan, inside, before, after } = await changed(name, {
    settings: { hostname: 'lab-07', files: [FILE] },
    identity: 'fresh',
  });
  const asked = new Set(plan.guestChanges.map(({ path }) => path));
  // what lies in folders that are emptied is told too
  const told = inside.changes.filter(({ path, kind }) => !asked.has(path) && kind !== 'folder' && kind !== 'remove');
  expect(told).toEqual([]);
  expect(inside.changes.map(({ path }) => path)).toContain(FILE.path);

  expect(inside.identifiers).toEqual(plan.identifiers);
  const kept = plan.settingNotes.filter(({ code }) => code.startsWith('id-kept-'));
  const isKept = (id: string) => kept.some(({ data }) => String(data.id).toLowerCase() === id.toLowerCase());
  const pairs = [
    [before.disk, after.disk],
    ...before.partitions.map((id, i) => [id, after.partitions[i]]),
    ...before.uuids.map((id, i) => [id, after.uuids[i]]),
  ].filter(([id]) => id !== '');
  for (const [old, now] of pairs) expect(`${old} ${now === old}`).toBe(`${old} ${isKept(old.replace('0x', ''))}`);
  expect(plan.after.tableId).toBe(after.disk.replace('0x', '').toUpperCase());
  // sfdisk tells none of those of an MBR
  const shown = plan.after.volumes.map(({ partitionUuid }) => partitionUuid.toUpperCase());
  if (plan.after.table === 'gpt') expect(shown).toEqual(after.partitions);
  else expect(shown.every((id) => id.startsWith(`${plan.after.tableId}-0`))).toBe(true);
  // whoever named an old one names the new one, as often
  const times = (text: string, id: string) => text.toLowerCase().split(id.toLowerCase()).length - 1;
  for (const { before: old, after: now } of plan.identifiers) {
    expect([old, times(after.words, old)]).toEqual([old, 0]);
    expect([now, times(after.words, now)]).toEqual([now, times(before.words, old)]);
  }
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
