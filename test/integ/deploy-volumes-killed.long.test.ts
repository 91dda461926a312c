/** A deploy that is killed while a volume gets its length: the target looks like nothing, nothing works on it any more, and the next one is whole. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { place } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { otherProcess } from '../support/other-process.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
let device: string | undefined;
let engine: TestEngine | undefined;

const KINDS = [
  ['ext4', 96, 200, ['mke2fs', '-q', '-F', '-t', 'ext4'], ['e2fsck', '-fn']],
  ['XFS', 320, 420, ['mkfs.xfs', '-q', '-f'], ['xfs_repair', '-n']],
  ['ext4 that shrinks', 260, 200, ['mke2fs', '-q', '-F', '-t', 'ext4'], ['e2fsck', '-fn']],
] as const;

beforeAll(async () => {
  if (!canLoop) return;
  const engine = await openEngine(catalog);
  for (const [name, mib, , make] of KINDS) {
    const [tool, ...options] = make;
    const volume = bench.file('volume.part', mib * MIB);
    run(tool, ...options, volume);
    const image = bench.file('disk.img', (mib + 2) * MIB);
    runWithInput(`label: gpt\nstart=1MiB, size=${mib}MiB, type=linux\n`, 'sfdisk', '-q', image);
    place(volume, image, MIB);
    resultOf(await engine.capture(image, name.replaceAll(' ', '-')));
  }
  await engine.close();
});
afterEach(async () => {
  await engine?.close();
  if (device) bench.detach(device);
  [engine, device] = [undefined, undefined];
});

/** Nothing that was started for the target is there any more. */
async function expectLeftAlone(target: string): Promise<void> {
  // the kernel ends what was started, and gives its loop devices back, a moment later
  await vi.waitFor(() => expect(run('losetup', '-j', target, '-n', '-O', 'NAME').trim()).toBe(''), 30_000);
  expect(run('findmnt', '-n', '-o', 'SOURCE', '-l')).not.toContain(target);
}

function expectSound(target: string, judge: string, options: readonly string[]): void {
  const { partitiontable } = JSON.parse(run('sfdisk', '-J', target)) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  const [{ start, size }] = partitiontable.partitions;
  const volume = bench.attach(target, '-o', String(start * 512), '--sizelimit', String(size * 512));
  run(judge, ...options, volume);
  bench.detach(volume);
}

describe.skipIf(!canLoop).each(KINDS)('%s', (name, _mib, targetMib, _make, [judge, ...options]) => {
  test.each([0, 30, 120])('killed %i ms after it began', async (delayMs) => {
    const image = bench.file('target.img', targetMib * MIB, 0xff);
    device = bench.attach(image);
    const template = name.replaceAll(' ', '-');
    const other = otherProcess(catalog, ['deploy.plan', { template, target: device, confirm: device }]);
    await other.said('job ');
    if (await other.said('phase resizing')) await sleep(delayMs);
    other.child.kill('SIGKILL');
    await other.gone;
    // its first sector comes last: whoever finds a table finds a whole target, even if nobody had said so yet
    if (run('sh', '-c', `sfdisk -J ${device} 2>/dev/null || true`) === '') {
      expect(run('sh', '-c', `blkid -p ${device} || true`)).toBe('');
    } else expectSound(device, judge, options);

    engine = await openEngine(catalog);
    await expectLeftAlone(device);
    resultOf(await engine.deploy(template, device, { confirm: device }));
    expect(readdirSync(bench.path('catalog', 'scratch'))).toEqual([]);
    expectSound(device, judge, options);
  });
});
