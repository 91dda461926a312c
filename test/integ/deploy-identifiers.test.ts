/** Phony guests of all kinds, deployed with a fresh identity: their disks tell themselves apart by new identifiers, and all that names them does so by the new ones. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import { openEngineHere, resultOf, type TestEngine } from '../support/engine.ts';
import { extract } from '../support/disks.ts';
import { phonyDisk } from '../support/phony-guests.ts';
import { canLoop, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(() => void (engine = openEngineHere(bench.path('catalog'))));
afterAll(() => engine.close());

interface SfdiskPartition {
  readonly start: number;
  readonly size: number;
  readonly uuid?: string;
}

/** What sfdisk and blkid say that a disk and its partitions are told apart by. */
function identifiersOf(disk: string) {
  const { partitiontable: table } = JSON.parse(run('sfdisk', '-J', disk)) as {
    partitiontable: { id: string; partitions: SfdiskPartition[] };
  };
  const volumes = table.partitions.map(({ start, size }, i) => {
    const image = extract(disk, { startBytes: start * 512, lengthBytes: size * 512 }, bench.path(`part-${i}`));
    const told = Object.fromEntries(
      run('sh', '-c', 'blkid -p -o export "$1" || true', '-', image)
        .split('\n')
        .map((line) => line.split('=')),
    ) as Record<string, string>;
    return { image, kind: told.TYPE ?? '', uuid: told.UUID ?? '' };
  });
  return { disk: table.id, partitions: table.partitions.map(({ uuid = '' }) => uuid), volumes };
}

/** Whatever files of a volume say, in one text; what has no files says nothing. */
function wordsIn({ image, kind }: { image: string; kind: string }): string {
  if (kind === 'vfat') {
    const to = `${image}.files`;
    run('mkdir', '-p', to);
    run('mcopy', '-s', '-n', '-i', image, '::/', to);
    return run('sh', '-c', 'cat $(find "$1" -type f)', '-', to);
  }
  if (!['ext3', 'ext4', 'xfs', 'btrfs'].includes(kind)) return '';
  const point = bench.mount(image, kind === 'xfs' ? 'loop,ro,nouuid,norecovery' : 'loop,ro');
  const words = run('sh', '-c', 'find "$1" -type f -size -1000 -exec cat {} +', '-', point);
  bench.unmount(point);
  return words;
}

const CHECKS: Record<string, readonly string[]> = {
  ext3: ['e2fsck', '-f', '-n'],
  ext4: ['e2fsck', '-f', '-n'],
  // one group is too few for xfs_repair to be sure of
  xfs: ['xfs_repair', '-n', '-f', '-o', 'force_geometry'],
  btrfs: ['btrfs', 'check'],
  vfat: ['fsck.vfat', '-n'],
};

async function deployed(name: string, more: Partial<CommandParams<'deploy.plan'>> = {}) {
  const source = phonyDisk(bench.folder, name);
  const before = identifiersOf(source);
  const words = before.volumes.map(wordsIn).join('\n');
  for (const { image } of before.volumes) rmSync(image);
  resultOf(await engine.capture(source, name));
  const target = bench.path(`${name}.target`);
  const plan = await engine.client.call('deploy.plan', {
    template: name,
    target,
    overrides: ['end-of-life'],
    identity: 'fresh',
    ...more,
  });
  expect(plan.checks.filter(({ level }) => level === 'block')).toEqual([]);
  const { inside } = resultOf(
    await engine.ended((await engine.client.call('deploy.start', { planId: plan.planId })).jobId),
  );
  return { source, target, plan, inside: inside!, before, words };
}

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

// btrfs and XFS are written by a mount
test.skipIf(!canLoop).each(GUESTS)('%s', async (name) => {
  const { source, target, plan, inside, before, words } = await deployed(name);
  const after = identifiersOf(target);
  const afterWords = after.volumes.map(wordsIn).join('\n');
  expect(inside.identifiers).toEqual(plan.identifiers);
  const kept = plan.settingNotes.filter(({ code }) => code.startsWith('id-kept-'));
  const isKept = (id: string) => kept.some(({ data }) => String(data.id).toLowerCase() === id.toLowerCase());
  const pairs = [
    [before.disk, after.disk],
    ...before.partitions.map((id, i) => [id, after.partitions[i]]),
    ...before.volumes.map(({ uuid }, i) => [uuid, after.volumes[i].uuid]),
  ].filter(([id]) => id !== '');
  for (const [old, now] of pairs) expect(`${old} ${now === old}`).toBe(`${old} ${isKept(old.replace('0x', ''))}`);
  // who named an old one names the new one, as often
  const times = (text: string, id: string) => text.toLowerCase().split(id.toLowerCase()).length - 1;
  for (const { before: old, after: now } of plan.identifiers) {
    expect([old, times(afterWords, old)]).toEqual([old, 0]);
    expect([now, times(afterWords, now)]).toEqual([now, times(words, old)]);
  }
  for (const { image, kind } of after.volumes) {
    const [tool, ...args] = CHECKS[kind] ?? ['true'];
    run(tool, ...args, image);
    rmSync(image);
  }
  for (const path of [source, target]) rmSync(path);
});
