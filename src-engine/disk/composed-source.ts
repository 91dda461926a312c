/** Several sources laid side by side: parts of a split file, partitions of a disk that were kept one by one. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource, Extent } from './block-source.port.ts';

export interface Part {
  readonly startBytes: number;
  readonly source: BlockSource;
}

/**
 * @param parts ascending and disjoint, inside the length; what no part covers reads as zeros
 * @returns a source that closes its parts with itself
 * @throws EngineError `FORMAT_INVALID` where parts overlap or leave the length
 */
export function composedSource(parts: readonly Part[], lengthBytes: number, sectorBytes = 512): BlockSource {
  let endBytes = 0;
  for (const { startBytes, source } of parts) {
    checkSpan('part', startBytes - endBytes, source.lengthBytes, lengthBytes - endBytes);
    endBytes = startBytes + source.lengthBytes;
  }

  /** The parts that a range touches, each with the piece of it in the part's own offsets. */
  function* touched(offsetBytes: number, length: number) {
    let low = 0;
    for (let high = parts.length; low < high;) {
      const middle = (low + high) >>> 1;
      if (parts[middle].startBytes + parts[middle].source.lengthBytes <= offsetBytes) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < parts.length && parts[i].startBytes < offsetBytes + length; i++) {
      const { startBytes, source } = parts[i];
      const from = Math.max(0, offsetBytes - startBytes);
      const to = Math.min(source.lengthBytes, offsetBytes + length - startBytes);
      if (from < to) yield { startBytes, source, from, to };
    }
  }

  return {
    lengthBytes,
    sectorBytes,
    physicalSectorBytes: sectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      let done = 0;
      for (const { startBytes, source, from, to } of touched(offsetBytes, into.length)) {
        const start = startBytes + from - offsetBytes;
        into.fill(0, done, start);
        done = start + to - from;
        await source.readInto(from, into.subarray(start, done));
      }
      into.fill(0, done);
    },
    async *dataRuns(offsetBytes, length, signal): AsyncGenerator<Extent[]> {
      for (const { startBytes, source, from, to } of touched(offsetBytes, length)) {
        if (!source.dataRuns) yield [{ startBytes: startBytes + from, lengthBytes: to - from }];
        else {
          for await (const batch of source.dataRuns(from, to - from, signal)) {
            yield batch.map((run) => ({ ...run, startBytes: startBytes + run.startBytes }));
          }
        }
      }
    },
    async close() {
      await Promise.all(parts.map(({ source }) => source.close()));
    },
  };
}

/** Files of one content, one behind the other. */
export function joinedSource(sources: readonly BlockSource[]): BlockSource {
  let lengthBytes = 0;
  const parts = sources.map((source) => {
    const startBytes = lengthBytes;
    lengthBytes += source.lengthBytes;
    return { startBytes, source };
  });
  return composedSource(parts, lengthBytes, sources[0]?.sectorBytes);
}
