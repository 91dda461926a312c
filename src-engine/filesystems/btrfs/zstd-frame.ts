/** How long a zstd frame is: extents are filled up to whole sectors, and what follows a frame would be taken for another one. */
import { EngineError } from '../../core/engine-error.ts';

const MAGIC = 0xfd2fb528;

/** @returns the frame at the beginning of `bytes` (RFC 8878, 3.1.1) @throws EngineError `FORMAT_INVALID` */
export function zstdFrame(bytes: Buffer): Buffer {
  const need = (end: number) => {
    if (end > bytes.length) throw new EngineError('FORMAT_INVALID', { field: 'zstd frame', value: 'cut off' });
    return end;
  };
  need(5);
  if (bytes.readUInt32LE(0) !== MAGIC) throw new EngineError('FORMAT_INVALID', { field: 'zstd frame', value: 'magic' });
  const descriptor = bytes[4];
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >>> 6];
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3];
  let at = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes;
  for (let isLast = false; !isLast;) {
    need(at + 3);
    const head = bytes.readUIntLE(at, 3);
    isLast = (head & 1) !== 0;
    const isRepeated = ((head >>> 1) & 3) === 1;
    at = need(at + 3 + (isRepeated ? 1 : head >>> 3));
  }
  return bytes.subarray(0, need(at + (descriptor & 4 ? 4 : 0)));
}
