/** Scratch space that is too small or ends: told before a deploy begins, or the deploy ends, and nothing of it is left. */
import { readdirSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { place } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { treeOf } from '../support/file-trees.ts';
import { recognised } from '../support/judges.ts';
import { EXT4, fillTree, NTFS, undated, withMounted, XFS, type Kind } from '../support/resized-kinds.ts';
import { canLoop, MIB, run, runWithInput, workbench } from '../support/workbench.ts';

/** Room that is left when it begins: too little for the first copy, for what the program moves, for files or for tables that are written last, and enough. */
const KINDS: [name: string, kind: Kind, mib: number, targetMib: number, roomsMib: number[]][] = [
  ['ext4', EXT4, 260, 200, [4, 100]],
  ['NTFS', NTFS, 260, 200, [4, 9, 100]],
  ['XFS', XFS, 420, 360, [60, 77, 80, 200]],
];

const bench = workbench();
let disk: string;
let catalog: string;
let engine: TestEngine;

beforeAll(async () => {
  if (!canLoop) return;
  const image = bench.file('small.ext4', 900 * MIB);
  run('mkfs.ext4', '-q', '-F', '-m', '0', image);
  disk = bench.mount(image, 'loop');
  catalog = join(disk, 'catalog');
  engine = await openEngine(catalog);
  for (const [name, kind, mib] of KINDS) {
    const volume = bench.file(`${name}.part`, mib * MIB);
    kind.make(volume);
    withMounted(bench, volume, kind, 'rw,loop', (point) => fillTree(point, kind));
    const source = bench.file(`${name}.img`, (mib + 2) * MIB);
    runWithInput(`label: gpt\nstart=1MiB, size=${mib}MiB, type=linux\n`, 'sfdisk', '-q', source);
    place(volume, source, MIB);
    resultOf(await engine.capture(source, name));
  }
});
afterAll(async () => {
  if (!canLoop) return;
  await engine.close();
  bench.unmount(disk);
});

/** Leaves so much room on the catalog's disk. */
function leave(roomBytes: number): void {
  const { bavail, bsize } = statfsSync(disk);
  run('fallocate', '-l', String(bavail * bsize - roomBytes), join(disk, 'filler'));
}
const giveBack = () => rmSync(join(disk, 'filler'), { force: true });

const volumeOf = (image: string, mib: number) =>
  bench.attach(image, '-o', String(MIB), '--sizelimit', String(mib * MIB));

describe.skipIf(!canLoop).each(KINDS)('of %s', (name, kind, mib, targetMib, roomsMib) => {
  const expectWhole = (target: string) => {
    const [before, after] = [volumeOf(bench.path(`${name}.img`), mib), volumeOf(target, targetMib - 2)];
    kind.judge(after);
    const [was, is] = [before, after].map((device) => withMounted(bench, device, kind, 'ro', treeOf));
    expect(kind === EXT4 ? undated(is) : is).toBe(kind === EXT4 ? undated(was) : was);
    [before, after].forEach((device) => bench.detach(device));
  };

  test('a plan without room is refused', async () => {
    leave(3 * MIB);
    const asked = { template: name, target: bench.path('new.img'), lengthBytes: targetMib * MIB };
    const { canRun, checks } = await engine.client.call('deploy.plan', asked);
    giveBack();
    expect(canRun).toBe(false);
    expect(checks).toContainEqual(expect.objectContaining({ code: 'VOLUME_SCRATCH_SPACE_LOW', level: 'block' }));
  });

  test.each(roomsMib)('%i MiB are left when it begins', async (roomMib) => {
    const image = bench.file('target.img', targetMib * MIB, 0xff);
    const device = bench.attach(image);
    const asked = { template: name, target: device, identity: 'keep' } as const;
    const { planId } = await engine.client.call('deploy.plan', asked);
    leave(roomMib * MIB);
    const { jobId } = await engine.client.call('deploy.start', { planId, confirm: device });
    const job = await engine.ended(jobId);
    giveBack();
    bench.detach(device);
    expect(readdirSync(join(catalog, 'scratch'))).toEqual([]);
    if (roomMib === roomsMib.at(-1)) resultOf(job);
    // how much it takes is not the same everywhere, but for the first of them
    if (job.outcome === 'done' && roomMib !== roomsMib[0]) return expectWhole(image);
    expect(job).toMatchObject({
      outcome: 'failed',
      error: { code: 'DISK_FULL', data: { freeBytes: expect.any(Number) } },
    });
    expect(recognised(image)).toBe('');
  });
});
