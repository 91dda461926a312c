/** Sectors that cannot be read: tried again in smaller pieces, filled with zeros, and written down. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';

/** The smallest piece that is asked for: the kernel reads no less. */
const MIN_BYTES = 4096;
/** Once so many pieces of one request have failed, what fails is not cut smaller than this: a dying disk takes seconds for each. */
const MANY_FAILURES = 256;
const COARSE_BYTES = 64 * 1024;

/** The first places are kept; all bytes are counted. */
const MAX_PLACES = 1000;

/** Where a source could not be read. */
export class UnreadablePlaces {
  lengthBytes = 0;
  places = 0;
  readonly #extents: Extent[] = [];

  add(startBytes: number, lengthBytes: number): void {
    this.lengthBytes += lengthBytes;
    this.places++;
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

/** @returns a source whose unreadable sectors read as zeros, and are told to `places` where they are given */
export function filledSource(source: BlockSource, places: UnreadablePlaces | null): BlockSource {
  const unitBytes = Math.max(MIN_BYTES, source.physicalSectorBytes);
  return {
    ...source,
    async readInto(offsetBytes, into) {
      let failures = 0;
      const read = async (from: number, to: number): Promise<void> => {
        try {
          await source.readInto(offsetBytes + from, into.subarray(from, to));
        } catch (error) {
          if (!isUnreadable(error)) throw error;
          const smallest = ++failures > MANY_FAILURES ? COARSE_BYTES : unitBytes;
          const middle = middleOf(offsetBytes + from, offsetBytes + to, smallest) - offsetBytes;
          if (middle > from && middle < to) {
            await read(from, middle);
            await read(middle, to);
          } else {
            into.fill(0, from, to);
            places?.add(offsetBytes + from, to - from);
          }
        }
      };
      await read(0, into.length);
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

/** The field that errors of {@link damagedSource} name. */
export const UNREADABLE_SECTOR = 'unreadable sector';

/**
 * @returns a source whose unreadable sectors are damage of what lies there, so that a volume whose tables cannot be read is
 *   captured whole: zeros in a bitmap would pass for free space
 */
export function damagedSource(source: BlockSource): BlockSource {
  return {
    ...source,
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
