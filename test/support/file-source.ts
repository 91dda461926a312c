/** A file of a test as a disk of 512-byte sectors; every byte of it has to be accounted for. */
import { open } from 'node:fs/promises';
import type { BlockSource } from '../../src-engine/disk/block-source.port.ts';
import { accountOf } from './account.ts';

export async function fileSource(path: string): Promise<BlockSource> {
  const file = await open(path);
  const source: BlockSource = {
    lengthBytes: (await file.stat()).size,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    async readInto(offsetBytes, into) {
      await file.read(into, 0, into.length, offsetBytes);
    },
    close: () => file.close(),
  };
  await accountOf(source);
  return source;
}
