/** What a guest can start from, told from phony guests: kernels, first file systems, lists of modules, services of Windows. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { DriverBus, KernelDrivers } from '../../../src-engine/contract/drivers.contract.ts';
import { busesOf, canStartFrom, readGuestDrivers } from '../../../src-engine/guest/drivers/guest-drivers.ts';
import { DRIVER_BUSES } from '../../../src-engine/contract/drivers.contract.ts';
import { memoryTree, type MemoryFiles } from '../../support/memory-tree.ts';

const signal = new AbortController().signal;
const V = '6.1.0-9-amd64';
const MENU = `menuentry 'Linux' {\n linux /boot/vmlinuz-${V} root=/dev/sda1\n}\n`;

/** An archive of cpio, as gen_init_cpio of Linux writes it. */
function cpio(paths: readonly string[], sizes: Record<string, number> = {}): Buffer {
  const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
  const entry = (name: string, lengthBytes: number, mode: number) => {
    const fields = [1, mode, 0, 0, 1, 0, lengthBytes, 0, 0, 0, 0, name.length + 1, 0];
    const head = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${name}\0`;
    return padded(Buffer.from(head, 'latin1'));
  };
  const files = paths.flatMap((path) => {
    const lengthBytes = sizes[path] ?? 5;
    return [entry(path, lengthBytes, 0o100644), padded(Buffer.alloc(lengthBytes, 7))];
  });
  return Buffer.concat([...files, entry('TRAILER!!!', 0, 0)]);
}

const modules = (names: readonly string[], version = V, ending = '.ko') =>
  names.map((name) => `usr/lib/modules/${version}/kernel/drivers/${name}${ending}`);

async function driversOf(files: MemoryFiles): Promise<KernelDrivers[]> {
  const tree = memoryTree({ '/etc/os-release': 'ID=debian\n', '/boot/grub/grub.cfg': MENU, ...files });
  return readGuestDrivers([{ ref: '1', label: '', uuid: '', kind: 'ext4', tree, recognised: null }], signal);
}

const guest = (initramfs: Buffer, others: MemoryFiles = {}): MemoryFiles => ({
  [`/boot/vmlinuz-${V}`]: 'kernel',
  [`/boot/initrd.img-${V}`]: initramfs,
  [`/lib/modules/${V}/modules.builtin`]: 'kernel/drivers/scsi/scsi_mod.ko\nkernel/drivers/virtio/virtio_pci.ko\n',
  [`/lib/modules/${V}/modules.dep`]: [
    'kernel/drivers/nvme/host/nvme.ko.xz: kernel/drivers/nvme/host/nvme-core.ko.xz',
    'kernel/drivers/nvme/host/nvme-core.ko.xz:',
    'kernel/drivers/scsi/sd_mod.ko.xz:',
    'kernel/drivers/scsi/megaraid/megaraid_sas.ko.xz:',
  ].join('\n'),
  ...others,
});

const AHCI = ['ata/ahci', 'scsi/sd_mod'];

describe('first file systems', () => {
  const plain = cpio(modules(AHCI));
  const microcode = cpio(['kernel/x86/microcode/GenuineIntel.bin']);
  test.each<[string, Buffer]>([
    ['plain', plain],
    ['gzip', gzipSync(plain)],
    ['zstd', zstdCompressSync(plain)],
    ['microcode in front', Buffer.concat([microcode, gzipSync(plain)])],
    ['modules in front, as Ubuntu packs them', Buffer.concat([microcode, plain, zstdCompressSync(cpio(['init']))])],
    ['packed modules', gzipSync(cpio(modules(AHCI, V, '.ko.zst')))],
    ['modules beside programs, as mkinitrd put them', gzipSync(cpio(['lib/ahci.ko', 'lib/sd_mod.ko', 'init']))],
    ['dashes in names', gzipSync(cpio([...modules(['ata/ahci']), `lib/modules/${V}/sd-mod.ko`]))],
    ['zeros behind', Buffer.concat([plain, Buffer.alloc(1000)])],
  ])('%s: what is in it counts, with what it needs', async (_name, initramfs) => {
    const [kernel] = await driversOf(guest(initramfs));
    expect(kernel).toMatchObject({ version: V, isDefault: true, firstFile: `/boot/initrd.img-${V}` });
    expect(kernel.buses).toMatchObject({ sata: 'first', nvme: 'installed', megasas: 'installed', virtio: 'none' });
    expect(busesOf([kernel])).toEqual(['sata']);
  });

  test('a driver without what it needs is none: disks of SCSI, the way to devices of virtio', async () => {
    const [kernel] = await driversOf(
      guest(cpio(modules(['ata/ahci', 'block/virtio_blk', 'scsi/virtio_scsi'])), {
        [`/lib/modules/${V}/modules.dep`]: '',
      }),
    );
    expect(kernel.buses).toMatchObject({ virtio: 'first', sata: 'none', scsi: 'none' });
  });

  test('modules of another kernel cannot be loaded', async () => {
    const [kernel] = await driversOf(guest(cpio(modules(AHCI, '5.10.0-1-amd64'))));
    expect(kernel.buses.sata).toBe('none');
  });

  test.each<[string, Buffer]>([
    ['cut off', gzipSync(cpio(modules(AHCI), { [modules(AHCI)[1]]: 50_000 })).subarray(0, 100)],
    ['damaged', Buffer.concat([cpio(modules(['ata/ahci'])).subarray(0, 230), Buffer.alloc(64, 0xaa)])],
    ['no archive', Buffer.from('#!/bin/sh\n')],
    [
      'a file of four gigabytes',
      Buffer.concat([cpio(['x'], { x: 0 }).subarray(0, 54), Buffer.from('ffffffff'), Buffer.alloc(200, 0x30)]),
    ],
    ['packed inside once more', gzipSync(cpio(['squashfs-root.img', 'init']))],
  ])('%s: nothing is claimed', async (_name, initramfs) => {
    const [kernel] = await driversOf(guest(initramfs));
    expect(kernel.buses).toMatchObject({ sata: 'unknown', nvme: 'unknown' });
    expect(busesOf([kernel])).toEqual([]);
  });
});

test('what is built in needs no first file system; one without any says so', async () => {
  const [kernel] = await driversOf({
    [`/boot/vmlinuz-${V}`]: 'kernel',
    [`/lib/modules/${V}/modules.builtin`]: 'kernel/drivers/nvme/host/nvme.ko\nkernel/drivers/block/xen-blkfront.ko\n',
  });
  expect(kernel).toMatchObject({ firstFile: null, buses: { nvme: 'kernel', xen: 'kernel', sata: 'none' } });
});

test('a kernel before lists of what is built in tells it by its configuration: CentOS 5', async () => {
  const old = '2.6.18-398.el5';
  const [kernel] = await driversOf({
    '/boot/grub/grub.cfg': '',
    '/boot/grub/grub.conf': `default=0\ntitle CentOS\n\tkernel /vmlinuz-${old} ro root=LABEL=/\n`,
    [`/boot/vmlinuz-${old}`]: 'kernel',
    [`/boot/config-${old}`]:
      'CONFIG_BLK_DEV_PIIX=y\nCONFIG_BLK_DEV_IDEDISK=y\n# CONFIG_NVME is not set\nCONFIG_SCSI=m\n',
    [`/boot/initrd-${old}.img`]: gzipSync(cpio(['init', 'lib/sd_mod.ko', 'lib/ahci.ko', 'lib/mptspi.ko'])),
  });
  expect(kernel).toMatchObject({ version: old, isDefault: true });
  expect(kernel.buses).toMatchObject({ ide: 'kernel', sata: 'first', lsilogic: 'first', virtio: 'none', nvme: 'none' });
  expect(busesOf([kernel])).toEqual(['sata', 'ide']);
});

test('the kernel that starts by default is the first, and the others are told', async () => {
  const other = '6.9.0-1-amd64';
  const found = await driversOf({
    ...guest(cpio(modules(AHCI))),
    [`/boot/vmlinuz-${other}`]: 'kernel',
    [`/boot/initrd.img-${other}`]: cpio(modules(['nvme/nvme', 'nvme/nvme-core'], other)),
    [`/lib/modules/${other}/modules.builtin`]: '',
  });
  expect(found.map(({ version, isDefault }) => [version, isDefault])).toEqual([
    [V, true],
    [other, false],
  ]);
  expect(busesOf(found)).toEqual(['sata']);
  expect(canStartFrom(found[1], 'nvme')).toBe(true);
});

test("a kernel's own word counts where its file has a name without a version", async () => {
  const image = Buffer.alloc(0x4000);
  image.write('HdrS', 0x202, 'latin1');
  image.writeUInt16LE(0x3000, 0x20e);
  image.write('6.12.1-arch1-1 (linux@archlinux) #1 SMP', 0x3200, 'latin1');
  const [kernel] = await driversOf({
    '/boot/grub/grub.cfg': '',
    '/boot/vmlinuz-linux': image,
    '/boot/initramfs-linux.img': zstdCompressSync(cpio(modules(AHCI, '6.12.1-arch1-1', '.ko.zst'))),
    '/usr/lib/modules/6.12.1-arch1-1/modules.builtin': 'kernel/drivers/x.ko\n',
  });
  expect(kernel).toMatchObject({ version: '6.12.1-arch1-1', firstFile: '/boot/initramfs-linux.img' });
  expect(kernel.buses.sata).toBe('first');
});

test('without a system, or without a kernel, nothing is known', async () => {
  expect(await driversOf({})).toEqual([]);
  expect(await readGuestDrivers([], signal)).toEqual([]);
  expect(busesOf([])).toEqual([]);
});

test('each bus has its place in the tables', () => {
  const all = Object.fromEntries(DRIVER_BUSES.map((bus): [DriverBus, 'kernel'] => [bus, 'kernel']));
  const kernel = { version: V, file: '', isDefault: true, firstFile: null, buses: all } as KernelDrivers;
  expect(busesOf([kernel])).toEqual(['virtio', 'scsi', 'sata', 'nvme', 'ide']);
});
