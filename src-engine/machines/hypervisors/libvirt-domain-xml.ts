/** Writes the definition of a machine for libvirt. Source: libvirt, "Domain XML format", of version 9. */
import type { PlannedVm } from '../../contract/new-vm.contract.ts';
import { writeXml, type XmlNode } from '../../core/xml.ts';
import { GUEST_AGENT } from './libvirt-domain.ts';

export function domainXml(vm: PlannedVm): string {
  const isAccelerated = vm.accelerator === 'kvm';
  const bytes = (name: string): XmlNode => [name, { unit: 'KiB' }, String(Math.floor(vm.memoryBytes / 1024))];
  return writeXml([
    'domain',
    { type: isAccelerated ? 'kvm' : 'qemu' },
    ['name', {}, vm.name],
    ['uuid', {}, vm.id],
    ['genid', {}, vm.generationId],
    bytes('memory'),
    bytes('currentMemory'),
    ['vcpu', {}, String(vm.processors)],
    osOf(vm),
    ['features', {}, ['acpi'], ['apic'], vm.isSecureBoot ? ['smm', { state: 'on' }] : null],
    // what the host has, or whatever an emulated processor can be: a name of a model would be older than many systems want
    ['cpu', { mode: isAccelerated ? 'host-passthrough' : 'maximum' }],
    ['clock', { offset: vm.clock }],
    ['devices', {}, ...devicesOf(vm)],
  ]);
}

/** Libvirt chooses the files of the firmware by what is wanted of it. The variables begin as the firmware brings them. */
function osOf({ firmware, isSecureBoot, machineType, variables }: PlannedVm): XmlNode {
  const type: XmlNode = ['type', { arch: 'x86_64', machine: machineType }, 'hvm'];
  if (firmware !== 'uefi') return ['os', {}, type];
  const enabled = isSecureBoot ? 'yes' : 'no';
  const features = ['secure-boot', 'enrolled-keys'].map((name): XmlNode => ['feature', { enabled, name }]);
  return [
    'os',
    { firmware: 'efi' },
    type,
    ['firmware', {}, ...features],
    isSecureBoot ? ['loader', { secure: 'yes' }] : null,
    // under a name that only depended on the machine's, there may be those of another one that is gone
    variables === null ? null : ['nvram', {}, variables],
  ];
}

function devicesOf(vm: PlannedVm): (XmlNode | null)[] {
  const bootFirst = vm.disks.toSorted((a, b) => Number(b.isBoot) - Number(a.isBoot));
  return [
    ...vm.disks.map((disk) => diskOf(disk, bootFirst.indexOf(disk) + 1)),
    vm.disks.some(({ bus }) => bus === 'scsi') ? ['controller', { type: 'scsi', model: 'virtio-scsi' }] : null,
    ...vm.networks.map(cardOf),
    ['serial', { type: 'pty' }],
    ['console', { type: 'pty' }],
    ['channel', { type: 'unix' }, ['target', { type: 'virtio', name: GUEST_AGENT }]],
    ['input', { type: 'tablet', bus: 'usb' }],
    // on a socket that only its own people reach: a port would be anybody's on this host
    ['graphics', { type: 'vnc' }, ['listen', { type: 'socket' }]],
    ['video', {}, ['model', { type: 'vga' }]],
    vm.hasTpm ? ['tpm', { model: 'tpm-crb' }, ['backend', { type: 'emulator', version: '2.0' }]] : null,
    // guests without randomness wait for some
    ['rng', { model: 'virtio' }, ['backend', { model: 'random' }, '/dev/urandom']],
  ];
}

function diskOf(disk: PlannedVm['disks'][number], order: number): XmlNode {
  const { path, volume, format, name, bus, serial, sectorBytes } = disk;
  const size = String(sectorBytes);
  return [
    'disk',
    { type: volume ? 'block' : 'file', device: 'disk' },
    ['driver', { name: 'qemu', type: format, ...(format === 'qcow2' && { discard: 'unmap' }) }],
    ['source', { [volume ? 'dev' : 'file']: path }],
    ['target', { dev: name, bus }],
    sectorBytes === 512 ? null : ['blockio', { logical_block_size: size, physical_block_size: size }],
    ['boot', { order: String(order) }],
    ['serial', {}, serial],
  ];
}

function cardOf({ kind, name, mac, model }: PlannedVm['networks'][number]): XmlNode {
  const source: XmlNode | null = kind === 'user' ? null : ['source', { [kind]: name }];
  return ['interface', { type: kind }, ['mac', { address: mac }], source, ['model', { type: model }]];
}
