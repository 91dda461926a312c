import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DeviceViewSchema, type DeviceView, type Refusal } from '../../../src-engine/contract/disk.contract.ts';
import { linuxMachine } from '../../../src-engine/machines/linux/linux-machine.ts';
import { FakeKernel } from './fake-kernel.ts';

let kernel: FakeKernel;
beforeEach(() => (kernel = new FakeKernel()));
afterEach(() => kernel.remove());

async function devices(catalogPath = '/nowhere/catalog'): Promise<Record<string, DeviceView>> {
  const list = await linuxMachine(kernel.roots).listDevices(catalogPath);
  for (const device of list) DeviceViewSchema.parse(device);
  return Object.fromEntries(list.map((device) => [path.relative(kernel.roots.dev, device.path), device]));
}
const codes = (refusals: Refusal[]) => refusals.map((refusal) => refusal.code);
const detailsOf = (refusals: Refusal[], code: Refusal['code']) => refusals.find((r) => r.code === code)?.details;

describe('which devices are disks', () => {
  test('whole disks in natural order; no partitions, RAID, LVM, memory, firmware areas or empty drives', async () => {
    for (const [i, name] of [
      'sda',
      'sdb',
      'nvme0n1',
      'nvme0n10',
      'nvme0n2',
      'mmcblk0',
      'vda',
      'cciss!c0d0',
    ].entries()) {
      kernel.disk(name, { number: `8:${16 * i}` });
    }
    for (const [i, name] of ['ram0', 'zram0', 'fd0', 'mmcblk0boot0', 'mmcblk0rpmb', 'mtdblock0'].entries()) {
      kernel.disk(name, { number: `1:${i}` });
    }
    kernel.disk('nvme0c0n1', { number: '259:9', attributes: { hidden: '1\n' } });
    kernel.disk('sr0', { number: '11:0', sectors: 0 });
    kernel.disk('sr1', { number: '11:1', sectors: 5000 });
    kernel.disk('nbd0', { number: '43:0', sectors: 0 });
    kernel.partition('sda', 'sda1', '8:1');
    kernel.stacked('dm-0', '253:0', ['sda1'], 'vg-lv');
    kernel.stacked('md0', '9:0', ['sdb']);
    kernel.loop('loop0', '7:0', '/images/disk.img');
    kernel.loop('loop1', '7:1', null);
    expect(Object.keys(await devices())).toEqual([
      'cciss/c0d0',
      'loop0',
      'mmcblk0',
      'nvme0n1',
      'nvme0n2',
      'nvme0n10',
      'sda',
      'sdb',
      'sr1',
      'vda',
    ]);
  });

  test('a card reader without a card is there, and says so', async () => {
    kernel.disk('sda', { number: '8:0', sectors: 0, attributes: { removable: '1\n' } });
    const { sda } = await devices();
    expect(sda).toMatchObject({ isRemovable: true, lengthBytes: 0 });
    expect(codes(sda.captureRefusals)).toEqual(['NO_MEDIUM']);
    expect(codes(sda.deployRefusals)).toEqual(['NO_MEDIUM']);
  });

  test('a machine without sysfs has none', async () => {
    expect(await devices()).toEqual({});
  });
});

describe('what a disk tells about itself', () => {
  test('SATA: serial number from the vital product data, no "ATA" as its maker', async () => {
    kernel.disk('sda', {
      number: '8:0',
      sectors: 3_907_029_168,
      bus: 'pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0',
      attributes: {
        'device/vendor': 'ATA     \n',
        'device/model': 'WDC WD20EZBX-00A\n',
        'device/vpd_pg80': Buffer.from('\0\x80\0\x14     WD-WX12D345678!', 'latin1'),
        'queue/rotational': '1\n',
      },
    });
    expect((await devices()).sda).toMatchObject({
      kind: 'device',
      bus: 'sata',
      model: 'WDC WD20EZBX-00A',
      serial: 'WD-WX12D345678!',
      lengthBytes: 2_000_398_934_016,
      sectorBytes: 512,
      physicalSectorBytes: 4096,
      isRotational: true,
      isRemovable: false,
      isReadOnly: false,
      captureRefusals: [],
      deployRefusals: [],
    });
  });

  test('NVMe, 4096-byte sectors', async () => {
    kernel.disk('nvme0n1', {
      number: '259:0',
      attributes: {
        'device/model': 'Samsung SSD 990 PRO 1TB                 \n',
        'device/serial': 'S6Z1NJ0W   \n',
        'queue/logical_block_size': '4096\n',
      },
    });
    expect((await devices()).nvme0n1).toMatchObject({
      bus: 'nvme',
      model: 'Samsung SSD 990 PRO 1TB',
      serial: 'S6Z1NJ0W',
      sectorBytes: 4096,
    });
  });

  test('USB: serial number of the nearest USB device; counts as removable', async () => {
    const port = 'pci0000:00/0000:00:14.0/usb2/2-1';
    kernel.disk('sdb', {
      number: '8:16',
      bus: `${port}/2-1.4/2-1.4:1.0/host6/target6:0:0/6:0:0:0`,
      attributes: { 'device/vendor': 'SanDisk \n', 'device/model': 'Ultra Fit       \n' },
    });
    for (const [folder, serial] of [
      [port, 'the hub'],
      [`${port}/2-1.4`, '4C530001'],
    ]) {
      kernel.write(path.join(kernel.roots.sys, 'devices', folder, 'idVendor'), '0781\n');
      kernel.write(path.join(kernel.roots.sys, 'devices', folder, 'serial'), `${serial}\n`);
    }
    expect((await devices()).sdb).toMatchObject({
      bus: 'usb',
      model: 'SanDisk Ultra Fit',
      serial: '4C530001',
      isRemovable: true,
    });
  });

  test('virtio: serial number of the disk, a PCI number is no maker', async () => {
    const bus = 'pci0000:00/0000:00:02.0/virtio1';
    kernel.disk('vda', { number: '254:0', bus, attributes: { serial: 'golden', 'device/vendor': '0x1af4\n' } });
    expect((await devices()).vda).toMatchObject({ bus: 'virtio', model: '', serial: 'golden' });
  });

  test("udev's serial number where the kernel has none", async () => {
    kernel.disk('sdc', { number: '8:32' });
    kernel.write(path.join(kernel.roots.udev, 'b8:32'), 'S:disk/by-id/x\nE:ID_SERIAL=Maker_Q7\nE:ID_SERIAL_SHORT=Q7\n');
    expect((await devices()).sdc.serial).toBe('Q7');
  });

  test('a loop device is named after its file', async () => {
    kernel.loop('loop3', '7:3', '/images/my disk.img');
    expect((await devices()).loop3).toMatchObject({ bus: 'loop', model: 'my disk.img', serial: '' });
  });
});

describe('who uses a disk', () => {
  test('a partition mounted read-write, with white space in the path', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.disk('sdb', { number: '8:16' });
    kernel.partition('sda', 'sda1', '8:1');
    kernel.mount({ number: '8:1', at: '/media/My Stick\\1' });
    const { sda, sdb } = await devices();
    expect(sda.mounts).toEqual([{ device: kernel.dev('sda1'), path: '/media/My Stick\\1', isReadOnly: false }]);
    expect(sda.captureRefusals).toEqual([{ code: 'MOUNTED_READ_WRITE', details: ['/media/My Stick\\1'] }]);
    expect(sda.deployRefusals).toEqual([{ code: 'MOUNTED', details: ['/media/My Stick\\1'] }]);
    expect(sdb).toMatchObject({ mounts: [], captureRefusals: [], deployRefusals: [] });
  });

  test('mounted read-only: may be captured, not deployed to', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.mount({ number: '8:0', at: '/mnt', options: 'ro', superOptions: 'ro,errors=continue' });
    const { sda } = await devices();
    expect(sda.captureRefusals).toEqual([]);
    expect(codes(sda.deployRefusals)).toEqual(['MOUNTED']);
  });

  test('a read-only mount point of a file system that is written to counts as read-write', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.mount({ number: '8:0', at: '/mnt', options: 'ro,relatime', superOptions: 'rw' });
    expect(codes((await devices()).sda.captureRefusals)).toEqual(['MOUNTED_READ_WRITE']);
  });

  test('the system on LVM in an encrypted volume on a partition; /boot on another one; swap in LVM', async () => {
    kernel.disk('nvme0n1', { number: '259:0' });
    kernel.disk('sda', { number: '8:0' });
    kernel.partition('nvme0n1', 'nvme0n1p1', '259:1');
    kernel.partition('nvme0n1', 'nvme0n1p2', '259:2');
    kernel.stacked('dm-0', '253:0', ['nvme0n1p2'], 'crypt');
    kernel.stacked('dm-1', '253:1', ['dm-0'], 'vg-root');
    kernel.stacked('dm-2', '253:2', ['dm-0'], 'vg-swap');
    kernel.mount({ number: '253:1', at: '/' });
    kernel.mount({ number: '259:1', at: '/boot' });
    kernel.swap(kernel.dev('dm-2'));
    const { nvme0n1, sda } = await devices();
    expect(detailsOf(nvme0n1.deployRefusals, 'SYSTEM_DISK')).toEqual(['/', '/boot']);
    const held = ['vg-swap', 'crypt', 'vg-root'].map((name) => kernel.dev(`mapper/${name}`));
    expect(detailsOf(nvme0n1.deployRefusals, 'IN_USE')).toEqual(held);
    expect(codes(nvme0n1.captureRefusals)).toEqual(['SYSTEM_DISK', 'IN_USE']);
    // nobody can unmount what runs
    expect(codes(nvme0n1.deployRefusals)).not.toContain('MOUNTED');
    expect(nvme0n1.mounts).toContainEqual({ device: kernel.dev('mapper/vg-root'), path: '/', isReadOnly: false });
    expect(sda.deployRefusals).toEqual([]);
  });

  test('every member of the RAID below /usr is a system disk', async () => {
    for (const [name, minor] of [
      ['sda', 0],
      ['sdb', 16],
      ['sdc', 32],
    ] as const) {
      kernel.disk(name, { number: `8:${minor}` });
      kernel.partition(name, `${name}1`, `8:${minor + 1}`);
    }
    kernel.stacked('md0', '9:0', ['sda1', 'sdb1']);
    kernel.partition('md0', 'md0p1', '259:0');
    kernel.mount({ number: '259:0', at: '/usr', superOptions: 'ro' });
    const { sda, sdb, sdc } = await devices();
    for (const disk of [sda, sdb]) {
      expect(codes(disk.deployRefusals)).toEqual(['SYSTEM_DISK', 'IN_USE']);
      expect(detailsOf(disk.captureRefusals, 'IN_USE')).toEqual([kernel.dev('md0')]);
    }
    expect(sdc.deployRefusals).toEqual([]);
  });

  test('a member of a RAID that nothing is mounted from', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.stacked('md127', '9:127', ['sda']);
    const { sda } = await devices();
    expect(sda.captureRefusals).toEqual([{ code: 'IN_USE', details: [kernel.dev('md127')] }]);
    expect(sda.deployRefusals).toEqual(sda.captureRefusals);
  });

  test('a swap partition', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.partition('sda', 'sda5', '8:5');
    kernel.swap(kernel.dev('sda5'));
    const { sda } = await devices();
    expect(sda.captureRefusals).toEqual([{ code: 'IN_USE', details: [kernel.dev('sda5')] }]);
    expect(sda.deployRefusals).toEqual(sda.captureRefusals);
  });

  test('btrfs over several disks: all of them, though the mount names one', async () => {
    for (const [i, name] of ['sda', 'sdb', 'sdc'].entries()) kernel.disk(name, { number: `8:${16 * i}` });
    for (const name of ['sda', 'sdb']) kernel.write(path.join(kernel.roots.sys, 'fs/btrfs/1234/devices', name), '');
    kernel.mount({ number: '0:45', at: '/', type: 'btrfs', source: kernel.dev('sda') });
    const { sda, sdb, sdc } = await devices();
    expect(detailsOf(sda.deployRefusals, 'SYSTEM_DISK')).toEqual(['/']);
    expect(detailsOf(sdb.deployRefusals, 'SYSTEM_DISK')).toEqual(['/']);
    expect(sdc.deployRefusals).toEqual([]);
  });

  test('the system on a loop file: the loop device and the disk with the file', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.partition('sda', 'sda1', '8:1');
    kernel.loop('loop0', '7:0', '/host/ubuntu/root.disk');
    kernel.mount({ number: '8:1', at: '/host' });
    kernel.mount({ number: '7:0', at: '/' });
    const { sda, loop0 } = await devices();
    expect(detailsOf(sda.deployRefusals, 'SYSTEM_DISK')).toEqual(['/']);
    expect(detailsOf(loop0.deployRefusals, 'SYSTEM_DISK')).toEqual(['/']);
  });

  test('a loop device on a partition holds the disk', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.partition('sda', 'sda1', '8:1');
    kernel.loop('loop0', '7:0', kernel.dev('sda1'));
    kernel.mount({ number: '7:0', at: '/mnt' });
    const { sda } = await devices();
    expect(codes(sda.deployRefusals)).toEqual(['MOUNTED', 'IN_USE']);
    expect(detailsOf(sda.deployRefusals, 'IN_USE')).toEqual([kernel.dev('loop0')]);
  });

  test('a disk that cannot be written to', async () => {
    kernel.disk('sda', { number: '8:0', attributes: { ro: '1\n' } });
    const { sda } = await devices();
    expect(sda).toMatchObject({ isReadOnly: true, captureRefusals: [] });
    expect(codes(sda.deployRefusals)).toEqual(['READ_ONLY']);
  });

  test('a disk without a node that may be opened', async () => {
    kernel.disk('sda', { number: '8:0' });
    const { sda } = await linuxMachine({ ...kernel.roots, dev: path.join(kernel.root, 'empty') })
      .listDevices('/nowhere')
      .then(([only]) => ({ sda: only }));
    expect(codes(sda.captureRefusals)).toEqual(['NO_PERMISSION']);
    expect(codes(sda.deployRefusals)).toEqual(['NO_PERMISSION']);
  });
});

describe('which disk holds the catalog', () => {
  test('the one that its folder is on, also before the folder exists; the last mount at a place counts', async () => {
    for (const [i, name] of ['sda', 'sdb', 'sdc'].entries()) kernel.disk(name, { number: `8:${16 * i}` });
    const data = path.join(kernel.root, 'data');
    mkdirSync(data);
    kernel.mount({ number: '8:0', at: '/' });
    kernel.mount({ number: '8:16', at: data });
    kernel.mount({ number: '8:32', at: data });
    const { sda, sdb, sdc } = await devices(path.join(data, 'not/yet/there'));
    expect(detailsOf(sdc.deployRefusals, 'HOLDS_CATALOG')).toEqual([path.join(data, 'not/yet/there')]);
    expect(codes(sdb.deployRefusals)).toEqual(['MOUNTED']);
    expect(codes(sda.deployRefusals)).toEqual(['SYSTEM_DISK']);
  });

  test('a folder whose name only begins like the mount point is not on it', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.disk('sdb', { number: '8:16' });
    kernel.mount({ number: '8:0', at: '/' });
    kernel.mount({ number: '8:16', at: '/data' });
    const { sda, sdb } = await devices('/database');
    expect(codes(sda.deployRefusals)).toContain('HOLDS_CATALOG');
    expect(codes(sdb.deployRefusals)).toEqual(['MOUNTED']);
  });

  test('on a loop file: the loop device and the disk with the file', async () => {
    kernel.disk('sda', { number: '8:0' });
    kernel.disk('sdb', { number: '8:16' });
    kernel.loop('loop0', '7:0', '/images/catalog.img');
    kernel.mount({ number: '8:0', at: '/' });
    kernel.mount({ number: '8:16', at: '/images' });
    kernel.mount({ number: '7:0', at: '/catalog' });
    const { sda, sdb, loop0 } = await devices('/catalog');
    expect(codes(loop0.deployRefusals)).toContain('HOLDS_CATALOG');
    expect(codes(sdb.deployRefusals)).toContain('HOLDS_CATALOG');
    expect(codes(sda.deployRefusals)).not.toContain('HOLDS_CATALOG');
  });
});
