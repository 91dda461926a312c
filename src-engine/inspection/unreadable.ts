/** Sectors that cannot be read: tried again in smaller pieces, filled with zeros, and written down. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { FailureRow } from './failure-row.ts';

/** The smallest piece that is asked for: the kernel reads no less. */
const MIN_BYTES = 4096;
/** The first places are kept; all bytes are counted. */
const MAX_PLACES = 1000;

/** Where a source could not be read. */
export class UnreadablePlaces {
  lengthBytes = 0;
  readonly #extents: Extent[] = [];

  add(startBytes: number, lengthBytes: number): void {
    this.lengthBytes += lengthBytes;
    this.#extents.push({ startBytes, lengthBytes });
    if (this.#extents.length > 2 * MAX_PLACES) this.#extents.splice(0, this.#extents.length, ...this.#joined());
  }

  /** Ascending, joined where they touch; at most the first thousand. */
  get extents(): Extent[] {
    return this.#joined();
  }

  #joined(): Extent[] {
    const joined: { startBytes: number; lengthBytes: number }[] = [];
    for (const { startBytes, lengthBytes } of [...this.#extents].sort((a, b) => a.startBytes - b.startBytes)) {
      const last = joined.at(-1);
      if (last && startBytes <= last.startBytes + last.lengthBytes) {
        last.lengthBytes = Math.max(last.lengthBytes, startBytes + lengthBytes - last.startBytes);
      } else joined.push({ startBytes, lengthBytes });
    }
    return joined.slice(0, MAX_PLACES);
  }
}

const isUnreadable = (error: unknown) => error instanceof EngineError && error.code === 'READ_FAILED';

/** Where the tables of an image cannot be read, its runs of data are told from pieces of this length. */
const RUNS_PIECE_BYTES = 8 * 1024 * 1024;

/**
 * The runs of data of a source, where some of the tables that tell of them cannot be read: what nobody tells of is data, to be read and
 * found unreadable where it is.
 */
function runsDespiteUnreadable(source: BlockSource): Pick<BlockSource, 'dataRuns'> {
  if (!source.dataRuns) return {};
  const runsOf = source.dataRuns.bind(source);
  return {
    async *dataRuns(startBytes, lengthBytes, signal) {
      const endBytes = startBytes + lengthBytes;
      let at = startBytes;
      try {
        for await (const batch of runsOf(startBytes, lengthBytes, signal)) {
          yield batch;
          const last = batch.at(-1);
          if (last) at = last.startBytes + last.lengthBytes;
        }
        return;
      } catch (error) {
        if (!isUnreadable(error)) throw error;
      }
      for (; at < endBytes; at += RUNS_PIECE_BYTES) {
        const piece = { startBytes: at, lengthBytes: Math.min(RUNS_PIECE_BYTES, endBytes - at) };
        yield await runsOfPiece(runsOf, piece, signal);
      }
    },
  };
}

async function runsOfPiece(
  runsOf: NonNullable<BlockSource['dataRuns']>,
  piece: Extent,
  signal: AbortSignal,
): Promise<Extent[]> {
  const runs: Extent[] = [];
  try {
    for await (const batch of runsOf(piece.startBytes, piece.lengthBytes, signal)) runs.push(...batch);
    return runs;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return [piece];
  }
}

/** @returns a source whose unreadable sectors read as zeros, and are told to `places` where they are given */
export function filledSource(source: BlockSource, places: UnreadablePlaces | null, signal: AbortSignal): BlockSource {
  const unitBytes = Math.max(MIN_BYTES, source.physicalSectorBytes);
  const row = new FailureRow();
  // one after the other: failing sectors do not fail faster when several are asked for
  let retries: Promise<void> = Promise.resolve();

  async function retry(offsetBytes: number, into: Uint8Array): Promise<void> {
    const skipped = row.skippedBytes(offsetBytes, into.length);
    if (skipped > 0) {
      into.fill(0, 0, skipped);
      places?.add(offsetBytes, skipped);
      if (skipped < into.length) await retry(offsetBytes + skipped, into.subarray(skipped));
      return;
    }
    signal.throwIfAborted();
    const began = performance.now();
    try {
      await source.readInto(offsetBytes, into);
      row.end();
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const spentMs = performance.now() - began;
      const middle = middleOf(offsetBytes, offsetBytes + into.length, unitBytes) - offsetBytes;
      row.failed(offsetBytes, middle > 0 ? 0 : into.length, spentMs);
      if (middle > 0) {
        await retry(offsetBytes, into.subarray(0, middle));
        await retry(offsetBytes + middle, into.subarray(middle));
      } else {
        into.fill(0);
        places?.add(offsetBytes, into.length);
      }
    }
  }

  return {
    ...source,
    ...runsDespiteUnreadable(source),
    async readInto(offsetBytes, into) {
      if (row.skippedBytes(offsetBytes, into.length) === 0) {
        try {
          await source.readInto(offsetBytes, into);
          return row.end();
        } catch (error) {
          if (!isUnreadable(error)) throw error;
        }
      }
      const done = retries.then(() => retry(offsetBytes, into));
      retries = done.catch(() => {});
      return done;
    },
  };
}

/** @returns a source that is not asked for these places again: they read as zeros */
export function sourceWithout(source: BlockSource, places: readonly Extent[]): BlockSource {
  return {
    ...source,
    async readInto(offsetBytes, into) {
      let done = 0;
      for (const { startBytes, lengthBytes } of places) {
        const start = Math.max(done, startBytes - offsetBytes);
        const end = Math.min(into.length, startBytes + lengthBytes - offsetBytes);
        if (end <= start) continue;
        if (start > done) await source.readInto(offsetBytes + done, into.subarray(done, start));
        into.fill(0, start, end);
        done = end;
      }
      if (done < into.length) await source.readInto(offsetBytes + done, into.subarray(done));
    },
  };
}

/** Where to cut a range in two, at a whole unit of the source; its start where it cannot be cut. */
function middleOf(start: number, end: number, unitBytes: number): number {
  const middle = Math.round((start + end) / 2 / unitBytes) * unitBytes;
  if (middle > start && middle < end) return middle;
  const first = (Math.floor(start / unitBytes) + 1) * unitBytes;
  return first < end ? first : start;
}

/** Says of a failed read that a capture can go on over it. @throws what `work` throws */
export async function tellingOfFill<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    const { code, data, hint } = error as EngineError;
    throw new EngineError(code, { ...data, canFill: true }, hint, { cause: error });
  }
}

/** The field that errors of {@link damagedSource} name. */
export const UNREADABLE_SECTOR = 'unreadable sector';

/**
 * @returns a source whose unreadable sectors are damage of what lies there, so that a volume whose tables cannot be read is
 *   captured whole: zeros in a bitmap would pass for free space
 */
export function damagedSource(source: BlockSource): BlockSource {
  return {
    ...source,
    ...runsDespiteUnreadable(source),
    async readInto(offsetBytes, into) {
      try {
        await source.readInto(offsetBytes, into);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        const { offsetBytes: at = offsetBytes } = (error as EngineError).data;
        throw new EngineError('FORMAT_INVALID', { field: UNREADABLE_SECTOR, value: String(at) }, '', {
          cause: error,
        });
      }
    },
  };
}
