/** Writes raw disks packed with zstd: a frame for every few megabytes, compressed side by side. RFC 8878 lets frames follow each other. */
import { promisify } from 'node:util';
import { constants, zstdCompress } from 'node:zlib';
import { checkSpan } from '../../core/bounds.ts';
import type { CreateImage } from '../../formats/image-writer.port.ts';
import { InOrder } from '../../formats/in-order.ts';

const compress = promisify(zstdCompress) as (bytes: Uint8Array, options: object) => Promise<Buffer>;

const BLOCK_BYTES = 4 * 1024 * 1024;
/** Long stretches without data become copies of one frame of so many zeros. */
const HOLE_BYTES = 64 * 1024 * 1024;
const OPTIONS = {
  params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 },
};

export const createRawZstd: CreateImage = async (file, lengthBytes) => {
  const hole = await compress(Buffer.alloc(HOLE_BYTES), OPTIONS);
  let fileBytes = 0;
  const frames = new InOrder<Buffer>(async (frame) => {
    await file.write(fileBytes, frame);
    fileBytes += frame.length;
  });
  // the block that is being filled, and where it begins on the disk
  let block = Buffer.alloc(BLOCK_BYTES);
  let blockStart = 0;
  let filled = 0;

  async function endBlock(): Promise<void> {
    if (filled === 0) return;
    const bytes = block.subarray(0, filled);
    block = Buffer.alloc(BLOCK_BYTES);
    blockStart += filled;
    filled = 0;
    await frames.add(() => compress(bytes, OPTIONS));
  }

  async function zerosTo(endBytes: number): Promise<void> {
    for (let left = endBytes - blockStart - filled; left > 0; left = endBytes - blockStart - filled) {
      if (left >= HOLE_BYTES) {
        await endBlock();
        blockStart += HOLE_BYTES;
        await frames.add(async () => hole);
      } else {
        const length = Math.min(left, BLOCK_BYTES - filled);
        filled += length;
        if (filled === BLOCK_BYTES) await endBlock();
      }
    }
  }

  return {
    lengthBytes,
    async write(offsetBytes, bytes) {
      checkSpan('write', offsetBytes, bytes.length, lengthBytes);
      await zerosTo(offsetBytes);
      for (let done = 0; done < bytes.length;) {
        const piece = bytes.subarray(done, done + BLOCK_BYTES - filled);
        block.set(piece, filled);
        filled += piece.length;
        done += piece.length;
        if (filled === BLOCK_BYTES) await endBlock();
      }
    },
    async finish() {
      await zerosTo(lengthBytes);
      await endBlock();
      await frames.finish();
      await file.sync();
      await file.close();
    },
    async abort() {
      await frames.settle();
      await file.discard();
    },
  };
};
