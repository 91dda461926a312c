/** Proves that the medium holds what a capture made, before the version exists. */
import type { JobContext } from '../core/job-context.ts';
import type { ChunkIndex } from '../store/chunk-index.ts';
import type { PressPool } from '../store/press-pool.ts';
import type { AddedFrame } from '../store/store-writer.ts';
import { auditFrame, eachFrame } from '../versions/audit-frames.ts';

/** Of so many frames one is unpacked. */
const SAMPLE_ONE_IN = 16;

/**
 * Reads all that was stored back past the page cache, and compares it with checksums that were taken when it was compressed: what the way to
 * the medium, or the medium, has changed is found. The first frame and one in {@link SAMPLE_ONE_IN} after it are unpacked too, and their
 * chunks hashed, as `verify` does with all: a machine that compresses wrongly is found.
 * @returns uncompressed bytes of the frames that were found good: all of them
 * @throws EngineError `PACK_DAMAGED`, `CHUNK_MISSING`, `READ_FAILED`, `PERMISSION_DENIED`; `CATALOG_DAMAGED` where the index is wrong
 */
export async function recheckFrames(
  pool: PressPool,
  index: ChunkIndex,
  added: readonly AddedFrame[],
  context: JobContext,
): Promise<number> {
  const frames = added.map(({ frame }) => frame);
  await eachFrame(pool, frames, context, async (place, i) => {
    if (i % SAMPLE_ONE_IN === 0) return auditFrame(pool, index, place);
    await pool.request(pool.pickThread(), { kind: 'recheck', place, headSum: added[i].headSum });
  });
  return frames.reduce((sum, { rawBytes }) => sum + rawBytes, 0);
}
