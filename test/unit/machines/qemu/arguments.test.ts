/** How QEMU is started for each kind of machine. */
import { expect, test } from 'vitest';
import { qemuArguments, usualMachineType, type MachineShape } from '../../../../src-engine/machines/qemu/arguments.ts';

const disk = { bus: 'sata', sectorBytes: 512, physicalSectorBytes: 512 } as const;
const shape: MachineShape = {
  firmware: 'bios',
  isSecureBoot: false,
  machineType: 'q35',
  accelerator: 'tcg',
  memoryBytes: 512 * 1024 * 1024 + 5,
  cores: 2,
  disks: [disk],
};
const line = (changes: Partial<MachineShape>, firmware: Parameters<typeof qemuArguments>[1] = null) =>
  qemuArguments({ ...shape, ...changes }, firmware).join(' ');

test('a machine has no network, no monitor that others reach, and may start nothing', () => {
  expect(line({})).toContain('-nic none');
  expect(line({})).toContain('spawn=deny');
  expect(line({})).toContain('-m 512M');
  expect(line({})).not.toContain('-netdev');
});

test('a disk is read through a descriptor of this process, and what is written to it is thrown away', () => {
  const started = line({ disks: [disk, { ...disk, bus: 'virtio' }] });
  expect(started.match(/snapshot=on/g)).toHaveLength(2);
  expect(started).toContain('file.driver=nbd,file.server.type=fd,file.server.str=4');
  expect(started).toContain('file.server.str=5');
  expect(started).toContain('ide-hd,bus=ide.0,drive=disk0,bootindex=0');
  expect(started).toContain('virtio-blk-pci,drive=disk1,bootindex=1,logical_block_size=512');
});

test('sectors of 4096 bytes go to a bus that has them', () => {
  const large = { sectorBytes: 4096, physicalSectorBytes: 512 } as const;
  expect(line({ disks: [{ bus: 'sata', ...large }] })).toContain(
    'nvme,serial=disk0,drive=disk0,bootindex=0,logical_block_size=4096,physical_block_size=4096',
  );
  expect(line({ disks: [{ bus: 'scsi', ...large }] })).toContain('virtio-scsi-pci,id=scsi0');
});

test('the oldest guests get the oldest machine; secure boot gets what protects its keys', () => {
  expect(usualMachineType('bios', ['sata', 'ide'])).toBe('pc');
  expect(usualMachineType('bios', ['sata', 'virtio'])).toBe('q35');
  expect(usualMachineType('uefi', ['ide'])).toBe('q35');
  const old = line({ machineType: 'pc', disks: [{ ...disk, bus: 'ide' }] });
  expect(old).toContain('-machine pc ');
  expect(old).toContain('bus=ide.0,unit=0');
  expect(old).not.toContain('ahci');
  // it has no other controller for SATA than one that is plugged in
  expect(line({ machineType: 'pc' })).toContain('-device ahci,id=sata -drive');
  expect(line({ machineType: 'pc' })).toContain('ide-hd,bus=sata.0,');
  const secure = line({ firmware: 'uefi', isSecureBoot: true }, { code: '/a,b/CODE.fd', variables: '/tmp/v.fd' });
  expect(secure).toContain('-machine q35,smm=on');
  expect(secure).toContain('readonly=on,file=/a,,b/CODE.fd');
  expect(secure).toContain('property=secure,value=on');
});
