/** Turns a raw disk into a fixed VDI where it lies: only the first blocks move, to the end. See FORMAT.md. */
import type { InPlace, RawFile } from '../in-place.port.ts';
import { roundedLength } from '../length-rule.ts';
import { readPadded, writeWhole } from '../whole-writes.ts';
import { BLOCK_BYTES, vdiHeaderOf } from './layout.ts';
import { TYPE } from './struct.ts';
import { VDI_LENGTH } from './writer.ts';

const MAP_OFFSET = 512;
const MAP_PIECE_BYTES = BLOCK_BYTES;

/**
 * Fixed: every block has a place, and what was a hole of the file is one still. A dynamic VDI has no gaps, since programs put a new block behind
 * as many as there are. Between the map and the header the file is neither raw nor VDI.
 */
export const turnIntoVdi: InPlace = async (raw, signal) => {
  const { handle, path } = raw;
  const lengthBytes = roundedLength('VDI', VDI_LENGTH, raw.lengthBytes);
  const blockCount = Math.ceil(lengthBytes / BLOCK_BYTES);
  // blocks of the disk that lie under header and map
  const under = Math.ceil((MAP_OFFSET + blockCount * 4) / BLOCK_BYTES);
  const dataOffset = under * BLOCK_BYTES;
  await moveFirst(raw, under, blockCount);
  await handle.truncate((under + blockCount) * BLOCK_BYTES);
  await handle.sync();
  signal.throwIfAborted();
  await writeWhole(handle, path, 0, Buffer.alloc(MAP_OFFSET));
  for (let first = 0; first < blockCount; first += MAP_PIECE_BYTES / 4) {
    const piece = Buffer.alloc(Math.min(MAP_PIECE_BYTES, (blockCount - first) * 4));
    for (let i = 0; i < piece.length / 4; i++) {
      const block = first + i;
      const place = block < under ? blockCount - under + block : block - under;
      piece.writeUInt32LE(place, i * 4);
    }
    await writeWhole(handle, path, MAP_OFFSET + first * 4, piece);
  }
  const mapEnd = MAP_OFFSET + blockCount * 4;
  await writeWhole(handle, path, mapEnd, Buffer.alloc(dataOffset - mapEnd));
  await handle.sync();
  const header = vdiHeaderOf(TYPE.FIXED, {
    lengthBytes,
    mapOffset: MAP_OFFSET,
    dataOffset,
    allocatedCount: blockCount,
  });
  await writeWhole(handle, path, 0, header);
  await handle.sync();
};

async function moveFirst({ handle, path }: RawFile, under: number, blockCount: number): Promise<void> {
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let i = 0; i < under; i++) {
    await readPadded(handle, path, i * BLOCK_BYTES, block);
    if (block.some((byte) => byte !== 0)) await writeWhole(handle, path, (blockCount + i) * BLOCK_BYTES, block);
  }
}
