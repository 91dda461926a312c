/** New machines whose disks are volumes of an LVM pool of a real libvirt: LVM and libvirt say what there is, qemu-img and e2fsck what is on it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { CommandParams } from '../../../src-engine/contract/commands.ts';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { startVolumePool, type VolumePool } from '../../support/volume-group.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

type Vm = NonNullable<CommandParams<'deploy.planAll'>['vm']>;

const POOL = 'diskpress-vg';
const CLI = new URL('../../../out/main/cli.js', import.meta.url).pathname;

describe.skipIf(!canLoop)('a machine on volumes of a pool', () => {
  const bench = workbench();
  const catalog = bench.path('catalog');
  const disks = ['system', 'data'].map((name) => bench.path(`${name}.img`));
  const signs = bench.path('signs');
  const sign = (name: string) => bench.path('signs', name);
  let pool: VolumePool;
  let engine: TestEngine;

  beforeAll(async () => {
    run('chmod', 'a+x', bench.folder);
    pool = await startVolumePool(bench, POOL, 128 * MIB);
    mkdirSync(signs);
    mkdirSync(bench.path('bin'));
    // the daemon of this test, asked by virsh, which stops before or behind a command where a sign says so
    const script = `#!/bin/sh
shift 3
for name in "$@"; do
  while [ -e "${signs}/hold $name" ]; do touch ${signs}/stopped; sleep 0.1; done
  if [ -e "${signs}/before $name" ]; then touch ${signs}/stopped; exec sleep 1000; fi
  if [ -e "${signs}/behind $name" ]; then /usr/bin/virsh --quiet --connect '${pool.address}' "$@"; touch ${signs}/stopped; exec sleep 1000; fi
done
exec /usr/bin/virsh --quiet --connect '${pool.address}' "$@"
`;
    writeFileSync(bench.path('bin', 'virsh'), script);
    chmodSync(bench.path('bin', 'virsh'), 0o755);
    const path = process.env.PATH;
    process.env.PATH = `${bench.path('bin')}:${path}`;
    bench.atEnd(() => (process.env.PATH = path));
    run('truncate', '-s', '24M', disks[0]);
    run('sh', '-c', `printf 'label: gpt\nsize=8M\n' | sfdisk -q ${disks[0]}`);
    run('mke2fs', '-q', '-F', '-E', 'offset=1048576', disks[0], '8M');
    run('qemu-img', 'create', '-q', '-f', 'raw', disks[1], '10M');
    run('qemu-io', '-f', 'raw', '-c', 'write -P 7 1M 2M', disks[1]);
    engine = await openEngineThread(catalog);
    bench.atEnd(() => engine.close());
    const both = { others: [disks[1]] };
    resultOf(await engine.capture(disks[0], 'pair', both));
    resultOf(await engine.capture(disks[1], 'single'));
  });

  afterEach(() => {
    for (const name of readdirSync(signs)) rmSync(sign(name));
    // whatever a test that failed has left is nothing to the next one
    for (const name of machines()) pool.virsh('undefine', '--nvram', `--domain=${name}`);
    for (const volume of pool.volumes()) pool.virsh('vol-delete', `--pool=${POOL}`, `--vol=${volume}`);
  });

  const plan = (name: string, vm: Vm = {}, more = {}) =>
    engine.client.call('deploy.planAll', {
      template: 'single',
      targets: [`libvirt:${name}`],
      vm: { pool: POOL, ...vm },
      ...more,
    });
  const begin = async (plans: Awaited<ReturnType<typeof plan>>) =>
    (await engine.client.call('deploy.startAll', { starts: plans.map(({ planId }) => ({ planId })) })).jobId;
  const start = async (plans: Awaited<ReturnType<typeof plan>>) => engine.ended(await begin(plans));
  const codes = (plans: Awaited<ReturnType<typeof plan>>, level: string) =>
    plans.flatMap(({ checks }) => checks.filter((check) => check.level === level).map(({ code }) => code));
  const device = (volume: string) => join(pool.devices, volume);
  const compare = (disk: string, volume: string) =>
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', disk, device(volume));
  const machines = () => pool.virsh('list', '--all', '--name').split('\n').filter(Boolean);
  function remove(name: string, ...volumes: string[]): void {
    pool.virsh('undefine', '--nvram', `--domain=${name}`);
    for (const volume of volumes) pool.virsh('vol-delete', `--pool=${POOL}`, `--vol=${volume}`);
  }
  const expectNothing = () => expect([pool.volumes(), machines()]).toEqual([[], []]);

  test('has volumes as long as whole extents, with the template on them, and starts', async () => {
    const plans = await plan('on volumes', { start: true, memoryBytes: 128 * MIB }, { template: 'pair' });
    expect(plans.map(({ target }) => [target.path, target.lengthBytes])).toEqual([
      [device('on_volumes'), 24 * MIB],
      [device('on_volumes-2'), 12 * MIB],
    ]);
    expect(codes(plans, 'block')).toEqual([]);
    expect(plans[1].checks).toContainEqual(
      expect.objectContaining({
        code: 'VM_VOLUME_ROUNDED',
        data: expect.objectContaining({ wantedBytes: 10 * MIB, lengthBytes: 12 * MIB, extentBytes: 4 * MIB }),
      }),
    );
    expect(plans[0].checks.map(({ code }) => code)).not.toContain('VM_VOLUME_ROUNDED');
    expectNothing();
    const result = resultOf(await start(plans));
    expect(result.machine).toMatchObject({ name: 'on volumes', isStarted: true });
    pool.virsh('destroy', '--domain=on volumes');
    expect(pool.volumes()).toEqual(['on_volumes', 'on_volumes-2']);
    expect(pool.volumes().map((volume) => pool.lengthOf(volume))).toEqual([24 * MIB, 12 * MIB]);
    expect(pool.virsh('vol-list', `--pool=${POOL}`)).toContain(device('on_volumes-2'));
    const xml = pool.virsh('dumpxml', '--inactive', '--domain=on volumes');
    expect([...xml.matchAll(/<disk type='(\w+)'[^]*?<source dev='([^']+)'/g)].map(([, ...said]) => said)).toEqual([
      ['block', device('on_volumes')],
      ['block', device('on_volumes-2')],
    ]);
    compare(disks[0], 'on_volumes');
    compare(disks[1], 'on_volumes-2');
    expect(readdirSync(join(catalog, 'pledges'))).toEqual([]);
    // and is a source like any other
    resultOf(await engine.capture('libvirt:on volumes', 'again'));
    remove('on volumes', 'on_volumes', 'on_volumes-2');
    expectNothing();
  });

  test('is whole where other things lay in the extents before', async () => {
    pool.virsh('vol-create-as', POOL, 'before', '120M');
    run(
      'sh',
      '-c',
      `tr '\\0' '\\377' < /dev/zero | dd of=${device('before')} bs=1M count=120 iflag=fullblock conv=fsync status=none`,
    );
    pool.virsh('vol-delete', `--pool=${POOL}`, '--vol=before');
    const uefi: Vm = { firmware: 'uefi', networks: [] };
    resultOf(await start(await plan('whole', uefi, { template: 'pair', disk: 1 })));
    expect(readFileSync(device('whole')).includes(Buffer.alloc(4096, 255))).toBe(true);
    run('sfdisk', '--verify', device('whole'));
    const out = bench.path('file system.img');
    run('dd', `if=${device('whole')}`, `of=${out}`, 'bs=1M', 'skip=1', 'count=8', 'status=none');
    run('e2fsck', '-fn', out);
    expect(pool.virsh('dumpxml', '--domain=whole')).toMatch(/<nvram[^>]*>[^<]*whole\.[\da-f-]{36}_VARS\.fd</);
    remove('whole', 'whole');
    pool.virsh('vol-create-as', POOL, 'before', '120M');
    run('sh', '-c', `dd if=/dev/zero of=${device('before')} bs=1M count=120 conv=fsync status=none`);
    pool.virsh('vol-delete', `--pool=${POOL}`, '--vol=before');
  });

  test('is refused before anything is written, with what is in the way', async () => {
    expect(codes(await plan('large', {}, { lengthBytes: 200 * MIB }), 'block')).toEqual(['VM_POOL_SPACE_LOW']);
    expect(await refusal(plan('formatted', {}, { diskFormat: 'qcow2' }))).toMatchObject({
      code: 'BAD_REQUEST',
      data: { field: 'diskFormat' },
    });
    for (const overTemplate of ['instant', 'linked'] as const)
      expect(await refusal(plan('over', { overTemplate }))).toMatchObject({ data: { check: 'VM_POOL_NO_OVERLAY' } });
    pool.virsh('pool-destroy', `--pool=${POOL}`);
    expect(await refusal(plan('down'))).toMatchObject({ code: 'PLAN_BLOCKED', data: { check: 'VM_POOL_DOWN' } });
    pool.virsh('pool-start', `--pool=${POOL}`);
    expectNothing();
  });

  test('takes no name that is taken, and leaves alone what takes one meanwhile', async () => {
    pool.virsh('vol-create-as', POOL, 'taken', '4M');
    const plans = await plan('taken');
    expect(plans[0].target.path).toBe(device('taken.2'));
    pool.virsh('vol-create-as', POOL, 'taken.2', '12M');
    const taken = { code: 'PLAN_BLOCKED', data: { check: 'VM_VOLUME_TAKEN', volume: 'taken.2' } };
    expect(await refusal(begin(plans))).toMatchObject(taken);
    // or later, when it was looked at already
    const third = await plan('taken');
    const [{ target }] = third;
    writeFileSync(sign('hold vol-list'), '');
    const jobId = await begin(third);
    while (!existsSync(sign('stopped'))) await sleep(50);
    pool.virsh('vol-create-as', POOL, 'taken.3', '12M');
    expect(target.path).toBe(device('taken.3'));
    run('sh', '-c', `echo somebody | dd of=${device('taken.3')} conv=notrunc,fsync status=none`);
    rmSync(sign('hold vol-list'));
    expect(await engine.ended(jobId)).toMatchObject({
      outcome: 'failed',
      error: { code: 'PLAN_BLOCKED', data: { check: 'VM_VOLUME_TAKEN', volume: 'taken.3' } },
    });
    expect(pool.volumes()).toEqual(['taken', 'taken.2', 'taken.3']);
    expect(readFileSync(device('taken.3')).subarray(0, 8).toString()).toBe('somebody');
    for (const volume of pool.volumes()) pool.virsh('vol-delete', `--pool=${POOL}`, `--vol=${volume}`);
    expectNothing();
  });

  test('leaves nothing where its pool was filled meanwhile', async () => {
    const plans = await plan('full', {}, { template: 'pair' });
    pool.virsh('vol-create-as', POOL, 'other', '96M');
    // the first has room still
    expect(await start(plans)).toMatchObject({ outcome: 'failed' });
    expect([pool.volumes(), machines()]).toEqual([['other'], []]);
    pool.virsh('vol-delete', `--pool=${POOL}`, '--vol=other');
    expect(readdirSync(join(catalog, 'pledges'))).toEqual([]);
  });

  /** A deploy by a process of its own, which stands still at a command of virsh. */
  async function stopped(name: string, where: string): Promise<ChildProcess> {
    await engine.close();
    writeFileSync(sign(where), '');
    const child = spawn(process.execPath, [
      CLI,
      ...['--catalog', catalog, 'deploy', 'single', `libvirt:${name}`, '--pool', POOL],
    ]);
    while (!existsSync(sign('stopped')) && child.exitCode === null) await sleep(50);
    return child;
  }
  /** @returns once the next engine is there @param before it starts */
  async function killed(child: ChildProcess, before = () => {}): Promise<void> {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    for (const name of readdirSync(signs)) rmSync(sign(name));
    before();
    engine = await openEngineThread(catalog);
  }

  for (const where of ['before vol-create-as', 'behind vol-create-as', 'before define', 'behind define']) {
    test(`leaves nothing where it is killed ${where}`, async () => {
      const child = await stopped('killed', where);
      expect(pool.volumes()).toEqual(where === 'before vol-create-as' ? [] : ['killed']);
      await killed(child);
      expect(await engine.client.call('pledge.list', {})).toEqual([]);
      expectNothing();
    });
  }

  for (const where of ['before vol-create-as', 'before define']) {
    test(`leaves alone what has its volume’s name once it was killed ${where}`, async () => {
      const child = await stopped('other', where);
      await killed(child, () => {
        if (where === 'before define') pool.virsh('vol-delete', `--pool=${POOL}`, '--vol=other');
        pool.virsh('vol-create-as', POOL, 'other', '12M');
        run('sh', '-c', `echo somebody | dd of=${device('other')} conv=notrunc,fsync status=none`);
      });
      expect(await engine.client.call('pledge.list', {})).toEqual([]);
      expect(pool.volumes()).toEqual(['other']);
    });
  }

  test('leaves nothing where it is cancelled when its disk is whole', async () => {
    const plans = await plan('cancelled');
    writeFileSync(sign('before define'), '');
    const jobId = await begin(plans);
    while (!existsSync(sign('stopped'))) await sleep(50);
    expect(pool.volumes()).toEqual(['cancelled']);
    await engine.client.call('job.cancel', { jobId });
    expect(await engine.ended(jobId)).toMatchObject({ outcome: 'aborted' });
    expectNothing();
    expect(readdirSync(join(catalog, 'pledges'))).toEqual([]);
  });

  test('owes its volume while the pool is down, and removes it later', async () => {
    const child = await stopped('owed', 'before define');
    pool.virsh('pool-destroy', `--pool=${POOL}`);
    await killed(child);
    const [owed] = await engine.client.call('pledge.list', {});
    expect(owed).toMatchObject({ kind: 'unmake-machine', place: 'libvirt:owed', error: { code: 'TOOL_FAILED' } });
    expect(pool.volumes()).toEqual(['owed']);
    pool.virsh('pool-start', `--pool=${POOL}`);
    await engine.client.call('pledge.keep', { id: owed.id });
    expectNothing();
  });
});
