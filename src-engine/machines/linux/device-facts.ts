/** What a disk tells about itself, from sysfs; the serial number from udev's database where the kernel does not have it. */
import path from 'node:path';
import type { DeviceIdentity, PlaceView } from '../../contract/disk.contract.ts';
import type { BlockNode } from './block-tree.ts';
import { attribute, bytesOf, type KernelRoots } from './kernel-files.ts';

export interface DeviceFacts {
  readonly bus: string;
  readonly isRemovable: boolean;
  readonly isReadOnly: boolean;
  readonly isRotational: boolean;
}

export function deviceFacts(node: BlockNode): DeviceFacts {
  const bus = busOf(node);
  return {
    bus,
    isRemovable: attribute(node.folder, 'removable') === '1' || bus === 'usb',
    isReadOnly: attribute(node.folder, 'ro') === '1',
    isRotational: attribute(node.folder, 'queue/rotational') === '1' && bus !== 'loop',
  };
}

export function devicePlace(roots: KernelRoots, node: BlockNode): PlaceView {
  const sectorBytes = Number(attribute(node.folder, 'queue/logical_block_size')) || 512;
  return {
    kind: 'device',
    path: node.path,
    model: modelOf(node),
    serial: serialOf(roots, node),
    lengthBytes: node.lengthBytes,
    sectorBytes,
    physicalSectorBytes: Number(attribute(node.folder, 'queue/physical_block_size')) || sectorBytes,
    identity: identityOf(roots, node),
  };
}

function identityOf(roots: KernelRoots, node: BlockNode): DeviceIdentity {
  const record = attribute(roots.udev, `b${node.number}`);
  return {
    number: node.number,
    wwn:
      attribute(node.folder, 'wwid') ||
      attribute(node.folder, 'device/wwid') ||
      (/^E:ID_WWN=(.+)$/m.exec(record)?.[1].trim() ?? ''),
    ids: [...record.matchAll(/^S:disk\/(by-(?:id|path)\/.+)$/gm)].map(([, id]) => id.trim()).sort(),
    // Since Linux 5.15.
    generation: attribute(node.folder, 'diskseq'),
  };
}

const BUS_BY_NAME: [RegExp, string][] = [
  [/^nvme/, 'nvme'],
  [/^loop/, 'loop'],
  [/^mmcblk/, 'mmc'],
  [/^nbd/, 'nbd'],
  [/^xvd/, 'xen'],
];
/** The most telling part of the way from the root of the device tree to the disk. */
const BUS_BY_FOLDER: [RegExp, string][] = [
  [/\/usb\d/, 'usb'],
  [/\/virtio\d/, 'virtio'],
  [/\/ata\d/, 'sata'],
  [/\/end_device-/, 'sas'],
];

function busOf({ name, folder }: BlockNode): string {
  const known = BUS_BY_NAME.find(([names]) => names.test(name)) ?? BUS_BY_FOLDER.find(([way]) => way.test(folder));
  return known?.[1] ?? 'other';
}

function modelOf(node: BlockNode): string {
  if (node.backingFile !== null) return path.basename(node.backingFile);
  const vendor = attribute(node.folder, 'device/vendor');
  const model = attribute(node.folder, 'device/model') || attribute(node.folder, 'device/name');
  // "ATA" is what the kernel's translation says for every SATA disk; a number is a PCI vendor.
  const isMaker = vendor !== 'ATA' && !vendor.startsWith('0x');
  return (isMaker ? `${vendor} ${model}` : model).replace(/\s+/g, ' ').trim();
}

function serialOf(roots: KernelRoots, node: BlockNode): string {
  return (
    attribute(node.folder, 'serial') ||
    attribute(node.folder, 'device/serial') ||
    scsiSerial(node) ||
    usbSerial(node) ||
    udevSerial(roots, node)
  );
}

/** Vital product data page 0x80, unit serial number (SPC-5 section 7.7.19): four bytes of header, the length in the last two. */
function scsiSerial(node: BlockNode): string {
  const page = bytesOf(node.folder, 'device/vpd_pg80');
  return page.length < 4
    ? ''
    : page
        .toString('latin1', 4, 4 + page.readUInt16BE(2))
        .replace(/\0/g, '')
        .trim();
}

/** The nearest USB device on the way up; its interfaces and the hosts in between have no vendor. */
function usbSerial(node: BlockNode): string {
  if (busOf(node) !== 'usb') return '';
  for (let folder = node.folder; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (attribute(folder, 'idVendor')) return attribute(folder, 'serial');
  }
  return '';
}

function udevSerial(roots: KernelRoots, node: BlockNode): string {
  const record = attribute(roots.udev, `b${node.number}`);
  return /^E:ID_SERIAL_SHORT=(.+)$/m.exec(record)?.[1].trim() ?? '';
}
