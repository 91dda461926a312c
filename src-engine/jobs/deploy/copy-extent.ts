/** What a volume uses, from where it got its length to where it is to be on the target: written, read back and compared. */
import { alignedMemory } from '../../core/aligned-memory.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { WINDOW_BYTES } from '../../store/chunking.ts';
import { bytesOf } from '../../volumes/extents.ts';
import type { Deployment } from './deployment.ts';
import { PAGE_BYTES, readBackOver } from './read-back.ts';

/**
 * @param placeBytes of the volume on the target
 * @throws EngineError `VERIFY_MISMATCH`, `WRITE_FAILED`, `READ_FAILED`, `ABORTED`
 */
export async function copyExtent(
  deployment: Deployment,
  from: BlockSource,
  { startBytes, lengthBytes }: Extent,
  placeBytes: number,
  context: JobContext,
): Promise<void> {
  const { sink, overlay, held } = deployment;
  for (let done = 0; done < lengthBytes; done += WINDOW_BYTES) {
    context.signal.throwIfAborted();
    const pieceBytes = Math.min(WINDOW_BYTES, lengthBytes - done);
    const targetStart = placeBytes + startBytes + done;
    // pages of the target lie on pages of memory, so that they are written and read past the cache
    const base = targetStart % PAGE_BYTES;
    const memory = Buffer.from(alignedMemory(pieceBytes + 2 * PAGE_BYTES));
    const bytes = memory.subarray(base, base + pieceBytes);
    await from.readInto(startBytes + done, bytes);
    const memoryStart = targetStart - base;
    const whole = [{ startBytes: targetStart, lengthBytes: pieceBytes }];
    const runs = held.keep(overlay.lay(whole, memoryStart, memory), memoryStart, memory);
    const expected = Buffer.from(memory);
    for (const run of runs) {
      const at = run.startBytes - memoryStart;
      const piece = memory.subarray(at, at + run.lengthBytes);
      if (!sink.isEmpty || piece.some((byte) => byte !== 0)) await sink.write(run.startBytes, piece);
    }
    await readBackOver(sink, runs, memoryStart, memory);
    for (const run of runs) {
      const at = run.startBytes - memoryStart;
      if (memory.compare(expected, at, at + run.lengthBytes, at, at + run.lengthBytes) !== 0) {
        throw new EngineError('VERIFY_MISMATCH', { offsetBytes: run.startBytes });
      }
    }
    deployment.verifiedBytes += bytesOf(runs);
    context.advance(pieceBytes);
  }
}
