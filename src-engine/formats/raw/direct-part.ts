/** Which part of a read or write goes past the page cache. */
import { PAGE_BYTES } from '../../core/direct-access.ts';

/** Smaller pieces go through the page cache: one by one they would each wait for the disk. */
const MIN_DIRECT_BYTES = 64 * 1024;

/**
 * The part of `bytes` that can go directly: whole pages of the disk that are whole pages in memory. Only shared memory
 * (core/aligned-memory) is known to begin on a page.
 * @returns start and end in `bytes`; equal where it is not worth it
 */
export function directPart(offsetBytes: number, bytes: Uint8Array): [start: number, end: number] {
  const start = (PAGE_BYTES - (offsetBytes % PAGE_BYTES)) % PAGE_BYTES;
  const end = bytes.length - ((offsetBytes + bytes.length) % PAGE_BYTES);
  const isAligned = bytes.buffer instanceof SharedArrayBuffer && (bytes.byteOffset + start) % PAGE_BYTES === 0;
  return isAligned && end - start >= MIN_DIRECT_BYTES ? [start, end] : [0, 0];
}
