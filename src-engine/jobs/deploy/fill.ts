/** Fill: every used block onto the target, each read back past the page cache and compared with what it must be. */
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { Tasks } from '../../core/tasks.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { WINDOW_BYTES } from '../../store/chunking.ts';
import type { WindowRecord } from '../../store/manifest-format.ts';
import type { PressPool } from '../../store/press-pool.ts';
import { HASH_BYTES } from '../../store/pack-format.ts';
import type { ChunkPlace, NamedPieces } from '../../store/press.ts';
import type { Region } from '../../versions/regions.ts';
import { chunksOf } from '../../versions/window-chunks.ts';
import { bytesOf, within, withoutExtents } from '../../volumes/extents.ts';
import type { Deployment } from './deployment.ts';
import { extentOf, pieceOf } from './overlay.ts';
import { PAGE_BYTES, readBackOver, verifyPatch } from './read-back.ts';

/** A difference in a changed window is told to within this: about as long as a chunk is. */
const PIECE_BYTES = 64 * 1024;

type Filling = Pick<
  Deployment,
  'parts' | 'manifest' | 'json' | 'pool' | 'overlay' | 'held' | 'sink' | 'verifiedBytes'
> & {
  readonly placement: Pick<Deployment['placement'], 'regions' | 'taken'>;
};

/**
 * Writes the windows of a template. One that is as it was captured is verified by the names of its chunks. One of which anything is
 * changed or held back is compared with its chunks when it is unpacked, and verified by the hash of what it was made into.
 * @throws EngineError `VERIFY_MISMATCH`, `PACK_DAMAGED`, `MANIFEST_DAMAGED`, `WRITE_FAILED`, `ABORTED`
 */
export async function fill(filling: Filling, context: JobContext): Promise<void> {
  context.phase('writing', filling.json.disk.layout.usedBytes);
  const { manifest, json, pool, overlay, held, sink } = filling;
  const tasks = new Tasks();
  const busy = { unpacking: 0, writing: 0 };
  try {
    for await (const record of manifest.records()) {
      checkRegion(json, record);
      const region = filling.placement.regions[record.region];
      if (!region) {
        context.advance(record.lengths.reduce((sum, length) => sum + length, 0));
        continue;
      }
      const memory = await pool.takeWindow();
      tasks.check();
      context.signal.throwIfAborted();
      context.slowest(busy.writing >= busy.unpacking ? 'target' : 'processor');
      tasks.start(async () => {
        try {
          const equalBytes = await fillWindow(filling, region, record, memory, busy);
          filling.verifiedBytes += equalBytes;
          context.advance(record.lengths.reduce((sum, length) => sum + length, 0));
        } finally {
          pool.releaseWindow(memory);
        }
      });
    }
    await tasks.finish();
  } finally {
    await tasks.settle();
  }
  for (const patch of overlay.rest()) {
    for (const extent of held.keep([extentOf(patch)], patch.offsetBytes, patch.bytes)) {
      const piece = pieceOf(patch, extent);
      await sink.write(piece.offsetBytes, piece.bytes);
      const equalBytes = await verifyPatch(sink, piece);
      filling.verifiedBytes += equalBytes;
    }
  }
}

/** @param busy how many windows wait for what */
async function fillWindow(
  { parts, pool, overlay, held, sink, placement }: Filling,
  region: Region,
  record: WindowRecord,
  memory: SharedArrayBuffer,
  busy: { unpacking: number; writing: number },
): Promise<number> {
  const windowStart = region.startBytes + record.window * WINDOW_BYTES;
  // direct reads begin on a page of the disk: the window is laid into memory at the same distance from one
  const base = windowStart % PAGE_BYTES;
  const memoryStart = windowStart - base;
  const disk = Buffer.from(memory);
  const chunks = chunksOf(parts.index, record);
  const thread = pool.pickThread();
  const compare = async (expected: NamedPieces[]) => {
    const { firstBadOffset } = await pool.request(thread, { kind: 'compare', memory, base, chunks: expected });
    if (firstBadOffset >= 0) throw new EngineError('VERIFY_MISMATCH', { offsetBytes: windowStart + firstBadOffset });
  };
  busy.unpacking++;
  await pool.request(thread, { kind: 'expand', memory, base, chunks }).finally(() => busy.unpacking--);

  const used = extentsOf(record.extents, windowStart);
  // what lies around partitions and behind the end of a smaller target has no place there; the plan says so
  let runs = record.region === 0 ? placed(used, sink.lengthBytes, placement.taken) : used;
  let zeros = sink.isEmpty ? zerosOf(chunks, windowStart) : [];
  let expected: NamedPieces[] = chunks;
  const piece = { startBytes: windowStart, lengthBytes: WINDOW_BYTES };
  if (overlay.touches(piece) || held.touches(piece)) {
    await compare(chunks);
    runs = held.keep(overlay.lay(runs, memoryStart, disk), memoryStart, disk);
    zeros = overlay.unchanged(zeros);
    expected = await named(pool, thread, memory, base, runs, windowStart);
  }
  busy.writing++;
  try {
    // a new sparse file reads as zeros already
    for (const { startBytes, lengthBytes } of zeros.length > 0 ? withoutExtents(runs, zeros) : runs) {
      const from = startBytes - memoryStart;
      await sink.write(startBytes, disk.subarray(from, from + lengthBytes));
    }
    await readBackOver(sink, runs, memoryStart, disk);
  } finally {
    busy.writing--;
  }
  await compare(expected);
  return bytesOf(runs);
}

/** What is in memory now, by hashes of its pieces: its chunks' names are not what it is any more. */
async function named(
  pool: PressPool,
  thread: number,
  memory: SharedArrayBuffer,
  base: number,
  runs: readonly Extent[],
  windowStart: number,
): Promise<NamedPieces[]> {
  const pieces = runs.flatMap(({ startBytes, lengthBytes }) => {
    const list: number[][] = [];
    for (let done = 0; done < lengthBytes; done += PIECE_BYTES) {
      list.push([startBytes - windowStart + done, Math.min(PIECE_BYTES, lengthBytes - done)]);
    }
    return list;
  });
  const { hashes } = await pool.request(thread, { kind: 'name', memory, base, pieces });
  return pieces.map((piece, i) => ({
    lengthBytes: piece[1],
    pieces: piece,
    hash: hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  }));
}

/** What of the bytes around partitions has a place: not behind the end, and not where partitions have come to lie. */
function placed(used: readonly Extent[], targetBytes: number, taken: readonly Extent[]): Extent[] {
  const inside = within({ startBytes: 0, lengthBytes: targetBytes }, used);
  return taken.length > 0 ? withoutExtents(inside, taken) : inside;
}

/** @throws EngineError `MANIFEST_DAMAGED` where a window leaves its region or the disk */
function checkRegion({ regions, disk }: Filling['json'], record: WindowRecord): void {
  const region = regions[record.region];
  const endBytes = record.window * WINDOW_BYTES + record.extents.at(-2)! + record.extents.at(-1)!;
  if (!region || endBytes > region.lengthBytes || region.startBytes + endBytes > disk.layout.lengthBytes) {
    throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'region' });
  }
}

function zerosOf(chunks: readonly ChunkPlace[], windowStart: number): Extent[] {
  return chunks.filter(({ frame }) => frame === null).flatMap(({ pieces }) => extentsOf(pieces, windowStart));
}

/** @param pairs start and length, relative to the window */
function extentsOf(pairs: ArrayLike<number>, windowStart: number): Extent[] {
  const extents: Extent[] = [];
  for (let p = 0; p < pairs.length; p += 2) {
    extents.push({ startBytes: windowStart + pairs[p], lengthBytes: pairs[p + 1] });
  }
  return extents;
}
