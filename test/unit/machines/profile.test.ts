/** Machine profiles: what the kernel tells, what is unknown, and what rules read of them. */
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MachineProfileSchema, type MachineProfile } from '../../../src-engine/contract/index.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { healthIn } from '../../../src-engine/machines/profile/drive-health.ts';
import { linuxProfile } from '../../../src-engine/machines/profile/linux-profile.ts';
import { isPublic } from '../../../src-engine/machines/profile/networks.ts';
import { otherProfile } from '../../../src-engine/machines/profile/other-profile.ts';
import { machineFacts, parseProfile } from '../../../src-engine/machines/profile/profile.ts';
import { FakeKernel } from './fake-kernel.ts';

let kernel: FakeKernel;
beforeEach(() => void (kernel = new FakeKernel()));
afterEach(() => kernel.remove());

const sys = (...names: string[]) => path.join(kernel.roots.sys, ...names);
const dmi = (name: string, text: string) => kernel.write(sys('class/dmi/id', name), `${text}\n`);
const pci = (name: string, classCode: string, vendor: string, files: Record<string, string> = {}) => {
  const all = { class: `0x${classCode}`, vendor, device: '0x1234', ...files };
  for (const [file, text] of Object.entries(all)) kernel.write(sys('bus/pci/devices', name, file), `${text}\n`);
};

function supermicro(): void {
  dmi('sys_vendor', 'Supermicro');
  dmi('product_name', 'To be filled by O.E.M.');
  dmi('board_vendor', 'Supermicro');
  dmi('board_name', 'X11SCH-F');
  kernel.write(sys('firmware/acpi/tables/TPM2'), '');
  kernel.write(sys('firmware/efi/fw_platform_size'), '64');
  kernel.write(
    path.join(kernel.roots.proc, 'cpuinfo'),
    'processor : 0\nmodel name : Xeon E-2288G\nflags : fpu sse\nprocessor : 1\n',
  );
  kernel.write(path.join(kernel.roots.proc, 'meminfo'), 'MemTotal:       65536000 kB\nMemFree: 1 kB\n');
  kernel.disk('sda', {
    number: '8:0',
    bus: 'pci0000:00/0000:00:17.0/ata1',
    attributes: { 'device/model': 'SAMSUNG', 'device/serial': 'S5' },
  });
  kernel.disk('sdb', { number: '8:16', bus: 'pci0000:00/0000:00:17.0/ata2' });
  kernel.partition('sda', 'sda1', '8:1');
  kernel.stacked('md0', '9:0', ['sda1', 'sdb']);
  kernel.write(sys('devices/virtual/block/md0/md/level'), 'raid5\n');
  pci('0000:00:02.0', '030000', '0x1a03');
  pci('0000:01:00.0', '030200', '0x10de');
}

describe('a machine with Linux', () => {
  it('is described from its own files; what firmware makes up is unknown', async () => {
    supermicro();
    expect(await linuxProfile(kernel.roots, false)).toMatchObject({
      maker: 'Supermicro',
      product: null,
      board: 'X11SCH-F',
      firmware: 'uefi',
      isVirtual: false,
      processor: 'Xeon E-2288G',
      cores: 2,
      memoryBytes: 65_536_000 * 1024,
      drives: [
        {
          model: 'SAMSUNG',
          serial: 'S5',
          bus: 'sata',
          lengthBytes: 512_000_000,
          physicalSectorBytes: 4096,
          health: null,
        },
        { serial: '' },
      ],
      arrays: [
        {
          name: 'md0',
          kind: 'md',
          level: 'raid5',
          members: ['/dev/sda1', '/dev/sdb'].map((p) => kernel.roots.dev + p.slice(4)),
        },
      ],
      hasTpm: true,
      graphics: [{ kind: 'display' }, { kind: 'gpu', model: 'NVIDIA 0x1234' }],
    });
  });

  it('with hardware RAID, virtual GPUs, no TPM', async () => {
    supermicro();
    pci('0000:02:00.0', '010400', '0x1000');
    pci('0000:03:00.0', '030000', '0x10de', { 'mdev_supported_types/nvidia-11/name': 'GRID' });
    const profile = await linuxProfile(kernel.roots, false);
    expect(profile.arrays).toContainEqual({ name: '0000:02:00.0', kind: 'hardware', level: null, members: [] });
    expect(machineFacts(profile)).toMatchObject({ raidLevels: null, raidGroups: 2, graphics: 'vgpu' });
  });

  it('whose kernel tells nothing: unknown, never a guess', async () => {
    mkdirSync(kernel.roots.sys, { recursive: true });
    const profile = await linuxProfile(kernel.roots, false);
    expect(profile).toMatchObject({
      maker: null,
      board: null,
      firmware: null,
      isVirtual: null,
      memoryBytes: null,
      hasTpm: null,
      graphics: null,
    });
    expect(machineFacts(profile)).toMatchObject({ firmware: null, boardFamily: null, hasTpm: null, graphics: null });
  });

  it('a virtual function of a GPU is a virtual GPU', async () => {
    pci('0000:04:00.0', '030000', '0x1002');
    symlinkSync('../0000:01:00.0', sys('bus/pci/devices/0000:04:00.0/physfn'));
    expect((await linuxProfile(kernel.roots, false)).graphics).toMatchObject([{ kind: 'vgpu' }]);
  });
});

it('this machine, by both ways, is a profile that the contract knows', async () => {
  const here = [
    await linuxProfile({ sys: '/sys', proc: '/proc', dev: '/dev', udev: '/run/udev/data' }, true),
    await otherProfile(),
  ];
  for (const profile of here) expect(MachineProfileSchema.parse(profile)).toEqual(profile);
});

describe('what rules read', () => {
  const profile: MachineProfile = {
    name: 'm',
    recordedAt: '2026-11-21T00:00:00Z',
    maker: null,
    product: null,
    boardMaker: null,
    board: null,
    firmware: null,
    isVirtual: null,
    processor: null,
    cores: null,
    memoryBytes: null,
    drives: null,
    arrays: null,
    hasTpm: null,
    graphics: null,
    networks: null,
  };
  const drive = {
    model: '',
    serial: '',
    bus: 'sata',
    lengthBytes: 1,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    isRemovable: false,
    health: null,
  };
  const array = { name: 'md0', kind: 'md', level: 'raid1', members: ['/dev/sda1', '/dev/nvme0n1p3'] } as const;

  it.each([
    [{ boardMaker: 'Supermicro', board: 'X10DRU-i+' }, 'x10'],
    [{ maker: 'LENOVO', board: '7X06' }, 'lenovo'],
    [{ boardMaker: 'ASUS', board: 'X10' }, 'ASUS X10'],
    [{ maker: 'Dell Inc.', product: 'R640' }, 'Dell Inc. R640'],
    [{}, null],
  ])('board %j is %s', (facts, family) => {
    expect(machineFacts({ ...profile, ...facts }).boardFamily).toBe(family);
  });

  it('RAID and plain disks are mixed where a disk is in no array; removable ones do not count', () => {
    const mixes = (drives: number, removable: number) =>
      machineFacts({
        ...profile,
        arrays: [{ ...array, members: [...array.members] }],
        drives: [...Array(drives).fill(drive), ...Array(removable).fill({ ...drive, isRemovable: true })],
      }).mixesRaidAndPlain;
    expect([mixes(2, 0), mixes(2, 1), mixes(3, 0)]).toEqual([false, false, true]);
    expect(machineFacts({ ...profile, arrays: [], drives: [drive] }).mixesRaidAndPlain).toBe(false);
  });

  it.each([
    ['8.8.8.8', true],
    ['2a00:1450::1', true],
    ['172.32.0.1', true],
    ['172.31.0.1', false],
    ['10.1.2.3', false],
    ['100.64.0.1', false],
    ['fe80::1', false],
    ['fd00::2', false],
  ])('%s is public: %s', (address, expected) => expect(isPublic(address)).toBe(expected));
});

it.each([
  ['{"smart_status":{"passed":true}}', 'good'],
  ['{"smart_status":{"passed":false}}', 'failing'],
  ['{"smartctl":{"exit_status":2}}', null],
  ['', null],
])('smartctl says %s: %s', (output, health) => expect(healthIn(output)).toBe(health));

it.each([
  ['{', 'JSON'],
  ['{"name":"x"}', 'recordedAt'],
  ['[]', 'profile'],
  [`"${'x'.repeat(2 ** 20)}"`, 'length'],
])('a profile that is none is refused with the field', (text, field) => {
  expect(() => parseProfile(text, '/p.json')).toThrow(EngineError);
  try {
    parseProfile(text, '/p.json');
  } catch (error) {
    expect((error as EngineError).data).toMatchObject({ path: '/p.json', field });
  }
});
