/**
 * Fills a target that may hold most of it already: each window is read from there first, and only what differs is unpacked and written. What
 * was found equal has been read from the medium, as it would have been after writing.
 */
import { EngineError } from '../../core/engine-error.ts';
import { Tasks } from '../../core/tasks.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { PressPool } from '../../store/press-pool.ts';
import type { ChunkPlace } from '../../store/press.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import { bytesOf, joinExtents } from '../../volumes/extents.ts';
import type { Filler } from './filler.ts';
import { PAGE_BYTES } from '../../core/direct-access.ts';
import { extentsOf, storedWindow, type StoredWindow } from './stored-window.ts';
import type { TargetWindow } from './target-window.ts';

/** So many windows are looked at before it is judged whether reading first is worth it. */
const TRIED_WINDOWS = 32;
/** Where more than this of them was other, what is left is written without a look. */
const WORTH_SHARE = 0.5;

/** Whether reading first is worth it, from what was found so far. */
class Worth {
  #windows = 0;
  #comparedBytes = 0;
  #otherBytes = 0;

  get isGiven(): boolean {
    return this.#windows < TRIED_WINDOWS || this.#otherBytes <= WORTH_SHARE * this.#comparedBytes;
  }

  found(comparedBytes: number, otherBytes: number): void {
    this.#windows++;
    this.#comparedBytes += comparedBytes;
    this.#otherBytes += otherBytes;
  }
}

/**
 * @throws EngineError `VERIFY_MISMATCH`, `PACK_DAMAGED`, `MANIFEST_DAMAGED`, `CHUNK_MISSING`, `WRITE_FAILED`, `READ_FAILED`, `ABORTED`
 */
export async function fillCompared(
  { index }: Pick<StoredParts, 'index'>,
  manifest: ManifestReader,
  json: ManifestJson,
  filler: Filler,
  pool: PressPool,
  signal: AbortSignal,
): Promise<void> {
  const tasks = new Tasks();
  const worth = new Worth();
  try {
    for await (const record of manifest.records()) {
      const stored = storedWindow(index, json, record);
      const memory = await pool.takeWindow();
      tasks.check();
      signal.throwIfAborted();
      tasks.start(async () => {
        try {
          await fillWindow(stored, memory, filler, pool, worth);
          filler.windowDone({ stored, memory });
        } finally {
          pool.releaseWindow(memory);
        }
      });
    }
    await tasks.finish();
  } finally {
    await tasks.settle();
  }
}

async function fillWindow(
  stored: StoredWindow,
  memory: SharedArrayBuffer,
  filler: Filler,
  pool: PressPool,
  worth: Worth,
): Promise<void> {
  const window = filler.place(stored);
  if (!window) return;
  const { baseBytes: base, chunks } = stored;
  const thread = pool.pickThread();
  const compare = async (some: readonly ChunkPlace[]) => {
    const { wrong } = await pool.request(thread, { kind: 'compare', memory, base, chunks: some });
    return wrong.map((i) => some[i]);
  };
  let others = chunks;
  if (worth.isGiven && !filler.touches(window) && (await filler.readWindow(window, memory))) {
    others = await compare(chunks);
    worth.found(stored.lengthBytes, bytesOf(others));
    filler.foundEqual(stored.lengthBytes - bytesOf(others));
    if (others.length === 0) return;
    const before = others.map((chunk) => copyOf(chunk, memory, base));
    await pool.request(thread, { kind: 'expand', memory, base, chunks: others });
    const different = joinExtents(others.flatMap((chunk, i) => differing(chunk, memory, window, before[i])));
    await filler.write(window, Buffer.from(memory), different);
    // pages between those that differ were found equal to what is in memory now
    filler.foundEqual(bytesOf(others) - bytesOf(different));
  } else {
    await pool.request(thread, { kind: 'expand', memory, base, chunks });
    await filler.take({ stored, memory });
  }
  // it covers the memory that was written from as well
  const [wrong] = await compare(others);
  if (wrong) throw new EngineError('VERIFY_MISMATCH', { offsetBytes: window.startBytes + wrong.pieces[0] });
}

function copyOf({ pieces, lengthBytes }: ChunkPlace, memory: SharedArrayBuffer, base: number): Buffer {
  const bytes = Buffer.from(memory);
  const copy = Buffer.allocUnsafe(lengthBytes);
  let at = 0;
  for (let p = 0; p < pieces.length; p += 2) {
    at += bytes.copy(copy, at, base + pieces[p], base + pieces[p] + pieces[p + 1]);
  }
  return copy;
}

/** Where a chunk is other than it was, to within a page of the disk. */
function differing(
  { pieces }: ChunkPlace,
  memory: SharedArrayBuffer,
  { startBytes, memoryStart }: TargetWindow,
  before: Buffer,
): Extent[] {
  const now = Buffer.from(memory);
  const found: Extent[] = [];
  let at = 0;
  for (const { startBytes: from, lengthBytes } of extentsOf(pieces, startBytes)) {
    for (let start = from; start < from + lengthBytes;) {
      const end = Math.min(from + lengthBytes, start - (start % PAGE_BYTES) + PAGE_BYTES);
      const isEqual = before.compare(now, start - memoryStart, end - memoryStart, at, at + end - start) === 0;
      if (!isEqual) found.push({ startBytes: start, lengthBytes: end - start });
      at += end - start;
      start = end;
    }
  }
  return found;
}
