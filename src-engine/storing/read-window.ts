/** Reads what is used of a window to its places in memory. */
import type { BlockSource } from '../disk/block-source.port.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import type { UsedWindow } from '../versions/regions.ts';

/** Runs of a window that lie this close are read in one go: a seek costs more. */
const READ_GAP_BYTES = 128 * 1024;

/** What lies between two runs in a read is not looked at again. Holes that the source knows of are not read. */
export async function readWindow(
  source: BlockSource,
  regionStart: number,
  used: UsedWindow,
  memory: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const windowStart = regionStart + used.window * WINDOW_BYTES;
  const { extents } = used;
  for (let i = 0; i < extents.length;) {
    const start = extents[i];
    let end = start + extents[i + 1];
    for (i += 2; i < extents.length && extents[i] - end <= READ_GAP_BYTES; i += 2) end = extents[i] + extents[i + 1];
    await readRun(source, windowStart + start, memory.subarray(start, end), signal);
  }
}

async function readRun(source: BlockSource, offsetBytes: number, into: Buffer, signal: AbortSignal): Promise<void> {
  if (!source.dataRuns) return source.readInto(offsetBytes, into);
  let done = 0;
  for await (const batch of source.dataRuns(offsetBytes, into.length, signal)) {
    for (const { startBytes, lengthBytes } of batch) {
      const start = startBytes - offsetBytes;
      into.fill(0, done, start);
      done = start + lengthBytes;
      await source.readInto(startBytes, into.subarray(start, done));
    }
  }
  into.fill(0, done);
}
