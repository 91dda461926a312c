/** A file of a test as a disk of 512-byte sectors. */
import { open } from 'node:fs/promises';
import type { BlockSource } from '../../src-engine/disk/block-source.port.ts';

export async function fileSource(path: string): Promise<BlockSource> {
  const file = await open(path);
  return {
    lengthBytes: (await file.stat()).size,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    async readInto(offsetBytes, into) {
      await file.read(into, 0, into.length, offsetBytes);
    },
    close: () => file.close(),
  };
}
