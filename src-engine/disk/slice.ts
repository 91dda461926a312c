/** A window onto another source: a partition of a disk. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource } from './block-source.port.ts';

/**
 * @returns a source of `lengthBytes` that begins at `startBytes` of `source`; closing it leaves `source` open
 * @throws EngineError `FORMAT_INVALID` where the window is not inside the source
 */
export function slice(source: BlockSource, startBytes: number, lengthBytes: number): BlockSource {
  checkSpan('slice', startBytes, lengthBytes, source.lengthBytes);
  return {
    lengthBytes,
    sectorBytes: source.sectorBytes,
    physicalSectorBytes: source.physicalSectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      await source.readInto(startBytes + offsetBytes, into);
    },
    ...(source.dataRuns && {
      async *dataRuns(offsetBytes: number, length: number, signal: AbortSignal) {
        for await (const batch of source.dataRuns!(startBytes + offsetBytes, length, signal)) {
          yield batch.map((run) => ({ ...run, startBytes: run.startBytes - startBytes }));
        }
      },
    }),
    async close() {},
  };
}
