/** Plans tell whether a guest can start from where the target will be: phony guests, planned by the engine. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gzipSync } from 'node:zlib';
import { writeFileSync } from 'node:fs';
import type { CommandParams } from '../../src-engine/contract/commands.ts';
import { ext4Image } from '../support/guests.ts';
import { openEngine, type TestEngine } from '../support/engine.ts';
import { run, workbench } from '../support/workbench.ts';

const bench = workbench();
const V = '2.6.32-754.el6.x86_64';
let engine: TestEngine;

function initramfs(modules: readonly string[]): Buffer {
  const folder = bench.path(`initramfs-${modules.length}`);
  run('mkdir', '-p', `${folder}/usr/lib/modules/${V}`);
  for (const name of modules) writeFileSync(`${folder}/usr/lib/modules/${V}/${name}.ko`, 'module');
  run('sh', '-c', 'cd "$0" && find . -mindepth 1 | cpio -o -H newc --quiet > "$0.cpio"', folder);
  return gzipSync(execCat(`${folder}.cpio`));
}
const execCat = (path: string) => Buffer.from(run('base64', '-w0', path), 'base64');

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
  const disk = bench.path('disk.img');
  writeFileSync(
    disk,
    ext4Image(bench.path('.'), {
      '/etc/redhat-release': 'CentOS release 6.10 (Final)\n',
      '/boot/grub/grub.conf': `default=0\ntitle CentOS\n kernel /boot/vmlinuz-${V} ro root=/dev/sda1\n`,
      [`/boot/vmlinuz-${V}`]: 'kernel',
      [`/boot/initramfs-${V}.img`]: initramfs(['ahci', 'sd_mod', 'mptspi']),
      [`/lib/modules/${V}/modules.builtin`]: 'kernel/drivers/virtio/virtio_pci.ko\n',
      [`/lib/modules/${V}/modules.dep`]: 'kernel/drivers/block/virtio_blk.ko:\n',
      '/sbin/dracut': '#!/bin/sh\n',
    }),
  );
  for (const [name, kind] of [
    ['lab', 'lab'],
    ['flex', 'flex'],
  ] as const) {
    await engine.capture(disk, name, { kind } as Partial<CommandParams<'capture.plan'>>);
  }
});
afterAll(() => engine.close());

async function plan(template: string, more: Partial<CommandParams<'deploy.plan'>> = {}) {
  const params = {
    template,
    target: bench.path('target.img'),
    identity: 'keep',
    ...more,
  } as CommandParams<'deploy.plan'>;
  return engine.client.call('deploy.plan', params);
}
const about = ({ checks }: { checks: { code: string; level: string }[] }) =>
  checks.filter(({ code }) => /DRIVER|GUEST_LACKS/.test(code)).map(({ code, level }) => `${level} ${code}`);

test.each([
  [undefined, ['pass GUEST_HAS_DRIVER']],
  ['sata', ['pass GUEST_HAS_DRIVER']],
  ['lsilogic', ['pass GUEST_HAS_DRIVER']],
  ['virtio', ['warn GUEST_LACKS_DRIVER']],
  ['nvme', ['warn GUEST_LACKS_DRIVER']],
] as const)('a disk on %s', async (bus, told) => {
  const made = await plan('lab', { bus });
  expect(about(made)).toEqual(told);
  expect(made.driverMaking).toBeNull();
  expect(made.drivers[0]).toMatchObject({ version: V, buses: { sata: 'first', virtio: 'installed', nvme: 'none' } });
});

test('what a boot proof is to be started on counts, where nobody says more', async () => {
  const bootProof = { bus: 'virtio' } as CommandParams<'deploy.plan'>['bootProof'];
  expect(about(await plan('lab', { bootProof }))).toEqual(['warn GUEST_LACKS_DRIVER']);
});

test('what is installed and comes too late is made where that is asked for; what no kernel has is told', async () => {
  const made = await plan('flex', { bus: 'virtio', drivers: 'all' });
  expect(about(made)).toEqual(['warn DRIVERS_MADE']);
  expect(made.driverMaking).toMatchObject({ way: 'dracut', startBus: 'sata', buses: ['virtio'] });
  expect(about(await plan('flex', { bus: 'nvme' }))).toEqual(['warn GUEST_LACKS_DRIVER']);
  expect(about(await plan('flex', { bus: 'virtio', drivers: 'keep' }))).toEqual(['warn GUEST_LACKS_DRIVER']);
  expect(about(await plan('flex'))).toEqual(['pass GUEST_HAS_DRIVER']);
});

test('what is asked for and cannot be is refused', async () => {
  const refused = await plan('lab', { bus: 'virtio', drivers: 'all', exact: true });
  expect(about(refused)).toEqual(['warn GUEST_LACKS_DRIVER', 'block DRIVERS_CANNOT_BE_MADE']);
  expect(refused.canRun).toBe(false);
});
