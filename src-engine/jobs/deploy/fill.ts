/** Fill: every used block onto the target, each read back past the page cache and compared with what it must be. */
import type { JobContext } from '../../core/job-context.ts';
import { fillCompared } from './compared-fill.ts';
import type { Deployment } from './deployment.ts';
import { Filler } from './filler.ts';

type Filled = Pick<Deployment, 'parts' | 'manifest' | 'json' | 'feed' | 'overlay' | 'held' | 'sink'> &
  Pick<Deployment, 'writtenBytes' | 'verifiedBytes'> & { readonly plan: Pick<Deployment['plan'], 'readsFirst'> };

/**
 * Writes the windows of a template as they come from its feed, or what of them is other on a target that is read first; and then what is to
 * be where the template has nothing.
 * @throws EngineError `VERIFY_MISMATCH`, `PACK_DAMAGED`, `MANIFEST_DAMAGED`, `CHUNK_MISSING`, `WRITE_FAILED`, `DISK_FULL`, `ABORTED`
 */
export async function fill(deployment: Filled, context: JobContext): Promise<void> {
  const { parts, plan, manifest, json, feed } = deployment;
  context.phase('writing', json.disk.layout.usedBytes);
  const filler = new Filler(deployment, context);
  if (plan.readsFirst) {
    feed.end();
    const pool = parts.presses.forJob(context.signal);
    await fillCompared(parts, manifest, json, filler, pool, context.signal).finally(() => pool.close());
  } else await feed.fill(filler);
  await filler.writeRest();
}
