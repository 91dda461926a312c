/** Templates that are deployed as new machines of a real libvirt: what it says of them, and qemu-img of their disks. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CommandParams } from '../../../src-engine/contract/commands.ts';
import { sayingDisk } from '../../support/boot-sectors.ts';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../../support/engine.ts';
import { defineMachine, definePool, domainNames, removeAtEnd, startLibvirt, virsh } from '../../support/libvirt.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

type Vm = NonNullable<CommandParams<'deploy.planAll'>['vm']>;

const POOL = 'making-pool';
const NAMES = ['making-1', 'making-2', 'making-3', 'making-uefi', 'making-taken', 'making-full'];

describe.skipIf(!canLoop)('a template becomes machines', () => {
  const bench = workbench();
  let engine: TestEngine;
  let pool = '';
  const disks = ['system', 'data'].map((name) => bench.path(`${name}.img`));

  beforeAll(async () => {
    startLibvirt();
    run('chmod', 'a+x', bench.folder);
    removeAtEnd(bench, ...NAMES);
    pool = definePool(bench, POOL);
    run('truncate', '-s', '24M', disks[0]);
    run('sh', '-c', `printf 'label: gpt\\nsize=8M\\n' | sfdisk -q ${disks[0]}`);
    run('mke2fs', '-q', '-F', '-E', 'offset=1048576', disks[0], '8M');
    run('qemu-img', 'create', '-q', '-f', 'raw', disks[1], '12M');
    run('qemu-io', '-f', 'raw', '-c', 'write -P 7 1M 2M', disks[1]);
    const devices = disks.map(
      (path, i) =>
        `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${path}'/><target dev='${['vda', 'sda'][i]}' bus='${['virtio', 'scsi'][i]}'/></disk>`,
    );
    const card = "<interface type='user'><mac address='52:54:00:00:00:07'/></interface>";
    defineMachine(bench, 'making-source', `${devices.join('')}${card}${card.replace(':07', ':08')}`);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    resultOf(await engine.capture('libvirt:making-source', 'pair'));
    resultOf(await engine.capture(disks[1], 'single'));
  });

  const plan = (targets: string[], vm: Vm = {}, more = {}) =>
    engine.client.call('deploy.planAll', { template: 'pair', targets, vm: { pool: POOL, ...vm }, ...more });
  const start = async (plans: Awaited<ReturnType<typeof plan>>) =>
    engine.ended(
      (await engine.client.call('deploy.startAll', { starts: plans.map(({ planId }) => ({ planId })) })).jobId,
    );
  const blocks = (plans: Awaited<ReturnType<typeof plan>>) =>
    plans.flatMap(({ checks }) => checks.filter(({ level }) => level === 'block'));
  const definition = (name: string) => virsh('dumpxml', '--inactive', `--domain=${name}`);
  const valuesIn = (xml: string, pattern: RegExp) => [...xml.matchAll(pattern)].map(([, value]) => value);

  test('of all its disks in their order, on the buses and with the cards that were recorded', async () => {
    const plans = await plan(['libvirt:making-1']);
    expect(plans.map(({ disk, target }) => [disk, target.path])).toEqual([
      [1, join(pool, 'making-1.qcow2')],
      [2, join(pool, 'making-1-2.qcow2')],
    ]);
    expect(plans[0].vm?.notes).toMatchObject([
      { field: 'processors', from: 'recorded', value: '2' },
      { field: 'memory', from: 'recorded', value: String(128 * MIB) },
      { field: 'firmware', from: 'recorded', value: 'bios' },
      { field: 'machine-type', from: 'recorded', value: 'pc' },
      { field: 'bus', from: 'recorded', value: 'virtio, scsi' },
      { field: 'network', from: 'recorded', value: 'user' },
      { field: 'network', from: 'recorded', value: 'user' },
    ]);
    const job = await start(plans);
    const result = resultOf(job);
    expect(job.path).toBe('libvirt:making-1');
    expect(result.machine).toMatchObject({ place: 'libvirt:making-1', isStarted: false });
    const xml = definition('making-1');
    expect(valuesIn(xml, /<source file='([^']+)'/g)).toEqual(plans.map(({ target }) => target.path));
    expect(valuesIn(xml, /<target dev='([^']+)'/g)).toEqual(['vda', 'sda']);
    expect(valuesIn(xml, /<boot order='([^']+)'/g)).toEqual(['1', '2']);
    const macs = valuesIn(xml, /<mac address='([^']+)'/g);
    expect(new Set([...macs, '52:54:00:00:00:07', '52:54:00:00:00:08']).size).toBe(4);
    expect(valuesIn(xml, /<uuid>([^<]+)</g)).toEqual([result.machine?.id]);
    expect(xml).toMatch(/<genid>[\da-f-]{36}</);
    for (const [i, { target }] of plans.entries()) {
      run('qemu-img', 'check', '-q', '-f', 'qcow2', target.path);
      run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', disks[i], target.path);
      expect(statSync(target.path).mode & 0o777).toBe(0o600);
    }
    expect(readdirSync(pool).sort()).toEqual(['making-1-2.qcow2', 'making-1.qcow2']);
    // libvirt's own list has nothing of what lay beside them while they were made
    const listed = virsh('vol-list', `--pool=${POOL}`).trim().split('\n');
    expect(listed.map((line) => line.trim().split(/\s+/)[0]).sort()).toEqual(readdirSync(pool).sort());
    const [made] = await engine.client
      .call('log.list', { limit: 8 })
      .then((log) => log.filter(({ action }) => action === 'machine.made'));
    expect(made).toMatchObject({ subject: 'libvirt:making-1' });
  });

  test('of each format that hypervisors like, by one read for several of them', async () => {
    for (const [format, ending] of [
      ['raw', 'img'],
      ['vdi', 'vdi'],
      ['vmdk', 'vmdk'],
    ] as const) {
      const plans = await plan(['libvirt:making-{n}'], {}, { count: 2, diskFormat: format, template: 'single' }).catch(
        () => null,
      );
      // the first is there from before: its name is taken
      expect(plans!.map((one) => blocks([one]).map(({ code }) => code))).toEqual([['VM_NAME_TAKEN'], []]);
      const [, second] = plans!;
      resultOf(await start([second]));
      expect(second.target.path).toBe(join(pool, `making-2.${ending}`));
      run('qemu-img', 'compare', '-f', 'raw', '-F', format, disks[1], second.target.path);
      expect(definition('making-2')).toContain(`type='${format}'`);
      virsh('undefine', '--domain=making-2');
    }
    // what is left of a machine that is gone is nobody's to overwrite
    const [again] = await plan(['libvirt:making-2'], {}, { diskFormat: 'vmdk', template: 'single' });
    expect(again.target.path).toBe(join(pool, 'making-2.2.vmdk'));
    run('sh', '-c', `rm ${pool}/making-2*`);
  });

  test('with UEFI, secure boot and variables of its own; started where that is wanted', async () => {
    const vm: Vm = { firmware: 'uefi', isSecureBoot: true, memoryBytes: 256 * MIB, networks: [], start: true };
    const plans = await plan(['libvirt:making-uefi'], vm);
    expect(blocks(plans)).toEqual([]);
    expect(plans[0].vm).toMatchObject({ machineType: 'q35', isSecureBoot: true });
    const result = resultOf(await start(plans));
    expect(result.machine?.isStarted).toBe(true);
    const xml = virsh('dumpxml', '--domain=making-uefi');
    expect(xml).toContain("secure='yes'");
    expect(xml).not.toContain('<interface');
    expect(valuesIn(xml, /<nvram[^>]*>([^<]+)</g)).toEqual([join(pool, 'making-uefi_VARS.fd')]);
    virsh('destroy', '--domain=making-uefi');
    virsh('undefine', '--nvram', '--domain=making-uefi');
    expect(readdirSync(pool)).not.toContain('making-uefi_VARS.fd');
    run('sh', '-c', `rm ${pool}/making-uefi*`);
  });

  test('and what cannot be is refused by the plan, or before it, with what is in the way', async () => {
    const codes = async (targets: string[], vm = {}, more = {}) =>
      [...new Set(blocks(await plan(targets, vm, more)).map(({ code }) => code))].sort();
    expect(await codes(['libvirt:making-1'])).toEqual(['VM_NAME_TAKEN']);
    const mac: Vm['networks'] = [{ kind: 'user', mac: '52:54:00:00:00:07' }];
    expect(await codes(['libvirt:making-2'], { networks: mac })).toEqual(['VM_MAC_TAKEN']);
    const cards = [
      { kind: 'network', name: 'nowhere' },
      { kind: 'bridge', name: '../lo' },
    ];
    expect(await codes(['libvirt:making-2'], { networks: cards })).toEqual(['VM_NETWORK_MISSING']);
    expect(await codes(['libvirt:making-2'], { isSecureBoot: true, firmware: 'bios' })).toEqual([
      'VM_SECURE_BOOT_NEEDS',
    ]);
    const missing = (pool: string) => refusal(plan(['libvirt:making-2'], { pool }));
    expect(await missing('nowhere')).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'VM_POOL_MISSING', pool: 'nowhere' },
    });
    for (const name of ['-x', 'a/b', "a'b", 'a"b', '../x', 'a;b', '$a', '<a', 'a,b', 'a ', 'a😀', 'a'.repeat(65)]) {
      expect(await refusal(plan([`libvirt:${name}`]))).toMatchObject({
        code: 'BAD_REQUEST',
        data: { reason: 'vm-name', value: name },
      });
    }
    for (const name of ['', 'a\nb'])
      expect(await refusal(plan([`libvirt:${name}`]))).toMatchObject({
        code: 'VM_PLACE_INVALID',
        data: { reason: 'name' },
      });
    expect(await refusal(plan(['libvirt:making-2', 'libvirt:making-2']))).toMatchObject({ code: 'TARGET_TWICE' });
    expect(await refusal(plan(['libvirt:making-2'], {}, { count: 2 }))).toMatchObject({
      code: 'BAD_REQUEST',
      data: { field: 'count' },
    });
    const two = ['libvirt:making-2', 'libvirt:making-3'];
    expect(await refusal(plan(two, { networks: mac }))).toMatchObject({ code: 'BAD_REQUEST' });
    expect(await refusal(plan([bench.path('x.img')], { start: true }))).toMatchObject({ code: 'BAD_REQUEST' });
    // one plan is of one disk: pages plan so
    const single = { target: 'libvirt:making-2', vm: { pool: POOL } };
    expect(await engine.client.call('deploy.plan', { template: 'single', ...single })).toMatchObject({
      canRun: true,
      vm: { name: 'making-2', disks: [{ format: 'qcow2' }] },
    });
    expect(await refusal(engine.client.call('deploy.plan', { template: 'pair', ...single }))).toMatchObject({
      code: 'DISK_CHOICE_REQUIRED',
    });
    virsh('pool-destroy', `--pool=${POOL}`);
    expect(await codes(['libvirt:making-2'])).toEqual(['VM_POOL_DOWN']);
    virsh('pool-start', `--pool=${POOL}`);
    expect(readdirSync(pool).sort()).toEqual(['making-1-2.qcow2', 'making-1.qcow2']);
  });

  test('one whose name is taken meanwhile leaves nothing, and the others are made', async () => {
    const plans = await plan(['libvirt:making-taken', 'libvirt:making-3']);
    defineMachine(bench, 'making-taken', '');
    const before = definition('making-taken');
    const job = await start(plans);
    expect(job).toMatchObject({ outcome: 'failed', error: { code: 'PARTS_FAILED' } });
    expect(job.parts.map(({ outcome }) => outcome).sort()).toEqual(['aborted', 'done', 'done', 'failed']);
    expect(job.parts.find(({ outcome }) => outcome === 'failed')?.error).toMatchObject({
      code: 'PLAN_BLOCKED',
      data: { check: 'VM_NAME_TAKEN' },
    });
    expect(definition('making-taken')).toBe(before);
    expect(domainNames()).toContain('making-3');
    expect(readdirSync(pool).filter((name) => /taken|partial/.test(name))).toEqual([]);
  });

  test('proven by starting what it is made of; one that does not come up is there all the same, and told', async () => {
    resultOf(await engine.capture(sayingDisk(bench.path('saying.img'), 'it is up'), 'saying', { outside: 'take' }));
    const proof = { timeoutSeconds: 60, isAccelerated: false };
    const made = async (until: string, timeoutSeconds: number) => {
      const more = { template: 'saying', bootProof: { ...proof, until, timeoutSeconds } };
      return start(await plan(['libvirt:making-2'], {}, more));
    };
    const { boot, machine } = resultOf(await made('it is up', 120));
    expect([boot?.sign, boot?.bus, machine?.name]).toEqual(['text', 'sata', 'making-2']);
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', bench.path('saying.img'), join(pool, 'making-2.qcow2'));
    virsh('undefine', '--domain=making-2');
    const job = await made('never', 2);
    expect(resultOf(job).notProven).toMatchObject({ code: 'BOOT_NO_SIGN' });
    expect(job.warnings).toContainEqual({ code: 'DEPLOY_NOT_PROVEN', data: { path: 'libvirt:making-2' } });
    expect(domainNames()).toContain('making-2');
  });

  test('a pool that fills up in the middle is left as it was', async () => {
    const folder = bench.path('small');
    run('mkdir', folder);
    // room for what is used of the disk, and none for the tables of its format
    run('mount', '-t', 'tmpfs', '-o', 'size=4136k', 'tmpfs', folder);
    bench.atEnd(() => run('umount', folder));
    definePool(bench, 'making-small', folder);
    const full = bench.path('full.img');
    run('sh', '-c', `head -c 4M /dev/urandom > ${full}`);
    resultOf(await engine.capture(full, 'full', { format: 'raw' }));
    const more = { template: 'full' };
    const plans = await plan(['libvirt:making-full'], { pool: 'making-small' }, more);
    expect(blocks(plans)).toEqual([]);
    expect(await start(plans)).toMatchObject({ outcome: 'failed', error: { code: 'DISK_FULL' } });
    expect(readdirSync(folder)).toEqual([]);
    expect(domainNames()).not.toContain('making-full');
    const pair = await plan(['libvirt:making-full'], { pool: 'making-small' });
    expect(blocks(pair).map(({ code }) => code)).toContain('VM_POOL_SPACE_LOW');
  });

  test('a file becomes an image of the format that is asked for, too', async () => {
    const target = bench.path('plain.qcow2');
    const { planId, checks } = await engine.client.call('deploy.plan', {
      template: 'single',
      target,
      diskFormat: 'qcow2',
    });
    expect(checks.map(({ code }) => code)).not.toContain('TARGET_NAMED_AS_IMAGE');
    resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', disks[1], target);
    const vmdk = { template: 'single', target, diskFormat: 'vmdk' } as const;
    expect((await engine.client.call('deploy.plan', vmdk)).checks).toContainEqual(
      expect.objectContaining({ code: 'TARGET_TAKES_NO_FORMAT', level: 'block' }),
    );
  });
});
