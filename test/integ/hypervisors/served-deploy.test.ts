/** A deploy onto the template itself, served: only what is other comes to lie in the overlay, and it is what a copy would be. */
import { execFile } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  makeRelayFolder,
  relayFolderOf,
  relayPlaces,
  RELAYED_NAME,
} from '../../../src-engine/machines/qemu/disk-relay.ts';
import { openEngineThread, resultOf, type TestEngine } from '../../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const exec = promisify(execFile);

describe.skipIf(!canLoop)('a deploy over what is served', () => {
  const bench = workbench();
  const image = bench.path('disk.img');
  let engine: TestEngine;

  beforeAll(async () => {
    bench.file('disk.img', 128 * MIB);
    run('sgdisk', '-n1:2048:+8M', '-n2:0:0', image);
    const volume = bench.file('volume.img', 118 * MIB);
    run('mkfs.ext4', '-q', volume);
    run('dd', 'if=/dev/urandom', `of=${bench.path('data')}`, 'bs=1M', 'count=40', 'status=none');
    run('debugfs', '-w', '-R', `write ${bench.path('data')} data`, volume);
    run('dd', `if=${volume}`, `of=${image}`, 'bs=1M', 'seek=9', 'conv=notrunc', 'status=none');
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    resultOf(await engine.capture(image, RELAYED_NAME));
  });

  test('grows its last volume, writes a small part, and holds all files', async () => {
    const target = bench.path('machine.qcow2');
    const params = { template: RELAYED_NAME, target, lengthBytes: 256 * MIB, served: true };
    const plan = await engine.client.call('deploy.plan', params);
    expect(plan.canRun).toBe(true);
    const ended = await engine.ended((await engine.client.call('deploy.start', { planId: plan.planId })).jobId);
    const result = resultOf(ended);
    expect(result).toMatchObject({ isOverTemplate: true, readBack: 'none' });
    expect(result.writtenBytes).toBeGreaterThan(0);
    expect(result.writtenBytes).toBeLessThan(12 * MIB);
    expect(statSync(target).blocks * 512).toBeLessThan(12 * MIB);
    // also by who comes later
    const { parts } = (await engine.client.call('job.list', {})).find(({ id }) => id === ended.id)!;
    expect(parts[0].result).toMatchObject({ isOverTemplate: true, writtenBytes: result.writtenBytes });
    const folder = relayFolderOf(plan.planId);
    bench.atEnd(() => run('rm', '-rf', folder));
    expect(run('qemu-img', 'info', '-U', target)).toContain(relayPlaces(folder).machine);
    const alone = { driver: 'qcow2', file: { driver: 'file', filename: target }, backing: null };
    run('qemu-img', 'check', '-q', `json:${JSON.stringify(alone)}`);

    // served where its machine would find it
    makeRelayFolder(folder);
    await engine.client.call('nbd.open', { template: RELAYED_NAME, socket: relayPlaces(folder).machine });
    const whole = bench.path('whole.img');
    await exec('qemu-img', ['convert', '-O', 'raw', target, whole], { timeout: 60_000 });
    run('sgdisk', '-v', whole);
    run('dd', `if=${whole}`, `of=${bench.path('volume.out')}`, 'bs=1M', 'skip=9', 'status=none');
    run('truncate', '-s', `${247 * MIB - 17 * 1024}`, bench.path('volume.out'));
    run('e2fsck', '-fn', bench.path('volume.out'));
    run('debugfs', '-R', `dump /data ${bench.path('data.out')}`, bench.path('volume.out'));
    expect(readFileSync(bench.path('data.out')).equals(readFileSync(bench.path('data')))).toBe(true);
    expect(Number(/Block count: +(\d+)/.exec(run('dumpe2fs', '-h', bench.path('volume.out')))?.[1])).toBeGreaterThan(
      (240 * MIB) / 4096,
    );
  });

  test('is refused where a volume would move or become shorter, and over what is there', async () => {
    const plan = (target: string, lengthBytes: number) =>
      engine.client.call('deploy.plan', { template: RELAYED_NAME, target, lengthBytes, served: true });
    const codes = ({ checks }: Awaited<ReturnType<typeof plan>>) =>
      checks.filter(({ level }) => level === 'block').map(({ code }) => code);
    expect(codes(await plan(bench.path('small.qcow2'), 116 * MIB))).toContain('SERVED_CANNOT_MOVE');
    expect(codes(await plan(image, 128 * MIB))).toContain('SERVED_NEEDS_NEW_FILE');
  });
});
