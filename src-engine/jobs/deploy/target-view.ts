/** A target in the making, read as it will be: what was written, with what is still held back laid over it. */
import { ownMemory } from '../../core/aligned-memory.ts';
import { checkSpan } from '../../core/bounds.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { Deployment } from './deployment.ts';
import { PAGE_BYTES } from '../../core/direct-access.ts';

const WINDOW_BYTES = 1024 * 1024;

/** Reads past the page cache where the target can be read so: what programs wrote has to be on it by then. */
export function targetView({ sink, held }: Pick<Deployment, 'sink' | 'held'>): BlockSource {
  const memory = Buffer.from(ownMemory(WINDOW_BYTES), 0, WINDOW_BYTES);
  let turn: Promise<unknown> = Promise.resolve();

  async function read(offsetBytes: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length;) {
      const at = offsetBytes + done;
      const skipped = at % PAGE_BYTES;
      const taken = Math.min(into.length - done, WINDOW_BYTES - skipped);
      const pages = Math.ceil((skipped + taken) / PAGE_BYTES) * PAGE_BYTES;
      await sink.readBackInto(at - skipped, memory.subarray(0, pages));
      into.set(memory.subarray(skipped, skipped + taken), done);
      done += taken;
    }
    held.lay(offsetBytes, into);
  }

  return {
    lengthBytes: sink.lengthBytes,
    sectorBytes: sink.sectorBytes,
    physicalSectorBytes: sink.physicalSectorBytes,
    readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, sink.lengthBytes);
      // one memory for all reads
      const own = turn.then(() => read(offsetBytes, into));
      turn = own.catch(() => {});
      return own;
    },
    async close() {},
  };
}
