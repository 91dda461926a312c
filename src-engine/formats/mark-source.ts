/** A file as it is looked at to tell what it is, where its first or last sectors cannot be read and a person goes on over that. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';

/** The kernel reads no less. */
const PAGE_BYTES = 4096;

export interface MarkSource extends BlockSource {
  /** why something that was asked for could not be read; null as long as everything could */
  readonly failure: EngineError | null;
}

/**
 * Marks that cannot be read are none: they read as zeros. For marks alone: zeros in a table of an image would pass for free space.
 * @returns what reads `file`; closing it leaves the file open
 */
export function markSource(file: BlockSource): MarkSource {
  const seen: { failure: EngineError | null } = { failure: null };
  async function readPage(offsetBytes: number, into: Uint8Array): Promise<void> {
    try {
      await file.readInto(offsetBytes, into);
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'READ_FAILED') throw error;
      seen.failure ??= error;
      into.fill(0);
    }
  }
  return {
    lengthBytes: file.lengthBytes,
    sectorBytes: file.sectorBytes,
    physicalSectorBytes: file.physicalSectorBytes,
    get failure() {
      return seen.failure;
    },
    async readInto(offsetBytes, into) {
      for (let done = 0; done < into.length;) {
        const at = offsetBytes + done;
        const piece = into.subarray(done, done + PAGE_BYTES - (at % PAGE_BYTES));
        await readPage(at, piece);
        done += piece.length;
      }
    },
    async close() {},
  };
}
