/** A second capture of a running machine reads what was written since the first one, and is what a whole capture of the same moment is. */
import { copyFileSync, closeSync, openSync, readSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, resultOf, type TestEngine } from '../../support/engine.ts';
import { defineMachine, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const exec = promisify(execFile);
const NAME = 'live-changes';
const PLACE = `libvirt:${NAME}`;
const START = MIB;

describe.skipIf(!canLoop)('a machine whose changes are tracked', () => {
  const bench = workbench();
  const disk = bench.path('disk.qcow2');
  const now = bench.path('now.raw');
  let engine: TestEngine;

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    // what is free has content of its own: an older life of the disk
    const old = randomBytes(8 * MIB);
    const file = openSync(bench.file('now.raw', 64 * MIB), 'r+');
    for (let at = 0; at < 64; at += 8) writeSync(file, old, 0, old.length, at * MIB);
    closeSync(file);
    run('sgdisk', '-Z', now);
    run('sgdisk', '-n1:2048:+60M', now);
    const files = bench.path('files');
    run('mkdir', files);
    for (let i = 0; i < 30; i++) writeFileSync(join(files, `f${i}`), randomBytes(900_000));
    run('mke2fs', '-q', '-t', 'ext4', '-E', `offset=${START},nodiscard,lazy_itable_init=1`, '-d', files, now, '60M');
    run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', now, disk);
    defineMachine(
      bench,
      NAME,
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>`,
    );
    bench.atEnd(() => {
      for (const name of checkpoints())
        virsh('checkpoint-delete', `--domain=${NAME}`, `--checkpointname=${name}`, '--metadata');
    });
    virsh('start', `--domain=${NAME}`);
  });

  const checkpoints = () =>
    virsh('checkpoint-list', '--name', `--domain=${NAME}`)
      .split('\n')
      .map((l) => l.trim())
      .filter(Boolean);
  const capture = async (name: string, more: object = {}) => {
    const job = await engine.capture(PLACE, name, { live: true, outside: 'take', ...more });
    return { job, ...resultOf(job) };
  };

  /** Changes the file system as its own programs do, and has the machine write what became other, block by block. */
  function change(...commands: string[]): number {
    const before = bench.path('before.raw');
    copyFileSync(now, before);
    for (const command of commands) run('debugfs', '-w', '-R', command, `${now}?offset=${START}`);
    const files = [before, now].map((path) => openSync(path, 'r'));
    const blocks = files.map(() => Buffer.alloc(4096));
    const runs: [number, number][] = [];
    for (let at = 0; at < statSync(now).size; at += 4096) {
      files.forEach((file, i) => readSync(file, blocks[i], 0, 4096, at));
      if (blocks[0].equals(blocks[1])) continue;
      const last = runs.at(-1);
      if (last && last[0] + last[1] === at) last[1] += 4096;
      else runs.push([at, 4096]);
    }
    const piece = bench.path('piece');
    for (const [at, length] of runs) {
      const bytes = Buffer.alloc(length);
      readSync(files[1], bytes, 0, length, at);
      writeFileSync(piece, bytes);
      run('chmod', 'a+r', piece);
      const command = `qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend "write -s ${piece} ${at} ${length}"`;
      virsh('qemu-monitor-command', `--domain=${NAME}`, '--hmp', command);
    }
    files.forEach((file) => closeSync(file));
    return runs.reduce((sum, [, length]) => sum + length, 0);
  }

  /** Both versions, served by us and compared by QEMU; and deployed, checked and read by e2fsprogs. */
  async function expectEqual(one: string, other: string): Promise<void> {
    const served = await Promise.all([one, other].map((template) => engine.client.call('nbd.open', { template })));
    const { stdout } = await exec('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', served[0].uri, served[1].uri]);
    expect(stdout).toContain('identical');
    await Promise.all(served.map(({ id }) => engine.client.call('nbd.close', { id })));
    const target = bench.path('deployed.img');
    run('rm', '-f', target);
    const { planId } = await engine.client.call('deploy.plan', { template: one, target, exact: true });
    resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
    run('e2fsck', '-fn', `${target}?offset=${START}`);
    for (const image of [target, now]) {
      const folder = bench.path(image === now ? 'of-source' : 'of-copy');
      run('rm', '-rf', folder);
      run('mkdir', folder);
      run('debugfs', '-R', `rdump / ${folder}`, `${image}?offset=${START}`);
    }
    run('diff', '-r', bench.path('of-source'), bench.path('of-copy'));
  }

  const momentOf = async (template: string) => (await engine.client.call('template.show', { template })).versions[0];

  test('is read whole once, and from then on only where it was written to', async () => {
    const first = await capture('tracked', { trackChanges: true });
    expect(checkpoints()).toHaveLength(1);
    writeFileSync(bench.path('new'), randomBytes(700_000));
    const changed = change('rm f3', 'rm f17', `write ${bench.path('new')} new`);
    virsh('suspend', `--domain=${NAME}`);
    const second = await capture('tracked', { trackChanges: true });
    expect(second.processedBytes).toBeLessThan(changed + 4 * MIB);
    expect(second.processedBytes).toBeLessThan(first.processedBytes / 5);
    expect(second.job.warnings.map(({ code }) => code)).not.toContain('CHANGES_NOT_KNOWN');
    const whole = await capture('whole');
    expect(whole.processedBytes).toBeGreaterThan(20 * MIB);
    virsh('resume', `--domain=${NAME}`);
    await expectEqual('tracked', 'whole');
    // the account of the first one is not needed any more
    expect(checkpoints()).toHaveLength(1);
  });

  test('has blocks read that are used now and were not, though nothing was written to them', async () => {
    // 400 blocks in the middle of what is free become used: their content is as old as the disk
    const free = [...run('dumpe2fs', `${now}?offset=${START}`).matchAll(/^ {2}Free blocks: (.+)$/gm)]
      .flatMap(([, ranges]) => ranges.split(', '))
      .map((range) => range.split('-').map(Number));
    const [from] = free.find(([first, last]) => last - first > 2000)!;
    change(`setb ${from + 100} 300`);
    virsh('suspend', `--domain=${NAME}`);
    await capture('tracked', { trackChanges: true });
    await capture('whole');
    virsh('resume', `--domain=${NAME}`);
    const served = await Promise.all(
      ['tracked', 'whole'].map((template) => engine.client.call('nbd.open', { template })),
    );
    const { stdout } = await exec('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', served[0].uri, served[1].uri]);
    expect(stdout).toContain('identical');
    const bytes = await exec('/usr/bin/python3', [
      '-m',
      'nbd',
      '-u',
      served[0].uri,
      '-c',
      `import sys; sys.stdout.write(h.pread(4096, ${START} + ${from + 200} * ${blockBytes()}).hex())`,
    ]);
    const expected = Buffer.alloc(4096);
    const file = openSync(now, 'r');
    readSync(file, expected, 0, 4096, START + (from + 200) * blockBytes());
    closeSync(file);
    expect(bytes.stdout).toBe(expected.toString('hex'));
    await Promise.all(served.map(({ id }) => engine.client.call('nbd.close', { id })));
    change(`freeb ${from + 100} 300`);
  });

  const blockBytes = () => Number(run('dumpe2fs', '-h', `${now}?offset=${START}`).match(/Block size:\s+(\d+)/)![1]);

  test('is read whole, and says why, where the account cannot be trusted', async () => {
    const why = async (more: object = { trackChanges: true }) => {
      const { job } = await capture('tracked', more);
      return job.warnings.find(({ code }) => code === 'CHANGES_NOT_KNOWN')?.data.reason;
    };
    expect(await why()).toBeUndefined();
    // QEMU dies, and does not write its bitmaps
    const pid = readdirSync('/run/libvirt/qemu').includes(`${NAME}.pid`)
      ? run('cat', `/run/libvirt/qemu/${NAME}.pid`).trim()
      : '';
    process.kill(Number(pid), 'SIGKILL');
    while (!virsh('domstate', `--domain=${NAME}`).includes('shut')) run('sleep', '0.1');
    virsh('start', `--domain=${NAME}`);
    expect(await why()).toBe('bitmap-broken');
    expect(await why()).toBeUndefined();
    for (const name of checkpoints()) virsh('checkpoint-delete', `--domain=${NAME}`, `--checkpointname=${name}`);
    expect(await why()).toBe('checkpoint-gone');
    expect((await momentOf('tracked')).consistency).toBe('crash');
  });
});
