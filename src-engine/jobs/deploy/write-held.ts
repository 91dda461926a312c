/** What is held back of a volume that programs are to work on is written first: without its table it does not make a disk look finished. */
import type { Extent } from '../../disk/block-source.port.ts';
import type { Deployment } from './deployment.ts';
import { verifyPatch } from './read-back.ts';

/** @throws EngineError `WRITE_FAILED`, `READ_FAILED`, `VERIFY_MISMATCH` */
export async function writeHeld(
  deployment: Pick<Deployment, 'sink' | 'held' | 'writtenBytes' | 'verifiedBytes'>,
  { startBytes, lengthBytes }: Extent,
): Promise<void> {
  const { held, sink } = deployment;
  const released = held.release({ startBytes, lengthBytes });
  for (const { offsetBytes, bytes } of released) await sink.write(offsetBytes, bytes);
  await sink.sync();
  for (const patch of released) {
    const equalBytes = await verifyPatch(sink, patch);
    deployment.writtenBytes += patch.bytes.length;
    deployment.verifiedBytes += equalBytes;
  }
}
