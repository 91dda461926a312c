/** What a volume uses, from where it got its length to where it is to be on the target: written, read back and compared. */
import { ownMemory } from '../../core/aligned-memory.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { WINDOW_BYTES } from '../../store/chunking.ts';
import { bytesOf } from '../../volumes/extents.ts';
import type { Deployment } from './deployment.ts';
import { PAGE_BYTES } from '../../core/direct-access.ts';
import { compareBack, PIECE_BYTES } from './read-back.ts';

/** What copying needs of memory, for as many extents as there are. */
export interface CopyMemories {
  /** a window, and what of pages lies around it */
  readonly memory: Buffer;
  /** to read back into */
  readonly piece: Buffer;
}

export const copyMemories = (): CopyMemories => ({
  memory: Buffer.from(ownMemory(WINDOW_BYTES + 2 * PAGE_BYTES)),
  piece: Buffer.from(ownMemory(PIECE_BYTES)),
});

/**
 * @param placeBytes of the volume on the target
 * @throws EngineError `VERIFY_MISMATCH`, `WRITE_FAILED`, `READ_FAILED`, `ABORTED`
 */
export async function copyExtent(
  deployment: Deployment,
  from: BlockSource,
  { startBytes, lengthBytes }: Extent,
  placeBytes: number,
  { memory, piece }: CopyMemories,
  context: JobContext,
): Promise<void> {
  const { sink, overlay, held } = deployment;
  for (let done = 0; done < lengthBytes; done += WINDOW_BYTES) {
    context.signal.throwIfAborted();
    const partBytes = Math.min(WINDOW_BYTES, lengthBytes - done);
    const targetStart = placeBytes + startBytes + done;
    // pages of the target lie on pages of memory, so that they are written and read past the cache
    const base = targetStart % PAGE_BYTES;
    await from.readInto(startBytes + done, memory.subarray(base, base + partBytes));
    const memoryStart = targetStart - base;
    const whole = [{ startBytes: targetStart, lengthBytes: partBytes }];
    const runs = held.keep(overlay.lay(whole, memoryStart, memory), memoryStart, memory);
    for (const run of runs) {
      const at = run.startBytes - memoryStart;
      const written = memory.subarray(at, at + run.lengthBytes);
      if (sink.isEmpty && written.every((byte) => byte === 0)) continue;
      await sink.write(run.startBytes, written);
      deployment.writtenBytes += written.length;
    }
    await compareBack(sink, runs, memoryStart, memory, piece);
    deployment.verifiedBytes += bytesOf(runs);
    context.advance(partBytes);
  }
}
