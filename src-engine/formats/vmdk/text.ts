/** The text of a disk in one file: VMware, "Virtual Disk Format 5.0", "The Descriptor File". */
import { randomBytes } from 'node:crypto';
import { SECTOR_BYTES } from './struct.ts';

/** Sectors that hold it: as VMware's own tools leave. */
export const DESCRIPTOR_SECTORS = 20;

const HEADS = 255;
const SECTORS_PER_TRACK = 63;
const CYLINDERS_MAX = 65_535;

/** @returns the text, padded with zeros to its sectors */
export function descriptorOf(createType: 'monolithicSparse' | 'streamOptimized', sectors: number): Buffer {
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
    // readers of a disk in one file go by the file, whatever its name is by now
    `RW ${sectors} SPARSE "disk.vmdk"`,
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
  const bytes = Buffer.alloc(DESCRIPTOR_SECTORS * SECTOR_BYTES);
  bytes.write(lines.join('\n'), 'utf8');
  return bytes;
}
