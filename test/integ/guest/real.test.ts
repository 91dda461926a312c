/** Real systems from Debian's packages, told by our readers and by their own tools on a mount. */
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, expect, test, type TestContext } from 'vitest';
import { GuestSchema, type Guest } from '../../../src-engine/contract/guest.contract.ts';
import { loadEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import { openVolumes } from '../../../src-engine/inspection/disk-inspection.ts';
import { guestOf } from '../../../src-engine/inspection/guest-of.ts';
import { fileSource } from '../../support/file-source.ts';
import { GUEST_CACHE, realGuest } from '../../support/real-guests.ts';
import { canLoop, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const table = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));
const SUITE = 'trixie';
const GOLDEN = join(GUEST_CACHE, 'golden-4G.img');
/** Where the script that makes the golden disk puts its root. */
const GOLDEN_ROOT = 135_168 * 512;

async function inspect(path: string): Promise<Guest> {
  const source = await fileSource(path);
  try {
    return GuestSchema.parse(await guestOf(source, await openVolumes(source), table, new AbortController().signal));
  } finally {
    await source.close();
  }
}

/** What its own shell, package database and folders say. */
function judged(image: string, options: string) {
  const point = bench.mount(image, options);
  try {
    const shell = (script: string) => run('sh', '-c', `cd ${point} && ${script}`).trim();
    const dpkg = (format: string, name: string) =>
      run('dpkg-query', `--admindir=${point}/var/lib/dpkg`, '-W', '-f', format, name).trim();
    return {
      release: shell('. usr/lib/os-release && echo $ID-$VERSION_ID'),
      name: shell('. usr/lib/os-release && echo $PRETTY_NAME'),
      pointRelease: `debian-${shell('cat etc/debian_version')}`,
      architecture: dpkg('${Architecture}', 'dash') === 'amd64' ? 'x86_64' : 'other',
      kernels: readdirSync(join(point, 'boot'))
        .filter((name) => name.startsWith('vmlinuz-'))
        .map((name) => name.slice('vmlinuz-'.length))
        .sort(),
      sshHostKeys: readdirSync(join(point, 'etc/ssh'))
        .filter((name) => /^ssh_host.*key$/.test(name))
        .sort(),
      hostname: shell('cat etc/hostname'),
      machineId: shell('cat etc/machine-id 2>/dev/null || true').replace('uninitialized', '') || null,
      kernelLists: shell(`dpkg-query --admindir=${point}/var/lib/dpkg -S '/boot/vmlinuz-*'`)
        .split('\n')
        .map((line) => `/var/lib/dpkg/info/${line.split(':')[0]}.list`)
        .sort(),
      fstab: shell('findmnt --tab-file etc/fstab -rno SOURCE,TARGET,FSTYPE,OPTIONS || true'),
    };
  } finally {
    bench.unmount(point);
  }
}

const told = (guest: Guest) => ({
  release: guest.release.value,
  name: guest.name.value,
  pointRelease: guest.pointRelease.value,
  architecture: guest.architecture.value,
  kernels: guest.kernels.value?.map(({ version }) => version),
  sshHostKeys: guest.sshHostKeys.value,
  hostname: guest.hostname.value,
  machineId: guest.machineId.value,
  kernelLists: guest.kernels.value?.map(({ decidedBy }) => decidedBy).sort(),
  fstab: guest.fstab.value
    ?.map(({ device, mountPoint, type, options }) => [device, mountPoint, type, options].join(' '))
    .join('\n'),
});

let stable: Awaited<ReturnType<typeof realGuest>>;

beforeAll(async () => {
  stable = await realGuest(bench, SUITE);
  if ('missing' in stable) console.warn(`SKIPPED: a real Debian ${SUITE}: ${stable.missing}`);
}, 200_000);

test(`Debian ${SUITE}, from its packages`, async (context: TestContext) => {
  if ('missing' in stable) return context.skip(stable.missing);
  const guest = await inspect(stable.image);
  expect(guest.warnings).toEqual([]);
  expect(told(guest)).toEqual(judged(stable.image, 'ro,loop'));
  expect(guest.kernelOrigin.value).toBe('distribution');
  expect(guest.networkSystems.value).toContain('ifupdown');
  expect(guest.endOfLife.value?.date).toBe('2030-06-30');
});

test('Debian bookworm on a disk that starts up', async (context: TestContext) => {
  if (!existsSync(GOLDEN))
    console.warn(`SKIPPED: the golden disk; the boot tests build ${GOLDEN}, and it is not there`);
  if (!existsSync(GOLDEN) || !canLoop) return context.skip('no golden disk, or no loop devices');
  const guest = await inspect(GOLDEN);
  expect(guest.warnings).toEqual([]);
  expect(told(guest)).toEqual(judged(GOLDEN, `ro,noload,loop,offset=${GOLDEN_ROOT}`));
  expect(guest.bootKernel.value).toBe(guest.kernels.value?.[0].version);
  expect(guest.bootKernel.origin).toBe('/boot/grub/grub.cfg');
  expect(guest.kernelOrigin.value).toBe('distribution');
  expect(guest.bootModes.value).toEqual(['bios', 'uefi']);
  expect(guest.fstab.value?.map(({ reference, volume, mountPoint }) => [reference, volume, mountPoint])).toEqual([
    ['uuid', '3', '/'],
  ]);
});
