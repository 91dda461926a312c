/** From libvirt's definition of a machine to one that no hypervisor owns. Source: libvirt, "Domain XML format", of version 9. */
import { XMLSerializer, type Element } from '@xmldom/xmldom';
import { VM_CARD_KINDS, VmDefinitionSchema, type VmDefinition } from '../../contract/vm.contract.ts';
import { attribute, childNamed, childrenNamed, childrenOf, textOf } from '../../core/xml.ts';
import type { DefinedMachine } from './hypervisor.port.ts';
import { bootOrderOf, bytesOf, domainOf, GUEST_AGENT, listed, machineOf } from './libvirt-domain.ts';
import { countOf, short } from './vm-text.ts';
import { removeSecrets } from './without-secrets.ts';

const MAX_FEW = 16;

/** @throws EngineError `FORMAT_INVALID` (data: field, value) */
export function defineFrom(xml: string): DefinedMachine {
  const domain = domainOf(xml);
  const removed = removeSecrets(domain);
  const original = {
    name: 'libvirt.xml',
    mediaType: 'application/xml',
    text: new XMLSerializer().serializeToString(domain),
  };
  return { definition: VmDefinitionSchema.parse(definitionOf(domain, removed)), original };
}

function definitionOf(domain: Element, removed: readonly string[]): VmDefinition {
  const { name, operatingSystem, processors, memoryBytes, firmware, hasSecureBoot, machineType, architecture } =
    machineOf(domain);
  const os = childNamed(domain, 'os');
  const devices = childNamed(domain, 'devices');
  const clock = childNamed(domain, 'clock');
  const offset = attribute(clock, 'offset');
  const tpm = childNamed(devices, 'tpm');
  const controllers = listed(devices, 'controller');
  return {
    hypervisor: 'libvirt',
    ...{ name, operatingSystem, architecture, machineType, memoryBytes, firmware, hasSecureBoot },
    title: short(textOf(domain, 'title')),
    processors: { count: processors, ...processorOf(childNamed(domain, 'cpu')) },
    tpm: tpm && {
      model: short(attribute(tpm, 'model')),
      version: short(attribute(childNamed(tpm, 'backend'), 'version')),
    },
    bootDevices: words(os && [...childrenNamed(os, 'boot')], 'dev'),
    disks: diskPlaces(devices, controllers),
    cards: listed(devices, 'interface').map((card) => {
      const type = attribute(card, 'type');
      const source = childNamed(card, 'source');
      return {
        model: short(attribute(childNamed(card, 'model'), 'type')),
        kind: VM_CARD_KINDS.find((kind) => kind === type) ?? 'other',
        to: short(attribute(source, type) || attribute(source, 'dev')),
        mac: short(attribute(childNamed(card, 'mac'), 'address')),
        bootOrder: bootOrderOf(card),
        isPluggedIn: attribute(childNamed(card, 'link'), 'state') !== 'down',
      };
    }),
    video: listed(devices, 'video')
      .slice(0, MAX_FEW)
      .map((video) => {
        const model = childNamed(video, 'model');
        const kibibytes = countOf(attribute(model, 'vram'));
        return { model: short(attribute(model, 'type')), memoryBytes: kibibytes && bytesOf(kibibytes, 'KiB') };
      }),
    screens: words(listed(devices, 'graphics'), 'type'),
    sound: words(listed(devices, 'sound'), 'model'),
    hasSerialConsole: listed(devices, 'serial').length > 0 || listed(devices, 'console').length > 0,
    hasGuestAgent: listed(devices, 'channel').some(
      (channel) => attribute(childNamed(channel, 'target'), 'name') === GUEST_AGENT,
    ),
    hasRandomSource: listed(devices, 'rng').length > 0,
    watchdog: short(attribute(childNamed(devices, 'watchdog'), 'model')),
    clock: offset === '' ? null : offset === 'utc' || offset === 'localtime' ? offset : 'other',
    timezone: short(attribute(clock, 'timezone')),
    features: featuresOf(childNamed(domain, 'features')),
    removed: removed.slice(0, 1000).map((path) => path.slice(0, 500)),
  };
}

/** Disks are numbered as a capture takes them: those that are no discs in drives, in their order. */
function diskPlaces(devices: Element | null, controllers: readonly Element[]): VmDefinition['disks'] {
  let number = 0;
  return listed(devices, 'disk').map((disk) => {
    const target = childNamed(disk, 'target');
    const driver = childNamed(disk, 'driver');
    const sectors = childNamed(disk, 'blockio');
    const bus = attribute(target, 'bus');
    const device = attribute(disk, 'device');
    const kind = device === 'cdrom' ? 'optical' : device === 'floppy' ? 'floppy' : 'disk';
    return {
      kind,
      disk: kind === 'disk' ? ++number : null,
      name: short(attribute(target, 'dev')) ?? '',
      bus: short(bus),
      controller: controllerOf(disk, bus, controllers),
      serial: short(textOf(disk, 'serial')),
      wwn: short(textOf(disk, 'wwn')),
      bootOrder: bootOrderOf(disk),
      format: short(attribute(driver, 'type')),
      cache: short(attribute(driver, 'cache')),
      discard: short(attribute(driver, 'discard')),
      isReadOnly: childNamed(disk, 'readonly') !== null,
      isShared: childNamed(disk, 'shareable') !== null,
      sectorBytes: countOf(attribute(sectors, 'logical_block_size')),
      physicalSectorBytes: countOf(attribute(sectors, 'physical_block_size')),
    };
  });
}

function controllerOf(disk: Element, bus: string, controllers: readonly Element[]): string | null {
  const index = attribute(childNamed(disk, 'address'), 'controller') || '0';
  const own = controllers.find((one) => attribute(one, 'type') === bus && (attribute(one, 'index') || '0') === index);
  return short(attribute(own ?? null, 'model'));
}

function processorOf(cpu: Element | null): Omit<VmDefinition['processors'], 'count'> {
  const mode = attribute(cpu, 'mode');
  const topology = childNamed(cpu, 'topology');
  const parts = (['sockets', 'dies', 'cores', 'threads'] as const).map(
    (part) => [part, countOf(attribute(topology, part) || '1') ?? 1] as const,
  );
  return {
    model: short(textOf(cpu, 'model')) ?? (mode === 'custom' ? null : short(mode)),
    topology: topology && (Object.fromEntries(parts) as VmDefinition['processors']['topology']),
  };
}

/** Switched on by being there, unless it says otherwise. */
function featuresOf(features: Element | null): string[] {
  return (features ? [...childrenOf(features)] : [])
    .filter((feature) => attribute(feature, 'state') !== 'off')
    .flatMap((feature) => short(feature.localName ?? '') ?? [])
    .slice(0, 100);
}

function words(elements: readonly Element[] | null, name: string): string[] {
  return (elements ?? []).flatMap((element) => short(attribute(element, name)) ?? []).slice(0, MAX_FEW);
}
