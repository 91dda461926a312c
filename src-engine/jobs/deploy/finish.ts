/** Finish: with everything else on the target, it comes to look like what it is. */
import type { JobContext } from '../../core/job-context.ts';
import type { Deployment } from './deployment.ts';
import { PAGE_BYTES } from '../../core/direct-access.ts';
import { verifyPatch } from './read-back.ts';

/**
 * Writes what was held back, the first sector last of all, and reads it all back. Then a file gets its name.
 * @throws EngineError `VERIFY_MISMATCH`, `WRITE_FAILED`, `OVERWRITE_REQUIRED`
 */
export async function finish(
  deployment: Pick<Deployment, 'sink' | 'held' | 'target' | 'writtenBytes' | 'verifiedBytes'>,
  context: JobContext,
): Promise<void> {
  const { sink, held, target } = deployment;
  context.phase('finishing', 0);
  await sink.sync();
  const steps = held.inOrder(PAGE_BYTES, sink.sectorBytes);
  for (const step of steps) {
    for (const { offsetBytes, bytes } of step) await sink.write(offsetBytes, bytes);
    await sink.sync();
  }
  let equalBytes = 0;
  for (const patch of steps.flat()) equalBytes += await verifyPatch(sink, patch);
  deployment.writtenBytes += held.lengthBytes;
  deployment.verifiedBytes += equalBytes;
  if (sink.readBack === 'cached') context.warn({ code: 'READ_BACK_CACHED', data: { path: target.path } });
  await target.publish(context.signal);
}
