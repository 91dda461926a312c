/** Begin: what the target looked like before is taken from it, since an old table over new content would be the worst of both. */
import type { Deployment } from './deployment.ts';
import type { Placement } from './place.ts';
import { PAGE_BYTES } from '../../core/direct-access.ts';

type Beginning = Pick<Deployment, 'sink'> & { readonly placement: Pick<Placement, 'finishing'> };

/**
 * Clears the first sectors, without which nobody looks for a table; then all that a disk is known by, the old one and the new one.
 * @throws EngineError `WRITE_FAILED`
 */
export async function begin({ sink, placement }: Beginning): Promise<void> {
  // a new file looks like nothing
  if (sink.isEmpty) return;
  await sink.write(0, new Uint8Array(Math.min(PAGE_BYTES, sink.lengthBytes)));
  await sink.sync();
  for (const { startBytes, lengthBytes } of placement.finishing) {
    await sink.write(startBytes, new Uint8Array(lengthBytes));
  }
  await sink.sync();
}
