/** Writes dynamic VDI images: header, block map, and blocks of 1 MiB in the order in which they came. See FORMAT.md. */
import { blockWriter } from '../block-writer.ts';
import type { CreateImage, LengthRule } from '../image-writer.port.ts';
import { roundedLength } from '../length-rule.ts';
import { TableWriter } from '../table-writer.ts';
import { BLOCK_BYTES, vdiHeaderOf } from './layout.ts';
import { TYPE } from './struct.ts';

const MAP_OFFSET = 1024 * 1024;

const mapBytes = (lengthBytes: number) => Math.ceil(lengthBytes / BLOCK_BYTES) * 4;
const dataOffset = (lengthBytes: number) => MAP_OFFSET + Math.ceil(mapBytes(lengthBytes) / BLOCK_BYTES) * BLOCK_BYTES;

export const VDI_LENGTH: LengthRule = {
  stepBytes: 512,
  maxBytes: 2 ** 50,
  overheadBytes: (lengthBytes) => dataOffset(lengthBytes),
};

export const createVdi: CreateImage = async (file, wantedBytes) => {
  const lengthBytes = roundedLength('VDI', VDI_LENGTH, wantedBytes);
  const blockCount = Math.ceil(lengthBytes / BLOCK_BYTES);
  const firstBlock = dataOffset(lengthBytes);
  const map = new TableWriter(file, { places: [MAP_OFFSET], entries: blockCount, entryBytes: 4, fill: 0xff });
  let allocatedCount = 0;
  return blockWriter(file, {
    lengthBytes,
    blockBytes: BLOCK_BYTES,
    async place(block) {
      const number = allocatedCount++;
      await map.set(block, (page, at) => page.writeUInt32LE(number, at));
      return firstBlock + number * BLOCK_BYTES;
    },
    async finish() {
      await map.finish();
      await file.setLength(firstBlock + allocatedCount * BLOCK_BYTES);
      await file.sync();
      const header = vdiHeaderOf(TYPE.DYNAMIC, {
        lengthBytes,
        mapOffset: MAP_OFFSET,
        dataOffset: firstBlock,
        allocatedCount,
      });
      await file.write(0, header);
    },
  });
};
