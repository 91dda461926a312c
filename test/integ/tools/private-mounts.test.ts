/** Mounts of our own: what others unmount meanwhile is unmounted, and nothing of ours is seen or left. */
import { mkdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { withPrivateMounts } from '../../../src-engine/tools/private-mounts.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const { signal } = new AbortController();
const mounts = () => readFileSync('/proc/mounts', 'utf8');

test.skipIf(!canLoop)('a disk that is unmounted elsewhere meanwhile is free, and written out', async () => {
  const device = bench.attach(bench.file('others.img', 32 * MIB));
  run('mkfs.ext4', '-q', device);
  const point = bench.path('other disk');
  mkdirSync(point);
  run('mount', device, point);
  await withPrivateMounts(signal, async ({ run: inside }) => {
    const seen = await inside('cat', ['/proc/mounts']);
    expect(seen.stdout.toString()).not.toContain(device);
    run('umount', point);
    // who still had it mounted would not let it be checked
    expect(run('e2fsck', '-n', device)).toContain('clean');
    run('mkfs.ext4', '-q', '-F', device);
  });
  bench.detach(device);
});

test.skipIf(!canLoop)('what is mounted there is seen there alone, and gone afterwards', async () => {
  const device = bench.attach(bench.file('ours.img', 32 * MIB));
  run('mkfs.ext4', '-q', device);
  await withPrivateMounts(signal, async ({ mount, folder, run: inside }) => {
    await mount(device, 'ext4', folder);
    expect((await inside('cat', ['/proc/mounts'])).stdout.toString()).toContain(device);
    expect(mounts()).not.toContain(device);
  });
  expect(run('e2fsck', '-n', device)).toContain('clean');
  bench.detach(device);
});
