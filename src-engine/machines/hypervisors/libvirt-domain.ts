/** Reads the definitions of libvirt's machines. Source: libvirt, "Domain XML format", of version 9. */
import { basename, isAbsolute } from 'node:path';
import type { Element } from '@xmldom/xmldom';
import type { Vm, VmDisk } from '../../contract/vm.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import { attribute, childNamed, childrenNamed, parseXml, textOf } from '../../core/xml.ts';
import { countOf, short } from './vm-text.ts';

const MAX_PATH = 4096;
const MAX_DEVICES = 1000;
const FIELD = 'libvirt domain';
/** The channel that the agent in a guest speaks on. Source: QEMU, "QEMU Guest Agent". */
export const GUEST_AGENT = 'org.qemu.guest_agent.0';

type Definition = Omit<Vm, 'place' | 'hypervisor' | 'state' | 'snapshots'>;

/** @throws EngineError `FORMAT_INVALID` (data: field, value) */
export const domainOf = (xml: string): Element => parseXml(xml, FIELD, 'domain');

/** @throws EngineError `FORMAT_INVALID` (data: field, value) for more devices than a machine has */
export function machineOf(domain: Element): Definition {
  const os = childNamed(domain, 'os');
  const type = childNamed(os, 'type');
  const devices = childNamed(domain, 'devices');
  return {
    name: short(textOf(domain, 'name')) ?? '',
    id: short(textOf(domain, 'uuid')) ?? '',
    operatingSystem: operatingSystemOf(domain),
    processors: countOf(textOf(domain, 'vcpu')),
    memoryBytes: memoryOf(childNamed(domain, 'memory')),
    firmware: firmwareOf(os, type),
    hasSecureBoot: attribute(childNamed(os, 'loader'), 'secure') === 'yes' || hasFeature(os, 'secure-boot'),
    hasTpm: childNamed(devices, 'tpm') !== null,
    machineType: short(attribute(type, 'machine')),
    architecture: short(attribute(type, 'arch')),
    disks: listed(devices, 'disk').map(diskOf),
    networks: listed(devices, 'interface').map((card) => ({
      mac: short(attribute(childNamed(card, 'mac'), 'address')),
      model: short(attribute(childNamed(card, 'model'), 'type')),
      to: toOf(card),
    })),
  };
}

/** @throws EngineError `FORMAT_INVALID` */
export function listed(devices: Element | null, name: string): Element[] {
  const found = devices ? [...childrenNamed(devices, name)] : [];
  if (found.length > MAX_DEVICES)
    throw new EngineError('FORMAT_INVALID', { field: FIELD, value: name, max: MAX_DEVICES });
  return found;
}

/** A disk that is a volume of a pool: only its pool knows where it is. */
export interface PoolVolume {
  readonly pool: string;
  readonly volume: string;
}

/** Of each of its disks, in the order of {@link machineOf}. */
export function poolVolumesOf(domain: Element): (PoolVolume | null)[] {
  return listed(childNamed(domain, 'devices'), 'disk').map((disk) => {
    const source = childNamed(disk, 'source');
    const [pool, volume] = [attribute(source, 'pool'), attribute(source, 'volume')];
    return attribute(disk, 'type') === 'volume' && pool && volume ? { pool, volume } : null;
  });
}

function diskOf(disk: Element): VmDisk {
  const target = childNamed(disk, 'target');
  return {
    name: short(attribute(target, 'dev')) ?? '',
    isOptical: ['cdrom', 'floppy'].includes(attribute(disk, 'device')),
    bus: short(attribute(target, 'bus')),
    ...placeOf(disk),
    format: short(attribute(childNamed(disk, 'driver'), 'type')),
    isReadOnly: childNamed(disk, 'readonly') !== null,
    isShared: childNamed(disk, 'shareable') !== null,
    serial: short(textOf(disk, 'serial')),
    bootOrder: bootOrderOf(disk),
  };
}

export const bootOrderOf = (device: Element) => countOf(attribute(childNamed(device, 'boot'), 'order'));

/** A path that does not start at the root is the hypervisor's own business. */
function placeOf(disk: Element): Pick<VmDisk, 'placed' | 'path'> {
  const source = childNamed(disk, 'source');
  const type = attribute(disk, 'type');
  const path = attribute(source, { file: 'file', block: 'dev' }[type] ?? '');
  if (isAbsolute(path) && path.length <= MAX_PATH && !path.includes('\0'))
    return { placed: type === 'file' ? 'file' : 'device', path };
  const told = [attribute(source, 'pool'), attribute(source, 'volume') || attribute(source, 'name')].filter(Boolean);
  if (path === '' && told.length === 0) return { placed: 'absent', path: null };
  return { placed: 'elsewhere', path: short(path || `${type} ${told.join('/')}`) };
}

/** What a card is plugged into, in one word or two: 'network default', 'bridge br0', 'user'. */
function toOf(card: Element): string | null {
  const type = attribute(card, 'type');
  const source = childNamed(card, 'source');
  return short([type, attribute(source, type) || attribute(source, 'dev')].filter(Boolean).join(' '));
}

/** `firmware='efi'`, or a loader that is flash memory; a machine without a word of it starts by BIOS where it is a PC. */
function firmwareOf(os: Element | null, type: Element | null): Vm['firmware'] {
  const said = attribute(os, 'firmware');
  if (said === 'efi' || attribute(childNamed(os, 'loader'), 'type') === 'pflash') return 'uefi';
  if (said === 'bios') return 'bios';
  return /^(i.86|x86_64)$/.test(attribute(type, 'arch')) && childNamed(os, 'kernel') === null ? 'bios' : null;
}

function hasFeature(os: Element | null, name: string): boolean {
  const firmware = childNamed(os, 'firmware');
  return (
    firmware !== null &&
    [...childrenNamed(firmware, 'feature')].some(
      (feature) => attribute(feature, 'name') === name && attribute(feature, 'enabled') === 'yes',
    )
  );
}

/** libosinfo's address of a system, as installers write it into the metadata: 'http://debian.org/debian/12' is 'debian 12'. */
function operatingSystemOf(domain: Element): string | null {
  const info = childNamed(childNamed(domain, 'metadata'), 'libosinfo');
  const address = attribute(childNamed(info, 'os'), 'id');
  const [system, release] = address.split('/').slice(-2);
  return address === '' ? null : short([system, release && basename(release)].filter(Boolean).join(' '));
}

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  bytes: 1,
  KB: 1e3,
  k: 2 ** 10,
  KiB: 2 ** 10,
  MB: 1e6,
  M: 2 ** 20,
  MiB: 2 ** 20,
  GB: 1e9,
  G: 2 ** 30,
  GiB: 2 ** 30,
  TB: 1e12,
  T: 2 ** 40,
  TiB: 2 ** 40,
};

function memoryOf(memory: Element | null): number | null {
  const count = countOf(memory?.textContent?.trim() ?? '');
  return count && bytesOf(count, attribute(memory, 'unit') || 'KiB');
}

/** @returns null where it is no unit of libvirt's, or more than anybody has */
export function bytesOf(count: number, unit: string): number | null {
  const bytes = count * (UNITS[unit] ?? NaN);
  return Number.isSafeInteger(bytes) ? bytes : null;
}
