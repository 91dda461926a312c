/** The content of a file that lies in runs of a volume. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { joinTouching } from './extents.ts';
import type { FileContent } from './file-tree.port.ts';

/** Bytes of a file that stand one after the other in its volume. */
export interface FileRun {
  readonly fileBytes: number;
  readonly volumeBytes: number;
  readonly lengthBytes: number;
}

/**
 * @param runsFrom the file's runs in ascending order, disjoint, in batches; those that end before its argument may be left out.
 *   What lies between them reads as zeros, what lies behind the length is not looked at
 */
export function mappedContent(
  volume: BlockSource,
  lengthBytes: number,
  runsFrom: (offsetBytes: number) => AsyncIterable<FileRun[]>,
): FileContent {
  return {
    lengthBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      into.fill(0);
      const endBytes = offsetBytes + into.length;
      if (into.length === 0) return;
      for await (const runs of runsFrom(offsetBytes)) {
        for (const run of runs) {
          const from = Math.max(offsetBytes, run.fileBytes);
          const to = Math.min(endBytes, run.fileBytes + run.lengthBytes);
          if (from >= endBytes) return;
          if (from >= to) continue;
          const volumeBytes = run.volumeBytes + from - run.fileBytes;
          await volume.readInto(volumeBytes, into.subarray(from - offsetBytes, to - offsetBytes));
          if (to === endBytes) return;
        }
      }
    },
    dataRuns: (signal) => joinTouching(placesInFile(runsFrom(0), lengthBytes, signal)),
  };
}

/** The same for content that is at hand: small files inside their inode. */
export function memoryContent(bytes: Uint8Array): FileContent {
  return {
    lengthBytes: bytes.length,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, bytes.length);
      into.set(bytes.subarray(offsetBytes, offsetBytes + into.length));
    },
    async *dataRuns() {
      if (bytes.length > 0) yield [{ startBytes: 0, lengthBytes: bytes.length }];
    },
  };
}

/** Places in the file, cut off at its end. */
async function* placesInFile(
  batches: AsyncIterable<FileRun[]>,
  lengthBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Extent[]> {
  for await (const runs of batches) {
    signal.throwIfAborted();
    const inside = runs.filter((run) => run.fileBytes < lengthBytes);
    yield inside.map((run) => ({
      startBytes: run.fileBytes,
      lengthBytes: Math.min(run.lengthBytes, lengthBytes - run.fileBytes),
    }));
    if (inside.length < runs.length) return;
  }
}
