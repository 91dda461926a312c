/** What VBoxManage prints, as several of its versions do, and what names can do to it. */
import { describe, expect, test } from 'vitest';
import { parseImages, parseInfo, parseList } from '../../../src-engine/machines/hypervisors/virtualbox-info.ts';

const ID = '3c0ffee0-6f2d-484d-b4ee-00c0ffee0000';
const controller = (name: string, type: string, i = 0) => [
  `storagecontrollername${i}="${name}"`,
  `storagecontrollertype${i}="${type}"`,
];
const disks = (...lines: string[]) => parseInfo(lines.join('\n')).definition.disks;

describe('a list of machines', () => {
  test('has names with whatever is in them', () => {
    const text = [
      'WARNING: The vboxdrv kernel module is not loaded.',
      `"lab" {${ID}}`,
      `"my "old" {lab}" {${ID.replace('3c', '4C')}}`,
      `"<inaccessible>" {${ID.replace('3c', '5c')}}`,
      `"cut off" {${ID.slice(1)}}`,
    ].join('\r\n');
    expect([...parseList(text)]).toEqual([
      [ID, 'lab'],
      [ID.replace('3c', '4c'), 'my "old" {lab}'],
      [ID.replace('3c', '5c'), '<inaccessible>'],
    ]);
  });
});

describe('a machine', () => {
  test('of version 7 is told in words of no hypervisor', () => {
    const { state, definition } = parseInfo(
      [
        'name="lab \\"golden\\" \\\\ é"',
        'platformArchitecture="x86"',
        'ostype="Debian12_64"',
        `UUID="${ID}"`,
        'memory=2048',
        'cpus=4',
        'chipset="ich9"',
        'firmware="EFI"',
        'tpm-type="2.0"',
        'VMState="poweroff"',
        ...controller('SATA', 'IntelAhci'),
        '"SATA-0-0"="/v/lab/lab.vdi"',
        `"SATA-ImageUUID-0-0"="${ID}"`,
        '"SATA-hot-pluggable-0-0"="off"',
        '"SATA-1-0"="none"',
        ...controller('NVMe', 'NVMe', 1),
        '"NVMe-0-0"="/v/lab/data.vmdk"',
        'hostonly-network1="lab-net"',
        'macaddress1="080027AB01CD"',
        'nic1="hostonlynet"',
        'nictype1="82540EM"',
        'nic2="none"',
        'SnapshotName="before "it""',
        'SnapshotUUID="x"',
        'SnapshotName-1="after"',
        'CurrentSnapshotName="after"',
      ].join('\n'),
    );
    expect(state).toBe('off');
    expect(definition).toMatchObject({
      name: 'lab "golden" \\ é',
      id: ID,
      operatingSystem: 'Debian12_64',
      processors: 4,
      memoryBytes: 2 ** 31,
      firmware: 'uefi',
      hasTpm: true,
      machineType: 'ich9',
      architecture: 'x86_64',
      disks: [
        { name: 'SATA-0-0', bus: 'sata', placed: 'file', path: '/v/lab/lab.vdi', format: 'vdi', isOptical: false },
        { name: 'NVMe-0-0', bus: 'nvme', placed: 'file', path: '/v/lab/data.vmdk', format: 'vmdk' },
      ],
      networks: [{ mac: '08:00:27:ab:01:cd', model: '82540EM', to: 'hostonlynet lab-net' }],
      snapshots: ['before "it"', 'after'],
    });
  });

  test('of version 3 too, below its headline', () => {
    const { state, definition } = parseInfo(
      [
        'VirtualBox Command Line Management Interface Version 3.1.2',
        '(C) 2005-2009 Sun Microsystems, Inc.',
        'All rights reserved.',
        '',
        'name="lab"',
        'ostype="Ubuntu (64-bit)"',
        'memory=360',
        'cpus=1',
        'VMState="saved"',
        'teleporteraddress="<NULL>"',
        ...controller('IDE Controller', 'PIIX4'),
        ...controller('Floppy Controller', 'I82078', 1),
        '"IDE Controller-0-0"="/v/lab.vmdk"',
        '"IDE Controller-1-0"="emptydrive"',
        '"Floppy Controller-0-0"="emptydrive"',
        'bridgeadapter1="en1: AirPort"',
        'nic1="bridged"',
      ].join('\n'),
    );
    expect(state).toBe('saved');
    expect(definition).toMatchObject({
      architecture: 'x86_64',
      firmware: null,
      disks: [
        { bus: 'ide', path: '/v/lab.vmdk', isOptical: false },
        { placed: 'absent', isOptical: true },
        { bus: 'floppy', isOptical: true },
      ],
      networks: [{ to: 'bridged en1: AirPort' }],
    });
  });

  test.each([
    ['poweroff', 'off'],
    ['aborted', 'off'],
    ['aborted-saved', 'saved'],
    ['running', 'running'],
    ['paused', 'paused'],
    ['gurumeditation', 'crashed'],
    ['stopping', 'shutting-down'],
    ['onlinesnapshotting', 'unknown'],
    ['', 'unknown'],
  ])('in the state %j is %s', (said, state) => {
    expect(parseInfo(`VMState="${said}"`).state).toBe(state);
  });

  test.each([
    ['a disc', '/iso/debian.iso', { isOptical: true, format: null }],
    ['a drive of the host', '/dev/sr0', { isOptical: true, placed: 'device' }],
    ['a disk of a snapshot', '/v/Snapshots/{4a0e}.vdi', { isOptical: false, format: 'vdi' }],
    ['a disk of VirtualPC', '/v/a.VHD', { format: 'vhd' }],
    ['a disk of Parallels', '/v/a.hdd', { format: 'parallels' }],
    ['a disk of nobody knows whom', '/v/a', { format: 'unknown' }],
    ['a disk on Windows', 'D:\\\\VMs\\\\a.vdi', { placed: 'elsewhere', path: 'D:\\VMs\\a.vdi' }],
  ])('has %s', (_, path, seen) => {
    expect(disks(...controller('S', 'IntelAhci'), `"S-0-0"="${path}"`)).toMatchObject([seen]);
  });

  test('knows a disc by what is said of its drive, and a disk beside it that is not', () => {
    const said = ['"S-0-0"="/v/a.vdi"', '"S-1-0"="/v/x.raw"', '"S-tempeject-1-0"="off"', '"S-IsEjected"="off"'];
    expect(disks(...controller('S', 'IntelAhci'), ...said).map(({ isOptical }) => isOptical)).toEqual([false, true]);
  });

  test('has controllers whose names look like keys', () => {
    const names = ['a-0-0', 'a', 'a "b" = c'];
    const said = names.flatMap((name, i) => controller(name.replaceAll('"', '\\"'), 'IntelAhci', i));
    const lines = ['"a-0-0-0-0"="/v/1.vdi"', '"a-0-0"="/v/2.vdi"', '"a \\"b\\" = c-0-0"="/v/3.vdi"'];
    expect(disks(...said, ...lines).map(({ name, path }) => [name, path])).toEqual([
      ['a-0-0-0-0', '/v/1.vdi'],
      ['a-0-0', '/v/2.vdi'],
      ['a "b" = c-0-0', '/v/3.vdi'],
    ]);
  });
});

test('a list of images has where each lies, by the name that those of snapshots give it', () => {
  const text = [
    `UUID:           ${ID.toUpperCase()}`,
    'Parent UUID:    base',
    'State:          inaccessible',
    'Location:       /v/my lab/lab: 1.vdi',
    '',
    'UUID:           no',
    'Location:       relative.vdi',
  ].join('\r\n');
  expect(parseImages(text)).toEqual({ [`{${ID}}.vdi`]: '/v/my lab/lab: 1.vdi' });
});
