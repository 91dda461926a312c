/** What every VDI that is written here has in common. See FORMAT.md. */
import { randomBytes } from 'node:crypto';
import { HEADER_BYTES, SIGNATURE, vdiHeader, VERSION_1_1, type TYPE } from './struct.ts';

export const BLOCK_BYTES = 1024 * 1024;

export interface VdiPlaces {
  readonly lengthBytes: number;
  readonly mapOffset: number;
  readonly dataOffset: number;
  readonly allocatedCount: number;
}

/** @returns the first sector of the file */
export function vdiHeaderOf(type: (typeof TYPE)[keyof typeof TYPE], places: VdiPlaces): Buffer {
  const { lengthBytes, mapOffset, dataOffset, allocatedCount } = places;
  const header = Buffer.alloc(512);
  vdiHeader.write(header, {
    fileInfo: '<<< Oracle VM VirtualBox Disk Image >>>\n',
    signature: SIGNATURE,
    version: VERSION_1_1,
    headerBytes: HEADER_BYTES,
    type,
    blocksOffset: mapOffset,
    dataOffset,
    legacySectorBytes: 512,
    diskBytes: BigInt(lengthBytes),
    blockBytes: BLOCK_BYTES,
    blockCount: Math.ceil(lengthBytes / BLOCK_BYTES),
    allocatedCount,
    uuidCreate: randomUuid(),
    uuidModify: randomUuid(),
  });
  return header;
}

/** Version 4, as bytes: VirtualBox refuses disks without one. */
function randomUuid(): Buffer {
  const bytes = randomBytes(16);
  // little-endian: the version is in the upper half of the third group
  bytes[7] = (bytes[7] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes;
}
