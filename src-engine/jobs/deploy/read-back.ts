/** Reads what was written back from the medium, past the page cache where that can be. */
import { alignedMemory } from '../../core/aligned-memory.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSink, Extent } from '../../disk/block-source.port.ts';
import type { Patch } from '../../volumes/layout.port.ts';

/** Direct reads begin at multiples of this. */
export const PAGE_BYTES = 4096;
/** Runs that lie this close are read back together. */
const READ_GAP_BYTES = 64 * 1024;

/** The first byte of the page of the disk that a byte lies in. */
const pageOf = (offsetBytes: number) => offsetBytes - (offsetBytes % PAGE_BYTES);

/**
 * Reads the pages that hold the runs back, over the memory that they were written from.
 * @param runs ascending
 * @param memory page-aligned, holds the disk from `startBytes` on, which begins a page
 */
export async function readBackOver(
  sink: BlockSink,
  runs: readonly Extent[],
  startBytes: number,
  memory: Uint8Array,
): Promise<void> {
  for (let i = 0; i < runs.length;) {
    const from = pageOf(runs[i].startBytes);
    let to = from;
    // pages of neighbouring runs are read together
    for (; i < runs.length && runs[i].startBytes <= to + READ_GAP_BYTES; i++) {
      to = pageOf(runs[i].startBytes + runs[i].lengthBytes + PAGE_BYTES - 1);
    }
    const pages = memory.subarray(from - startBytes, to - startBytes);
    // nothing of what was written may be left to be found equal
    pages.fill(0xa5);
    await sink.readBackInto(from, pages);
  }
}

/** @returns how many bytes were found equal @throws EngineError `VERIFY_MISMATCH` */
export async function verifyPatch(sink: BlockSink, { offsetBytes, bytes }: Patch): Promise<number> {
  const from = pageOf(offsetBytes);
  const lengthBytes = pageOf(offsetBytes + bytes.length + PAGE_BYTES - 1) - from;
  const memory = Buffer.from(alignedMemory(lengthBytes), 0, lengthBytes);
  await sink.readBackInto(from, memory);
  const at = offsetBytes - from;
  if (memory.subarray(at, at + bytes.length).compare(bytes) !== 0) {
    throw new EngineError('VERIFY_MISMATCH', { offsetBytes });
  }
  return bytes.length;
}
