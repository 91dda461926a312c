/** Reads frames back from their packs and hashes every chunk in them. */
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { IndexedFrame } from '../store/chunk-index.ts';
import type { PressPool } from '../store/press-pool.ts';
import { Tasks } from './tasks.ts';

const isDamage = (error: unknown): error is EngineError =>
  error instanceof EngineError && ['PACK_DAMAGED', 'CHUNK_MISSING'].includes(error.code);

/**
 * @param onDamage is told of each damaged frame; without it the first one is thrown
 * @returns uncompressed bytes found good
 * @throws EngineError `PACK_DAMAGED`, `CHUNK_MISSING`
 */
export async function auditFrames(
  pool: PressPool,
  frames: readonly IndexedFrame[],
  context: JobContext,
  onDamage?: (frame: IndexedFrame, error: EngineError) => void,
): Promise<number> {
  context.phase(
    'verifying',
    frames.reduce((sum, frame) => sum + frame.rawBytes, 0),
  );
  const tasks = new Tasks();
  let goodBytes = 0;
  let running = 0;
  let wake = () => {};
  try {
    for (const frame of frames) {
      while (running >= pool.threadCount * 2) await new Promise<void>((resolve) => (wake = resolve));
      tasks.check();
      context.signal.throwIfAborted();
      running++;
      tasks.start(async () => {
        try {
          await pool.request(pool.pickThread(), { kind: 'audit', place: frame });
          goodBytes += frame.rawBytes;
        } catch (error) {
          if (!onDamage || !isDamage(error)) throw error;
          onDamage(frame, error);
        } finally {
          running--;
          context.advance(frame.rawBytes);
          wake();
        }
      });
    }
    await tasks.finish();
  } finally {
    await tasks.settle();
  }
  return goodBytes;
}
