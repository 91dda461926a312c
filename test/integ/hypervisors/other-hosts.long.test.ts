/** Machines of libvirt on another host, over a real ssh: a network namespace stands for the host. */
import { rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngineThread, refusal, type TestEngine } from '../../support/engine.ts';
import { startLabHost, type LabHost } from '../../support/lab-host.ts';
import { canLoop, workbench } from '../../support/workbench.ts';

describe.skipIf(!canLoop)('another host', () => {
  const bench = workbench();
  let host: LabHost;
  let engine: TestEngine;

  beforeAll(async () => {
    host = await startLabHost(bench);
    engine = await openEngineThread(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    for (const name of ['web', '22:colon', 'it&apos;s']) host.defineMachine(name, '');
  });

  const list = async () => (await engine.client.call('vm.list', { host: host.address }))[0];
  const errorOf = async () => (await list()).error;

  test('has its machines listed, each with a place by which it is found', async () => {
    const { machines, error, address } = await list();
    expect(error).toBeNull();
    expect(address).toBe(`qemu+ssh://${host.address}/system?no_tty=1`);
    expect(machines.map(({ name }) => name)).toEqual(['22:colon', "it's", 'web']);
    expect(machines[2].place).toBe(`libvirt+ssh://${host.address}:web`);
    for (const { place, id } of machines)
      expect(await engine.client.call('vm.show', { place })).toMatchObject({
        place,
        id,
        state: 'off',
        hypervisor: 'libvirt',
      });
    expect(
      await refusal(engine.client.call('vm.show', { place: `libvirt+ssh://${host.address}:nobody` })),
    ).toMatchObject({
      code: 'VM_NOT_FOUND',
    });
  });

  test('is listed with this machine as long as it is among the hosts that are known', async () => {
    const hosts = async () => (await engine.client.call('vm.list', {})).flatMap((view) => view.host ?? []);
    expect(await hosts()).toEqual([]);
    expect(await engine.client.call('host.save', { host: host.address })).toEqual([host.address]);
    expect(await engine.client.call('host.save', { host: host.address })).toEqual([host.address]);
    expect(await hosts()).toEqual([host.address]);
    expect(await engine.client.call('host.delete', { host: host.address })).toEqual([]);
    expect(await hosts()).toEqual([]);
    expect(await refusal(engine.client.call('host.delete', { host: 'x' }))).toMatchObject({ code: 'NOT_FOUND' });
    for (const bad of ['-oProxyCommand=touch /tmp/x', 'a b', 'lab/system', ''])
      expect((await refusal(engine.client.call('host.save', { host: bad })))?.code).toMatch(
        /^(HOST_ADDRESS_INVALID|BAD_REQUEST)$/,
      );
  });

  test('hides no machine of this one where the list of hosts is damaged', async () => {
    writeFileSync(bench.path('catalog/hosts.json'), '["-oProxyCommand=x"]');
    const views = await engine.client.call('vm.list', {});
    expect(views.map(({ error }) => error?.code)).toContain('FORMAT_INVALID');
    expect(views.map(({ kind }) => kind)).toEqual(['libvirt', 'vbox', 'vmx', 'qemu', 'libvirt']);
    expect(await refusal(engine.client.call('host.list', {}))).toMatchObject({ code: 'FORMAT_INVALID' });
    rmSync(bench.path('catalog/hosts.json'));
  });

  test('that is not known here is not asked', async () => {
    host.know('nothing');
    expect(await errorOf()).toMatchObject({ code: 'HOST_KEY_UNKNOWN', data: { host: host.address } });
    host.know('its key');
  });

  test('that shows another key than before is not asked', async () => {
    host.know('another key');
    expect(await errorOf()).toMatchObject({ code: 'HOST_KEY_CHANGED', data: { host: host.address } });
    host.know('its key');
  });

  test('that lets nobody in says so, and nobody is asked for a password', async () => {
    host.letIn(false);
    expect(await errorOf()).toMatchObject({ code: 'HOST_LOGIN_REFUSED', data: { host: host.address } });
    host.letIn(true);
  });

  test('on which nobody answers cannot be reached, and neither can one without a name', async () => {
    host.stopSsh();
    expect(await errorOf()).toMatchObject({ code: 'HOST_UNREACHABLE', data: { host: host.address } });
    await host.startSsh();
    expect((await engine.client.call('vm.list', { host: 'nowhere.invalid' }))[0].error).toMatchObject({
      code: 'HOST_UNREACHABLE',
      data: { host: 'nowhere.invalid' },
    });
    expect(await errorOf()).toBeNull();
  });

  test('without libvirt gives no answer', async () => {
    const real = host.run('cat', '/run/libvirtd.pid').trim();
    expect(Number(real)).toBeGreaterThan(1);
    host.run('sh', '-c', 'mv /run/libvirt/libvirt-sock /run/libvirt/away');
    expect(await errorOf()).toMatchObject({ code: 'HYPERVISOR_UNREACHABLE', data: { hypervisor: 'libvirt' } });
    host.run('sh', '-c', 'mv /run/libvirt/away /run/libvirt/libvirt-sock');
    expect(await errorOf()).toBeNull();
  });
});
