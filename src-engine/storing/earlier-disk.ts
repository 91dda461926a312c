/**
 * What of a disk need not be read, because an earlier version has it and nothing was written there since: the chunks of that version are taken
 * over by their names. What is used now and is not in that version is read, whoever says that it did not change.
 */
import type { Extent } from '../disk/block-source.port.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import type { WindowRecord } from '../store/manifest-format.ts';
import type { ManifestReader } from '../store/manifest-reader.ts';
import { HASH_BYTES } from '../store/pack-format.ts';
import type { KnownChunk, WindowPart } from '../store/store-writer.ts';
import type { Region } from '../versions/regions.ts';
import { piecesOf } from '../versions/window-chunks.ts';

export interface EarlierDisk {
  readonly manifest: Pick<ManifestReader, 'find'>;
  readonly regions: readonly Region[];
  /** what may differ from the earlier version, ascending, in offsets of the disk */
  changed(startBytes: number, lengthBytes: number): Promise<readonly Extent[]>;
}

/** So much is asked for changes at once. */
const STEP_BYTES = 32 * WINDOW_BYTES;

/** Changes of a disk, asked for step by step: whoever goes through it in order asks for each step once. */
export class ChangedRuns {
  readonly #ask: (startBytes: number, lengthBytes: number) => Promise<Extent[]>;
  readonly #lengthBytes: number;
  #step = -1;
  #runs: Promise<Extent[]> = Promise.resolve([]);

  /** @param ask within the length of the disk */
  constructor(lengthBytes: number, ask: (startBytes: number, lengthBytes: number) => Promise<Extent[]>) {
    this.#lengthBytes = lengthBytes;
    this.#ask = ask;
  }

  async in(startBytes: number, lengthBytes: number): Promise<Extent[]> {
    const endBytes = startBytes + lengthBytes;
    const found: Extent[] = [];
    for (let step = Math.floor(startBytes / STEP_BYTES); step * STEP_BYTES < endBytes; step++) {
      if (step !== this.#step) {
        this.#step = step;
        const from = step * STEP_BYTES;
        this.#runs = this.#ask(from, Math.min(STEP_BYTES, this.#lengthBytes - from));
      }
      for (const run of await this.#runs) {
        const from = Math.max(run.startBytes, startBytes);
        const to = Math.min(run.startBytes + run.lengthBytes, endBytes);
        if (from < to) found.push({ startBytes: from, lengthBytes: to - from });
      }
    }
    return found;
  }
}

/**
 * @param take says which chunks the store has still, which it counts on then
 * @param extents all that is used of the window, pairs (start, length), ascending, none touching the next
 * @returns its parts in order; null where all of it is to be read
 */
export async function partsOf(
  earlier: EarlierDisk,
  take: <T extends KnownChunk>(chunks: readonly T[]) => T[],
  region: Region,
  number: number,
  window: number,
  extents: Uint32Array,
): Promise<WindowPart[] | null> {
  const before = earlier.regions[number];
  if (before?.startBytes !== region.startBytes) return null;
  const record = await earlier.manifest.find(number, window);
  if (!record) return null;
  const windowStart = region.startBytes + window * WINDOW_BYTES;
  const lengthBytes = Math.min(WINDOW_BYTES, region.startBytes + region.lengthBytes - windowStart);
  const changed = (await earlier.changed(windowStart, lengthBytes)).map((run) => ({
    start: run.startBytes - windowStart,
    end: run.startBytes - windowStart + run.lengthBytes,
  }));
  return joined(extents, take([...usable(record, changed, extents)]));
}

interface Usable extends KnownChunk {
  /** where it begins, counted in used bytes of the window */
  readonly at: number;
}

/** Chunks of the earlier version that are whole in what is used now, one byte after the other, with nothing written since. */
function* usable(
  record: WindowRecord,
  changed: readonly { start: number; end: number }[],
  extents: Uint32Array,
): Generator<Usable> {
  const place = new UsedBytes(extents);
  let next = 0;
  for (const [i, pieces] of piecesOf(record)) {
    const [first] = pieces;
    const end = pieces[pieces.length - 2] + pieces[pieces.length - 1];
    while (next < changed.length && changed[next].end <= first) next++;
    let isChanged = false;
    for (let c = next; c < changed.length && changed[c].start < end; c++) {
      for (let p = 0; p < pieces.length; p += 2) {
        isChanged ||= changed[c].start < pieces[p] + pieces[p + 1] && changed[c].end > pieces[p];
      }
    }
    const at = isChanged ? null : place.of(pieces);
    if (at === null) continue;
    yield {
      at,
      lengthBytes: record.lengths[i],
      hash: record.hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    };
  }
}

/** Where a byte of the window stands among those that are used. Asked in ascending order. */
class UsedBytes {
  readonly #extents: Uint32Array;
  #run = 0;
  #before = 0;

  constructor(extents: Uint32Array) {
    this.#extents = extents;
  }

  /** @returns null where pieces are not used now, or have others between them */
  of(pieces: readonly number[]): number | null {
    const extents = this.#extents;
    while (this.#run < extents.length && extents[this.#run] + extents[this.#run + 1] <= pieces[0]) {
      this.#before += extents[this.#run + 1];
      this.#run += 2;
    }
    let run = this.#run;
    let expected = pieces[0];
    const at = this.#before + pieces[0] - extents[run];
    for (let p = 0; p < pieces.length; p += 2) {
      const [start, end] = [pieces[p], pieces[p] + pieces[p + 1]];
      if (p > 0 && start !== expected) return null;
      if (!(run < extents.length) || start < extents[run] || end > extents[run] + extents[run + 1]) return null;
      expected = end;
      if (end === extents[run] + extents[run + 1]) {
        run += 2;
        expected = extents[run];
      }
    }
    return at;
  }
}

/** Between what is usable lies what is read. */
function joined(extents: Uint32Array, chunks: readonly Usable[]): WindowPart[] | null {
  const parts: WindowPart[] = [];
  let run = 0;
  let taken = 0;
  let at = 0;
  const pass = (until: number): number[] => {
    const runs: number[] = [];
    while (at < until && run < extents.length) {
      const length = Math.min(until - at, extents[run + 1] - taken);
      runs.push(extents[run] + taken, length);
      at += length;
      taken += length;
      if (taken === extents[run + 1]) {
        run += 2;
        taken = 0;
      }
    }
    return runs;
  };
  if (chunks.length === 0) return null;
  for (const { at: start, lengthBytes, hash } of chunks) {
    if (start > at) parts.push({ runs: pass(start) });
    pass(start + lengthBytes);
    parts.push({ hash, lengthBytes });
  }
  const rest = pass(Infinity);
  if (rest.length > 0) parts.push({ runs: rest });
  return parts;
}
