/** Begin: what the target looked like before is taken from it, since an old table over new content would be the worst of both. */
import type { Extent } from '../../disk/block-source.port.ts';
import type { Deployment } from './deployment.ts';
import { PAGE_BYTES } from './read-back.ts';

/** A GPT with 128 entries, the most common of what a target may still hold: 33 sectors at its end, 34 at its start. */
const GPT_SECTORS = 34;

/**
 * Clears the first sectors, without which nobody looks for the rest; then what an old table takes, and the new one.
 * @throws EngineError `WRITE_FAILED`
 */
export async function begin({ sink, placement }: Pick<Deployment, 'sink' | 'placement'>): Promise<void> {
  // a new file looks like nothing
  if (sink.isEmpty) return;
  const tableBytes = Math.min(GPT_SECTORS * sink.sectorBytes, sink.lengthBytes);
  const old: Extent[] = [
    ...placement.finishing,
    { startBytes: 0, lengthBytes: tableBytes },
    { startBytes: sink.lengthBytes - tableBytes, lengthBytes: tableBytes },
  ];
  await sink.write(0, new Uint8Array(Math.min(PAGE_BYTES, sink.lengthBytes)));
  await sink.sync();
  for (const { startBytes, lengthBytes } of old) await sink.write(startBytes, new Uint8Array(lengthBytes));
  await sink.sync();
}
