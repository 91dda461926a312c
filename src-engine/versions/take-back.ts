/** What was damaged or away when it was last looked at, and is whole now, is found again. */
import type { JobContext } from '../core/job-context.ts';
import type { PressPool } from '../store/press-pool.ts';
import { auditFrames } from './audit-frames.ts';
import type { StoredParts } from './stored-parts.ts';

export async function takeBack(parts: StoredParts, pool: PressPool, context: JobContext): Promise<void> {
  const frames = parts.index.framesSetAside();
  if (frames.length === 0) return;
  await auditFrames(
    pool,
    parts.index,
    frames,
    context,
    () => {},
    (frame) => parts.index.takeBack(frame.id),
  );
}
