/** What every VDI that is written here has in common. See FORMAT.md. */
import { randomUUID } from 'node:crypto';
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
    // VirtualBox refuses disks without them
    uuidCreate: randomUUID(),
    uuidModify: randomUUID(),
  });
  return header;
}
