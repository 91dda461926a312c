/** Command lines of QEMU, in the ways in which people write them. */
import { describe, expect, test } from 'vitest';
import { parseCommandLine } from '../../../src-engine/machines/hypervisors/qemu-options.ts';

const parse = (...args: string[]) => parseCommandLine(['/usr/bin/qemu-system-x86_64', ...args], '/home/u');
const disks = (...args: string[]) => parse(...args).disks;

describe('a command line', () => {
  test('tells the machine', () => {
    expect(
      parse(
        ...['-name', 'guest=lab,,2,debug-threads=on', '-uuid', '3C0FFEE0-6F2D-484D-B4EE-00C0FFEE0000'],
        ...['-machine', 'q35,accel=kvm', '-smp', 'sockets=2,cores=2', '-m', 'size=2G,slots=2', '-enable-kvm'],
        ...['-drive', 'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd'],
        ...['-drive', 'file=system.qcow2,if=none,id=a,format=qcow2', '-device', 'virtio-blk-pci,drive=a'],
        ...['-netdev', 'user,id=n0', '-device', 'e1000,netdev=n0,mac=52:54:00:00:00:01', '-nic', 'none'],
      ),
    ).toMatchObject({
      name: 'lab,2',
      id: '3c0ffee0-6f2d-484d-b4ee-00c0ffee0000',
      processors: 4,
      memoryBytes: 2 ** 31,
      firmware: 'uefi',
      machineType: 'q35',
      architecture: 'x86_64',
      disks: [{ name: 'a', bus: 'virtio', format: 'qcow2', placed: 'file', path: '/home/u/system.qcow2' }],
      networks: [{ mac: '52:54:00:00:00:01', model: 'e1000', to: 'user' }],
      flashPaths: ['/usr/share/OVMF/OVMF_CODE.fd'],
    });
  });

  test('that says little is a PC with 128 MiB', () => {
    expect(parse('-nographic')).toMatchObject({
      name: 'qemu-system-x86_64',
      processors: 1,
      memoryBytes: 2 ** 27,
      firmware: 'bios',
      disks: [],
      networks: [],
    });
    expect(parseCommandLine(['qemu-system-aarch64', '-m', '1024'], null)).toMatchObject({
      firmware: null,
      memoryBytes: 2 ** 30,
    });
  });

  test.each([
    ['of the oldest way', ['-hda', 'a.img'], { name: 'hda', bus: 'ide', path: '/home/u/a.img', format: null }],
    ['by itself', ['a.img'], { name: 'hda', path: '/home/u/a.img' }],
    ['with commas in its name', ['-drive', 'file=/v/a,,b.img'], { path: '/v/a,b.img', bus: 'ide' }],
    [
      'of the host',
      ['-drive', 'file=/dev/vg/lv,format=raw,if=virtio'],
      { placed: 'device', path: '/dev/vg/lv', bus: 'virtio' },
    ],
    ['that is a disc', ['-cdrom', '/iso/a.iso'], { isOptical: true }],
    ['that is a disc in a drive', ['-drive', 'file=/a.iso,media=cdrom'], { isOptical: true }],
    ['of an empty drive', ['-drive', 'media=cdrom,if=ide'], { isOptical: true, placed: 'absent' }],
    ['of a share', ['-drive', 'file=nbd:unix:/run/x.sock'], { placed: 'elsewhere', path: 'nbd:unix:/run/x.sock' }],
    ['that nobody writes to', ['-drive', 'file=/a.img,readonly=on'], { isReadOnly: true }],
    [
      'as nodes',
      [
        ...['-blockdev', 'driver=file,node-name=f,filename=/a.qcow2'],
        ...['-blockdev', '{"driver":"qcow2","node-name":"d","file":"f"}', '-device', 'scsi-hd,drive=d'],
      ],
      { name: 'd', format: 'qcow2', path: '/a.qcow2', bus: 'scsi' },
    ],
    [
      'as one node',
      ['-blockdev', '{"driver":"raw","node-name":"d","file":{"driver":"file","filename":"/a.img"}}'],
      { name: 'd', format: 'raw', path: '/a.img' },
    ],
    ['as a file alone', ['-blockdev', 'driver=file,node-name=d,filename=/a.img'], { format: 'raw', path: '/a.img' }],
    ['as something that is no JSON', ['-blockdev', '{"driver":'], { placed: 'absent' }],
  ])('has a disk %s', (_, args, seen) => {
    expect(disks(...args)).toMatchObject([seen]);
  });

  test.each([
    ['512', 512],
    ['2G', 2048],
    ['1.5G', 1536],
    ['size=1T', 2 ** 20],
  ])('has memory of %s', (said, mib) => {
    expect(parse('-m', said).memoryBytes).toBe(mib * 2 ** 20);
  });

  test.each(['', 'much', '99999999999999999999', '-1'])('has no memory of %j', (said) => {
    expect(parse('-m', said).memoryBytes ?? null).toBe(said === '' ? 2 ** 27 : null);
  });

  test('knows nothing of a machine without end', () => {
    const many = Array.from({ length: 2000 }, () => ['-drive', 'file=/a.img']).flat();
    expect(disks(...many)).toHaveLength(1000);
    expect(disks('-blockdev', `${'{"file":'.repeat(5000)}1${'}'.repeat(5000)}`)).toHaveLength(1);
  });
});
