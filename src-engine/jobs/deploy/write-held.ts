/** What a stage writes between the filling and the end of a deploy, beside programs of others: read back at once, and counted. */
import type { Extent } from '../../disk/block-source.port.ts';
import type { Patch } from '../../volumes/layout.port.ts';
import type { Deployment } from './deployment.ts';
import { verifyPatch } from './read-back.ts';

type Writing = Pick<Deployment, 'sink' | 'held' | 'writtenBytes' | 'verifiedBytes'>;

/**
 * What is held back of a volume that programs are to work on is written first: without its table it does not make a disk look finished.
 * @throws EngineError `WRITE_FAILED`, `READ_FAILED`, `VERIFY_MISMATCH`
 */
export const writeHeld = (deployment: Writing, volume: Extent): Promise<void> =>
  writeNow(deployment, deployment.held.release(volume));

/**
 * Other bytes: what of them is held back is changed where it is held, the rest is written.
 * @throws EngineError `WRITE_FAILED`, `READ_FAILED`, `VERIFY_MISMATCH`
 */
export const writeOthers = (deployment: Writing, patches: readonly Patch[]): Promise<void> =>
  writeNow(
    deployment,
    patches.flatMap((patch) => deployment.held.put(patch)),
  );

async function writeNow(deployment: Writing, patches: readonly Patch[]): Promise<void> {
  const { sink } = deployment;
  for (const { offsetBytes, bytes } of patches) await sink.write(offsetBytes, bytes);
  await sink.sync();
  for (const patch of patches) {
    const equalBytes = await verifyPatch(sink, patch);
    deployment.writtenBytes += patch.bytes.length;
    deployment.verifiedBytes += equalBytes;
  }
}
