/** Reads frames back from their packs, past the page cache, hashes every chunk in them, and compares the index with their own tables. */
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { ChunkIndex, IndexedFrame } from '../store/chunk-index.ts';
import type { PressPool } from '../store/press-pool.ts';
import { Tasks } from '../core/tasks.ts';

/** What `onFault` is told of; anything else ends the audit. */
const FAULTS = ['PACK_DAMAGED', 'CHUNK_MISSING', 'CATALOG_DAMAGED', 'READ_FAILED', 'PERMISSION_DENIED'];

const isFault = (error: unknown): error is EngineError => error instanceof EngineError && FAULTS.includes(error.code);

/**
 * @param onFault is told of each frame that is damaged, or cannot be read; without it the first one is thrown
 * @param onSound is told of each frame that is whole
 * @returns uncompressed bytes found good
 * @throws EngineError `PACK_DAMAGED`, `CHUNK_MISSING`, `READ_FAILED`, `PERMISSION_DENIED`; `CATALOG_DAMAGED` where the index is wrong
 */
export async function auditFrames(
  pool: PressPool,
  index: ChunkIndex,
  frames: readonly IndexedFrame[],
  context: JobContext,
  onFault?: (frame: IndexedFrame, error: EngineError) => void,
  onSound?: (frame: IndexedFrame) => void,
): Promise<number> {
  let goodBytes = 0;
  const allBytes = frames.reduce((sum, frame) => sum + lengthOf(frame), 0);
  await eachFrame(pool, frames, allBytes, context, async (frame) => {
    try {
      const { table } = await pool.request(pool.pickThread(), { kind: 'audit', place: frame, from: 'medium' });
      if (!index.agreesWith(frame.id, table)) {
        throw new EngineError('CATALOG_DAMAGED', { path: frame.packPath, reason: 'index' }, 'Run: diskpress repair');
      }
      goodBytes += frame.rawBytes;
      onSound?.(frame);
    } catch (error) {
      if (!onFault || !isFault(error)) throw error;
      onFault(frame, error);
    }
  });
  return goodBytes;
}

/**
 * Looks at frames in the phase `verifying`, in their order, as many at a time as keep the presses busy.
 * @param allBytes of all frames together, unpacked
 * @throws what `look` throws first
 */
export async function eachFrame<F extends Pick<IndexedFrame, 'rawBytes'>>(
  pool: PressPool,
  frames: Iterable<F>,
  allBytes: number,
  context: JobContext,
  look: (frame: F, i: number) => Promise<void>,
): Promise<void> {
  context.phase('verifying', allBytes);
  const tasks = new Tasks();
  let running = 0;
  let wake = () => {};
  try {
    let i = 0;
    for (const frame of frames) {
      const place = i++;
      while (running >= pool.threadCount * 2) await new Promise<void>((resolve) => (wake = resolve));
      tasks.check();
      context.signal.throwIfAborted();
      running++;
      tasks.start(async () => {
        try {
          await look(frame, place);
        } finally {
          running--;
          context.advance(lengthOf(frame));
          wake();
        }
      });
    }
    await tasks.finish();
  } finally {
    await tasks.settle();
  }
}

/** For the progress: an index that is damaged may say anything. */
function lengthOf({ rawBytes }: Pick<IndexedFrame, 'rawBytes'>): number {
  return Number.isSafeInteger(rawBytes) && rawBytes > 0 && rawBytes < 2 ** 24 ? rawBytes : 0;
}
