/** Reads OVF descriptors: the disks of a machine, and what is said of it. DMTF DSP0243 1.x and 2.x; hardware as in DSP1041. */
import type { Element } from '@xmldom/xmldom';
import { NOTHING_RECORDED, type RecordedConfiguration } from '../../contract/template.contract.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { attribute, find, parseXml, textOf } from '../../core/xml.ts';
import { checkSiblingName, isSiblingName } from '../sibling-name.ts';

export const MAX_DESCRIPTOR_BYTES = 4 * 1024 * 1024;
const MAX_DISKS = 256;
const MAX_NETWORKS = 100;
const SECTOR_BYTES = 512;
const MAX_TEXT = 200;

export interface DescribedDisk extends Attached {
  /** plain name of the file beside the descriptor */
  readonly fileName: string;
  /** as the descriptor writes it: some programs call the file so, escapes and all */
  readonly writtenName: string;
  /** null: one file; else files of so many bytes, `NAME.000000000` and on (DSP0243, "ovf:chunkSize") */
  readonly chunks: { readonly chunkBytes: number; readonly lengthBytes: number } | null;
  /** as the descriptor says it; null: it does not, or in no number of sectors */
  readonly saidBytes: number | null;
  /** the file's compression, for the caller to refuse; '' for none */
  readonly compression: string;
  /** a disc in a drive, and none of the machine's disks */
  readonly isOptical: boolean;
  /** what was written since a snapshot, on another of its disks */
  readonly isDelta: boolean;
}

/** A disk without a file: it holds nothing yet (DSP0243, "ovf:fileRef"). */
export interface EmptyDisk extends Attached {
  /** its id in the descriptor */
  readonly id: string;
  readonly capacityBytes: number;
}

/** Where a disk is plugged in, as far as the machine's hardware says. */
interface Attached {
  /** 'ide', 'scsi', 'sata', 'nvme', 'virtio', 'usb' */
  readonly bus: string | null;
  /** of the controller, and on it: '0:1' */
  readonly address: string | null;
}

export interface Descriptor {
  readonly name: string;
  /** those that have files */
  readonly disks: readonly DescribedDisk[];
  /** those too that have none, in the order of the machine's */
  readonly all: readonly (DescribedDisk | EmptyDisk)[];
  readonly configuration: RecordedConfiguration;
}

/** Whether the first bytes of a file look like a descriptor: XML with an Envelope. */
export function looksLikeDescriptor(head: Buffer): boolean {
  return (
    /^(\xef\xbb\xbf)?\s*<(\?xml|!--|(\w+:)?Envelope)/.test(head.toString('latin1', 0, 200)) &&
    /<(\w+:)?Envelope[\s>]/.test(head.toString('latin1'))
  );
}

/**
 * @param bytes at most {@link MAX_DESCRIPTOR_BYTES}
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for several machines in one, and for files that lie elsewhere
 */
export function parseDescriptor(bytes: Buffer): Descriptor {
  try {
    return descriptorOf(bytes);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    // the parser goes down into elements by calling itself
    throw new EngineError('FORMAT_INVALID', { field: 'OVF descriptor', value: 'XML' }, '', { cause: error });
  }
}

function descriptorOf(bytes: Buffer): Descriptor {
  const envelope = parseXml(bytes.toString('utf8'), 'OVF descriptor', 'Envelope');
  const systems = [...find(envelope, 'VirtualSystem')];
  if (systems.length > 1) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'several machines in one OVF' });
  const system = systems[0] ?? envelope;
  const files = new Map([...find(envelope, 'File')].map((file) => [attribute(file, 'id'), file]));
  const drives = drivesOf(system);
  const all: (DescribedDisk | EmptyDisk)[] = [];
  const orders = new Map<DescribedDisk | EmptyDisk, number | null>();
  for (const disk of find(envelope, 'Disk')) {
    const reference = attribute(disk, 'fileRef');
    const id = attribute(disk, 'diskId');
    const { bus = null, address = null, isOptical = false, order = null } = drives.get(id) ?? {};
    if (reference === '') {
      const capacityBytes = capacityOf(disk);
      if (capacityBytes === null || isOptical) continue;
      const empty = { id: short(id), bus, address, capacityBytes };
      all.push(empty);
      orders.set(empty, order);
      continue;
    }
    const file = files.get(reference);
    if (!file) throw new EngineError('FORMAT_INVALID', { field: 'fileRef', value: reference.slice(0, MAX_TEXT) });
    const compression = attribute(file, 'compression');
    const href = attribute(file, 'href');
    const described = {
      bus,
      address,
      isOptical: isOptical || OPTICAL_FORMAT.test(attribute(disk, 'format')),
      isDelta: attribute(disk, 'parentRef') !== '',
      fileName: checkSiblingName(decodedName(href)),
      writtenName: isSiblingName(href) ? href : decodedName(href),
      chunks: chunksOf(file),
      saidBytes: capacityOf(disk),
      compression: compression === 'identity' ? '' : compression,
    };
    all.push(described);
    orders.set(described, order);
    if (all.length > MAX_DISKS) throw new EngineError('FORMAT_INVALID', { field: 'Disk', max: MAX_DISKS });
  }
  sortByDrive(all, orders);
  const disks = all.filter((disk) => 'fileName' in disk);
  return { name: short(textOf(system, 'Name')), disks, all, configuration: configurationOf(system) };
}

function configurationOf(system: Element): RecordedConfiguration {
  const networks: string[] = [];
  let cpus: number | null = null;
  let memoryBytes: number | null = null;
  for (const item of hardware(system)) {
    const quantity = Number(textOf(item, 'VirtualQuantity'));
    const type = textOf(item, 'ResourceType');
    if (type === '3' && isCount(quantity, 100_000)) cpus = (cpus ?? 0) + quantity;
    if (type === '4') {
      const bytes = quantity * unitBytes(textOf(item, 'AllocationUnits'));
      if (isCount(bytes, Number.MAX_SAFE_INTEGER)) memoryBytes = bytes;
    }
    if (type === '10' && networks.length < MAX_NETWORKS) networks.push(short(textOf(item, 'Connection')));
  }
  const os = [...find(system, 'OperatingSystemSection')][0];
  const operatingSystem = os ? short(textOf(os, 'Description')) || short(attribute(os, 'osType')) : '';
  return {
    ...NOTHING_RECORDED,
    operatingSystem: operatingSystem || null,
    bootMode: bootModeOf(system),
    cpus: cpus !== null && isCount(cpus, 100_000) ? cpus : null,
    memoryBytes,
    networks,
  };
}

/** More than any disk has, and few enough to be counted exactly. */
const MAX_CAPACITY_BYTES = 2 ** 50;

/** @returns null where it is not said in numbers, or no disk has that length */
function capacityOf(disk: Element): number | null {
  const units = attribute(disk, 'capacityAllocationUnits');
  const bytes = Number(attribute(disk, 'capacity') || NaN) * (units === '' ? 1 : unitBytes(units));
  return isCount(bytes, MAX_CAPACITY_BYTES) && bytes % SECTOR_BYTES === 0 ? bytes : null;
}

/** DSP0243 names formats by their specifications: of discs, ECMA-119. */
const OPTICAL_FORMAT = /ecma-?119|iso-?9660|\.iso\b/i;
const DISK_DRIVE = '17';
const OPTICAL_DRIVES = ['15', '16'];
/** `ovf:/disk/ID`, as DSP0243 has it, or `/disk/ID`, as older programs write it. */
const HOST_DISK = /^(?:ovf:)?\/disk\/(.+)$/;
const ADDRESS = /^\d{1,5}$/;
const MAX_ADDRESSES = 100_000;

interface Drive extends Attached {
  readonly isOptical: boolean;
  /** by controller, in the order in which these are told, and by address; null: it is not told */
  readonly order: number | null;
}

/** A list of disks has no order of its own: that of the machine is where each is plugged in, as far as all of them say it. */
function sortByDrive<D>(disks: D[], orders: ReadonlyMap<D, number | null>): void {
  const orderOf = (disk: D) => orders.get(disk) ?? null;
  if (disks.every((disk) => orderOf(disk) !== null)) disks.sort((a, b) => orderOf(a)! - orderOf(b)!);
}

/** The drives of the machine by the disk that each holds. DSP1041: ResourceType, Parent, AddressOnParent. */
function drivesOf(system: Element): Map<string, Drive> {
  const items = [...hardware(system)];
  const controllers = new Map(items.map((item) => [textOf(item, 'InstanceID'), item]));
  const drives = new Map<string, Drive>();
  for (const item of items) {
    const type = textOf(item, 'ResourceType');
    const disk = HOST_DISK.exec(textOf(item, 'HostResource'))?.[1];
    const isOptical = OPTICAL_DRIVES.includes(type);
    if (disk === undefined || !(isOptical || type === DISK_DRIVE)) continue;
    const controller = controllers.get(textOf(item, 'Parent'));
    const places = [controller ? textOf(controller, 'Address') : '', textOf(item, 'AddressOnParent')];
    const address = places.filter((place) => ADDRESS.test(place)).join(':') || null;
    const isTold = controller !== undefined && ADDRESS.test(places[1]);
    const order = isTold ? items.indexOf(controller) * MAX_ADDRESSES + Number(places[1]) : null;
    drives.set(disk, { bus: controller ? busOf(controller) : null, address, isOptical, order });
  }
  return drives;
}

/** CIM ResourceType: 5 IDE, 6 SCSI, 20 other storage, told apart by its subtype, 23 USB. */
function busOf(controller: Element): string | null {
  const type = textOf(controller, 'ResourceType');
  const subtype = textOf(controller, 'ResourceSubType').toLowerCase();
  if (type === '5') return 'ide';
  if (subtype.includes('nvme')) return 'nvme';
  if (subtype.includes('virtio')) return 'virtio';
  if (type === '6') return 'scsi';
  if (type === '23') return 'usb';
  return type === '20' ? 'sata' : null;
}

function* hardware(system: Element): Generator<Element> {
  for (const name of ['Item', 'EthernetPortItem', 'StorageItem']) yield* find(system, name);
}

/** As VMware (`firmware`), and as VirtualBox writes it (`Firmware type`). */
function bootModeOf(system: Element): RecordedConfiguration['bootMode'] {
  const told = [
    ...[...find(system, 'Config'), ...find(system, 'ExtraConfig')]
      .filter((config) => attribute(config, 'key') === 'firmware')
      .map((config) => attribute(config, 'value')),
    ...[...find(system, 'Firmware')].map((firmware) => attribute(firmware, 'type')),
  ].map((word) => word.toLowerCase());
  if (told.some((word) => word.startsWith('efi'))) return 'uefi';
  return told.includes('bios') ? 'bios' : null;
}

/** 'byte * 2^20', or a word of older versions. DSP0004, programmatic units. */
function unitBytes(units: string): number {
  const power = /2\s*\^\s*(\d{1,2})/.exec(units);
  if (power) return 2 ** Number(power[1]);
  if (/^(kilo|kb)/i.test(units)) return 2 ** 10;
  if (/^(giga|gb)/i.test(units)) return 2 ** 30;
  return units === 'byte' ? 1 : 2 ** 20;
}

function isCount(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value > 0 && value <= max;
}

/** Nobody cuts a disk in more. */
const MAX_CHUNKS = 10_000;

/** @throws EngineError `FORMAT_INVALID` where chunks have no length, or there would be too many */
function chunksOf(file: Element): DescribedDisk['chunks'] {
  const size = attribute(file, 'chunkSize');
  if (size === '') return null;
  const digits = (text: string) => (/^\d+$/.test(text) ? Number(text) : NaN);
  const chunkBytes = checkRange('chunkSize', digits(size), 1, Number.MAX_SAFE_INTEGER);
  const lengthBytes = checkRange('size', digits(attribute(file, 'size')), 1, Number.MAX_SAFE_INTEGER);
  checkRange('chunkSize', Math.ceil(lengthBytes / chunkBytes), 1, MAX_CHUNKS);
  return { chunkBytes, lengthBytes };
}

/** @returns the plain names of the files of a disk in chunks, in order */
export function chunkNames(name: string, { chunkBytes, lengthBytes }: NonNullable<DescribedDisk['chunks']>): string[] {
  const count = Math.ceil(lengthBytes / chunkBytes);
  return Array.from({ length: count }, (_, i) => `${name}.${String(i).padStart(9, '0')}`);
}

/** A reference is a URL: a plain name may have its blanks escaped. */
function decodedName(href: string): string {
  try {
    return decodeURIComponent(href);
  } catch {
    return href;
  }
}

function short(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT);
}
