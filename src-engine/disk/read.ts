/** Reading small pieces of a source, in bounds. */
import { checkRange, checkSpan } from '../core/bounds.ts';
import type { BlockSource } from './block-source.port.ts';

/** The largest single piece of metadata that a parser may ask for: 64 MiB. */
export const MAX_PIECE_BYTES = 64 * 1024 * 1024;

/**
 * @returns a new buffer with `lengthBytes` from `offsetBytes`
 * @throws EngineError `FORMAT_INVALID` where the range is outside the source or over `capBytes`; `READ_FAILED`
 */
export async function readBytes(
  source: BlockSource,
  offsetBytes: number,
  lengthBytes: number,
  capBytes = MAX_PIECE_BYTES,
): Promise<Buffer> {
  checkRange('length', lengthBytes, 0, capBytes);
  checkSpan('offset', offsetBytes, lengthBytes, source.lengthBytes);
  const into = Buffer.alloc(lengthBytes);
  await source.readInto(offsetBytes, into);
  return into;
}
