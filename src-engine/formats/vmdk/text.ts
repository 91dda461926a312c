/** The text of a disk, in its file or beside it: VMware, "Virtual Disk Format 5.0", "The Descriptor File". */
import { randomBytes } from 'node:crypto';
import { SECTOR_BYTES } from './struct.ts';

/** Sectors that hold it: as VMware's own tools leave. */
export const DESCRIPTOR_SECTORS = 20;

const HEADS = 255;
const SECTORS_PER_TRACK = 63;
const CYLINDERS_MAX = 65_535;

/** @returns the text of a disk that carries it, padded with zeros to its sectors */
export function descriptorOf(createType: 'monolithicSparse' | 'streamOptimized', sectors: number): Buffer {
  const bytes = Buffer.alloc(DESCRIPTOR_SECTORS * SECTOR_BYTES);
  // readers of a disk in one file go by the file, whatever its name is by now
  bytes.write(textOf(createType, sectors, 'SPARSE "disk.vmdk"'), 'utf8');
  return bytes;
}

/** Where the raw disk lies of a text at `path`: 'NAME-flat.vmdk' beside 'NAME.vmdk'. */
export const flatNameOf = (path: string): string => `${path.replace(/\.vmdk$/i, '')}-flat.vmdk`;

/** @param extentName of the raw disk that lies beside the text: no quotation marks, no line ends @returns the text, a file of its own */
export function flatDescriptorOf(sectors: number, extentName: string): Buffer {
  return Buffer.from(textOf('monolithicFlat', sectors, `FLAT "${extentName}" 0`), 'utf8');
}

function textOf(createType: string, sectors: number, extent: string): string {
  const cylinders = Math.min(CYLINDERS_MAX, Math.ceil(sectors / (HEADS * SECTORS_PER_TRACK)));
  // 0xffffffff and 0xfffffffe mean that there is none
  const cid = (randomBytes(4).readUInt32LE() % 0xfffffffe).toString(16).padStart(8, '0');
  const lines = [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${cid}`,
    'parentCID=ffffffff',
    `createType="${createType}"`,
    '',
    '# Extent description',
    `RW ${sectors} ${extent}`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    'ddb.virtualHWVersion = "4"',
    'ddb.adapterType = "lsilogic"',
    `ddb.geometry.cylinders = "${cylinders}"`,
    `ddb.geometry.heads = "${HEADS}"`,
    `ddb.geometry.sectors = "${SECTORS_PER_TRACK}"`,
    '',
  ];
  return lines.join('\n');
}
