/** Reading many blocks of a volume at once. */
import { checkSpan } from '../../core/bounds.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';

/** Reads under way at once: enough for a disk to sort them. */
const READS_AT_ONCE = 64;

/**
 * @param blocks block numbers in any order; those that follow each other are read in one go
 * @returns the blocks, one after the other in the order given
 * @throws EngineError `FORMAT_INVALID` where a block is outside the volume; `READ_FAILED`
 */
export async function readBlocks(volume: BlockSource, blockBytes: number, blocks: readonly number[]): Promise<Buffer> {
  const into = Buffer.alloc(blocks.length * blockBytes);
  const pieces: { offsetBytes: number; piece: Buffer }[] = [];
  for (let first = 0; first < blocks.length;) {
    let next = first + 1;
    while (next < blocks.length && blocks[next] === blocks[next - 1] + 1) next++;
    const piece = into.subarray(first * blockBytes, next * blockBytes);
    const offsetBytes = blocks[first] * blockBytes;
    checkSpan('block', offsetBytes, piece.length, volume.lengthBytes);
    pieces.push({ offsetBytes, piece });
    first = next;
  }
  for (let at = 0; at < pieces.length; at += READS_AT_ONCE) {
    const window = pieces.slice(at, at + READS_AT_ONCE);
    await Promise.all(window.map(({ offsetBytes, piece }) => volume.readInto(offsetBytes, piece)));
  }
  return into;
}
