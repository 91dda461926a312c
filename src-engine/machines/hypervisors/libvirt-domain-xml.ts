/** Writes the definition of a machine for libvirt. Source: libvirt, "Domain XML format", of version 9. */
import { DOMImplementation, XMLSerializer, type Document, type Element } from '@xmldom/xmldom';
import type { PlannedVm } from '../../contract/new-vm.contract.ts';

type Child = Element | null;

/** @returns XML; every text in it is escaped by whoever writes it out */
export function domainXml(vm: PlannedVm): string {
  const document = new DOMImplementation().createDocument(null, 'domain');
  const make = maker(document);
  const domain = document.documentElement!;
  domain.setAttribute('type', vm.accelerator === 'kvm' ? 'kvm' : 'qemu');
  const bytes = (name: string) => make(name, { unit: 'KiB' }, String(Math.floor(vm.memoryBytes / 1024)));
  const children: Child[] = [
    make('name', {}, vm.name),
    make('uuid', {}, vm.id),
    make('genid', {}, vm.generationId),
    bytes('memory'),
    bytes('currentMemory'),
    make('vcpu', {}, String(vm.processors)),
    osOf(vm, make),
    make('features', {}, [make('acpi'), make('apic'), vm.isSecureBoot ? make('smm', { state: 'on' }) : null]),
    // what the host has, or whatever an emulated processor can be: a name of a model would be older than many systems want
    make('cpu', { mode: vm.accelerator === 'kvm' ? 'host-passthrough' : 'maximum' }),
    make('clock', { offset: vm.clock }),
    make('devices', {}, devicesOf(vm, make)),
  ];
  for (const child of children) if (child) domain.appendChild(child);
  return new XMLSerializer().serializeToString(document);
}

type Make = (
  name: string,
  attributes?: Readonly<Record<string, string>>,
  content?: string | readonly Child[],
) => Element;

function maker(document: Document): Make {
  return (name, attributes = {}, content = []) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (typeof content === 'string') element.appendChild(document.createTextNode(content));
    else for (const child of content) if (child) element.appendChild(child);
    return element;
  };
}

/** Libvirt chooses the files of the firmware by what is wanted of it. The variables begin as the firmware brings them. */
function osOf({ firmware, isSecureBoot, machineType, variables }: PlannedVm, make: Make): Element {
  const isUefi = firmware === 'uefi';
  const enabled = isSecureBoot ? 'yes' : 'no';
  const features = ['secure-boot', 'enrolled-keys'].map((name) => make('feature', { enabled, name }));
  return make('os', isUefi ? { firmware: 'efi' } : {}, [
    make('type', { arch: 'x86_64', machine: machineType }, 'hvm'),
    isUefi ? make('firmware', {}, features) : null,
    isUefi && isSecureBoot ? make('loader', { secure: 'yes' }) : null,
    // under a name that only depended on the machine's, there may be those of another one that is gone
    isUefi && variables !== null ? make('nvram', {}, variables) : null,
  ]);
}

function devicesOf(vm: PlannedVm, make: Make): Child[] {
  const bootFirst = vm.disks.toSorted((a, b) => Number(b.isBoot) - Number(a.isBoot));
  const port = (name: string) => make(name, { type: 'pty' });
  return [
    ...vm.disks.map((disk) => diskOf(disk, bootFirst.indexOf(disk) + 1, make)),
    vm.disks.some(({ bus }) => bus === 'scsi') ? make('controller', { type: 'scsi', model: 'virtio-scsi' }) : null,
    ...vm.networks.map((card) => cardOf(card, make)),
    port('serial'),
    port('console'),
    make('channel', { type: 'unix' }, [make('target', { type: 'virtio', name: 'org.qemu.guest_agent.0' })]),
    make('input', { type: 'tablet', bus: 'usb' }),
    // on a socket that only its own people reach: a port would be anybody's on this host
    make('graphics', { type: 'vnc' }, [make('listen', { type: 'socket' })]),
    make('video', {}, [make('model', { type: 'vga' })]),
    vm.hasTpm ? make('tpm', { model: 'tpm-crb' }, [make('backend', { type: 'emulator', version: '2.0' })]) : null,
    // guests without randomness wait for some
    make('rng', { model: 'virtio' }, [make('backend', { model: 'random' }, '/dev/urandom')]),
  ];
}

function diskOf(disk: PlannedVm['disks'][number], order: number, make: Make): Element {
  const { path, format, name, bus, serial, sectorBytes } = disk;
  const size = String(sectorBytes);
  return make('disk', { type: 'file', device: 'disk' }, [
    make('driver', { name: 'qemu', type: format, ...(format === 'qcow2' && { discard: 'unmap' }) }),
    make('source', { file: path }),
    make('target', { dev: name, bus }),
    sectorBytes === 512 ? null : make('blockio', { logical_block_size: size, physical_block_size: size }),
    make('boot', { order: String(order) }),
    make('serial', {}, serial),
  ]);
}

function cardOf({ kind, name, mac, model }: PlannedVm['networks'][number], make: Make): Element {
  const source = kind === 'user' ? null : make('source', { [kind]: name });
  return make('interface', { type: kind }, [make('mac', { address: mac }), source, make('model', { type: model })]);
}
