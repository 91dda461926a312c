/** Where a zstd frame ends: RFC 8878, sections 3.1.1.1 (frame header) and 3.1.1.2 (blocks). */
import { EngineError } from './engine-error.ts';

const MAGIC = 0xfd2fb528;
const BLOCK_RLE = 1;
const BLOCK_RESERVED = 3;

/** @returns length of the frame at the beginning of `bytes` @throws EngineError `FORMAT_INVALID` where there is none that is whole */
export function zstdFrameBytes(bytes: Buffer): number {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== MAGIC) throw invalid('no frame');
  const descriptor = bytes[4];
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6];
  let at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes;
  for (let isLast = false; !isLast;) {
    if (at + 3 > bytes.length) throw invalid('cut off');
    const header = bytes.readUIntLE(at, 3);
    isLast = (header & 1) !== 0;
    const type = (header >>> 1) & 3;
    if (type === BLOCK_RESERVED) throw invalid('reserved block');
    at += 3 + (type === BLOCK_RLE ? 1 : header >>> 3);
  }
  if (descriptor & 4) at += 4;
  if (at > bytes.length) throw invalid('cut off');
  return at;
}

function invalid(reason: string): EngineError {
  return new EngineError('FORMAT_INVALID', { field: 'zstd frame', value: reason });
}
