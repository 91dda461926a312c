/** Proves that the medium holds frames as they were made, before anybody counts on them. */
import { quietContext, type JobContext } from '../core/job-context.ts';
import type { FramePlace } from '../store/frame-reader.ts';
import { frameHeader } from '../store/pack-format.ts';
import { packPath } from '../store/pack-path.ts';
import type { WrittenPack } from '../store/pack-writer.ts';
import type { PressPool } from '../store/press-pool.ts';
import type { StoreLayout } from '../store/store-layout.ts';
import { eachFrame } from './audit-frames.ts';

/** A frame on the disk, and what its checksums were when it was made. */
export interface MadeFrame extends FramePlace {
  readonly rawBytes: number;
  /** see `WrittenFrame` */
  readonly headSum: number;
}

/** Of so many frames one is unpacked. */
const SAMPLE_ONE_IN = 16;

/**
 * Reads frames back past the page cache, and compares them with checksums that were taken when they were compressed: what the way to the
 * medium, or the medium, has changed is found. The first and one in {@link SAMPLE_ONE_IN} after it are unpacked too, and their chunks
 * hashed, as `verify` does with all: a machine that compresses wrongly is found.
 * @param rawBytes of all frames together
 * @throws EngineError `PACK_DAMAGED`, `CHUNK_MISSING`, `READ_FAILED`, `PERMISSION_DENIED`
 */
export async function recheckFrames(
  pool: PressPool,
  frames: Iterable<MadeFrame>,
  rawBytes: number,
  context: JobContext,
): Promise<void> {
  await eachFrame(pool, frames, rawBytes, context, (frame, i) => recheckFrame(pool, frame, i));
}

/** One of them. @param i its number, which says whether it is unpacked @throws EngineError as {@link recheckFrames} */
export async function recheckFrame(pool: PressPool, { headSum, ...place }: MadeFrame, i: number): Promise<void> {
  const thread = pool.pickThread();
  if (i % SAMPLE_ONE_IN === 0) await pool.request(thread, { kind: 'audit', place, from: 'medium' });
  else await pool.request(thread, { kind: 'recheck', place, headSum });
}

/** A pack that was just written, in whatever phase the job is. @throws EngineError as {@link recheckFrames} */
export async function recheckPack(
  pool: PressPool,
  layout: StoreLayout,
  { name, frames }: WrittenPack,
  signal: AbortSignal,
): Promise<void> {
  const made = frames.map(({ offset, storedBytes, rawBytes, headSum, table }): MadeFrame => {
    const headBytes = frameHeader.size + table.length;
    return { packPath: packPath(layout, name), offset, headBytes, storedBytes, rawBytes, headSum };
  });
  await recheckFrames(pool, made, 0, quietContext(signal));
}
