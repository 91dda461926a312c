/** Reads what was written back from the medium, past the page cache where that can be. */
import { ownMemory } from '../../core/aligned-memory.ts';
import { PAGE_BYTES } from '../../core/direct-access.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSink, Extent } from '../../disk/block-source.port.ts';
import type { Patch } from '../../volumes/layout.port.ts';

/** Runs that lie this close are read back together. */
const READ_GAP_BYTES = 64 * 1024;
/** As much is read back at a time. */
export const PIECE_BYTES = 512 * 1024;

/** The first byte of the page of the disk that a byte lies in. */
export const pageOf = (offsetBytes: number) => offsetBytes - (offsetBytes % PAGE_BYTES);

/**
 * Reads the pages that hold the runs back, and compares.
 * @param runs ascending
 * @param memory what they must be: holds the disk from `memoryStart` on
 * @param piece page-aligned memory of {@link PIECE_BYTES}, to read into
 * @throws EngineError `VERIFY_MISMATCH` with the first byte that is another one; `READ_FAILED`
 */
export async function compareBack(
  sink: BlockSink,
  runs: readonly Extent[],
  memoryStart: number,
  memory: Buffer,
  piece: Buffer,
): Promise<void> {
  for (let i = 0, at = 0; i < runs.length;) {
    // a run that is longer than a piece goes on where it was
    at = Math.max(at, runs[i].startBytes);
    const from = pageOf(at);
    let last = i;
    while (
      last + 1 < runs.length &&
      isNear(runs[last], runs[last + 1]) &&
      endOf(runs[last + 1]) <= from + PIECE_BYTES
    ) {
      last++;
    }
    const to = Math.min(from + PIECE_BYTES, pageOf(endOf(runs[last]) + PAGE_BYTES - 1));
    const pages = piece.subarray(0, to - from);
    // nothing of what was there before may be left to be found equal
    pages.fill(0xa5);
    await sink.readBackInto(from, pages);
    for (const run of runs.slice(i, last + 1)) {
      const start = run === runs[i] ? at : run.startBytes;
      const expected = memory.subarray(start - memoryStart, Math.min(to, endOf(run)) - memoryStart);
      const found = pages.subarray(start - from, start - from + expected.length);
      if (expected.compare(found) !== 0) {
        throw new EngineError('VERIFY_MISMATCH', { offsetBytes: start + firstDifference(expected, found) });
      }
    }
    if (endOf(runs[last]) <= to) i = last + 1;
    else at = to;
  }
}

/** Pages of neighbouring runs are read together. */
const isNear = (run: Extent, next: Extent) => next.startBytes <= endOf(run) + READ_GAP_BYTES;
/**
 * Reads the pages that hold the runs, each into its place in memory.
 * @param runs ascending
 * @param memory page-aligned: holds the disk from `memoryStart` on, which begins a page
 * @throws EngineError `READ_FAILED`
 */
export async function readOver(
  sink: BlockSink,
  runs: readonly Extent[],
  memoryStart: number,
  memory: Buffer,
): Promise<void> {
  for (let i = 0; i < runs.length;) {
    const first = i;
    while (i + 1 < runs.length && isNear(runs[i], runs[i + 1])) i++;
    const from = pageOf(runs[first].startBytes);
    const to = pageOf(endOf(runs[i]) + PAGE_BYTES - 1);
    i++;
    await sink.readBackInto(from, memory.subarray(from - memoryStart, to - memoryStart));
  }
}

const endOf = ({ startBytes, lengthBytes }: Extent) => startBytes + lengthBytes;

/** @param a of the same length as `b`, and not equal to it */
function firstDifference(a: Uint8Array, b: Uint8Array): number {
  return a.findIndex((byte, i) => byte !== b[i]);
}

/** @returns how many bytes were found equal @throws EngineError `VERIFY_MISMATCH` */
export async function verifyPatch(sink: BlockSink, { offsetBytes, bytes }: Patch): Promise<number> {
  const from = pageOf(offsetBytes);
  const lengthBytes = pageOf(offsetBytes + bytes.length + PAGE_BYTES - 1) - from;
  const memory = Buffer.from(ownMemory(lengthBytes), 0, lengthBytes);
  await sink.readBackInto(from, memory);
  const at = offsetBytes - from;
  if (memory.subarray(at, at + bytes.length).compare(bytes) !== 0) {
    throw new EngineError('VERIFY_MISMATCH', { offsetBytes });
  }
  return bytes.length;
}
