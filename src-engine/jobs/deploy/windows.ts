/** Writes a template's windows to a target, in the order that keeps an interrupted target from looking finished. */
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSink } from '../../disk/block-source.port.ts';
import { WINDOW_BYTES } from '../../store/chunking.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { WindowRecord } from '../../store/manifest-format.ts';
import type { PressPool } from '../../store/press-pool.ts';
import type { ChunkPlace } from '../../store/press.ts';
import type { Relocation } from '../../volumes/layout.port.ts';
import type { EngineParts } from '../engine-parts.ts';
import { FinishingBlocks } from './finishing-blocks.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import type { Region } from '../../versions/regions.ts';
import { Tasks } from '../../core/tasks.ts';
import { chunksOf } from '../../versions/window-chunks.ts';

/** Direct reads begin at multiples of this. */
const PAGE_BYTES = 4096;
/** Runs that lie this close are read back together. */
const READ_GAP_BYTES = 64 * 1024;

/**
 * The order of writes: what makes a disk look finished is cleared first; then every used block, each read back past the page
 * cache and compared with its chunk's name; last the first sectors and the tables, read back too.
 * @returns bytes read back and found equal
 */
export async function writeAll(
  parts: EngineParts,
  json: ManifestJson,
  manifest: ManifestReader,
  relocation: Relocation,
  sink: BlockSink,
  pool: PressPool,
  context: JobContext,
): Promise<number> {
  const finishing = new FinishingBlocks(relocation);
  if (!sink.isEmpty) await finishing.clear(sink);

  context.phase('writing', json.disk.layout.usedBytes);
  const tasks = new Tasks();
  let verifiedBytes = 0;
  let unpacking = 0;
  let writing = 0;
  try {
    for await (const record of manifest.records()) {
      const region = checkedRegion(json, record);
      const memory = await pool.takeWindow();
      tasks.check();
      context.signal.throwIfAborted();
      context.slowest(writing >= unpacking ? 'target' : 'processor');
      tasks.start(async () => {
        try {
          const start = region.startBytes + record.window * WINDOW_BYTES;
          const chunks = chunksOf(parts.index, record);
          const thread = pool.pickThread();
          // direct reads begin on a page of the disk: the window is laid into memory at the same distance from one
          const base = start % PAGE_BYTES;
          const window = Buffer.from(memory, base);
          unpacking++;
          await pool.request(thread, { kind: 'expand', memory, base, chunks }).finally(() => unpacking--);
          const all = pairs(record.extents);
          const runs = record.region === 0 ? before(sink.lengthBytes - start, all) : all;
          const isHeld = finishing.touches(start);
          if (isHeld) finishing.hold(start, runs, window);
          else {
            writing++;
            await writeAndReadBack(sink, start, base, runs, chunks, Buffer.from(memory)).finally(() => writing--);
          }
          const { firstBadOffset } = await pool.request(thread, { kind: 'compare', memory, base, chunks });
          if (firstBadOffset >= 0) throw new EngineError('VERIFY_MISMATCH', { offsetBytes: start + firstBadOffset });
          if (!isHeld) verifiedBytes += runs.reduce((sum, [, length]) => sum + length, 0);
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

  context.phase('finishing', 0);
  await sink.sync();
  verifiedBytes += await finishing.write(sink);
  return verifiedBytes;
}

/** @throws EngineError `MANIFEST_DAMAGED` where a window leaves its region or the disk */
function checkedRegion({ regions, disk }: ManifestJson, record: WindowRecord): Region {
  const region = regions[record.region];
  const endBytes = record.window * WINDOW_BYTES + record.extents.at(-2)! + record.extents.at(-1)!;
  if (!region || endBytes > region.lengthBytes || region.startBytes + endBytes > disk.layout.lengthBytes) {
    throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'region' });
  }
  return region;
}

type Runs = readonly (readonly [start: number, length: number])[];

/** What lies around partitions and behind the end of a smaller target has no place there; the plan says so. @param limit relative to the window */
function before(limit: number, runs: Runs): Runs {
  return runs.filter(([start]) => start < limit).map(([start, length]) => [start, Math.min(length, limit - start)]);
}

/** Writes a window's used bytes, then reads the pages that hold them back over the memory that they came from. */
async function writeAndReadBack(
  sink: BlockSink,
  windowStart: number,
  base: number,
  runs: Runs,
  chunks: readonly ChunkPlace[],
  memory: Buffer,
): Promise<void> {
  for (const [start, length] of sink.isEmpty ? withoutZeros(chunks, runs) : runs) {
    await sink.write(windowStart + start, memory.subarray(base + start, base + start + length));
  }
  for (let i = 0; i < runs.length;) {
    const from = Math.floor((base + runs[i][0]) / PAGE_BYTES) * PAGE_BYTES;
    let to = from;
    // pages of neighbouring runs are read together
    for (; i < runs.length && base + runs[i][0] <= to + READ_GAP_BYTES; i++) {
      to = Math.ceil((base + runs[i][0] + runs[i][1]) / PAGE_BYTES) * PAGE_BYTES;
    }
    // nothing of what was written may be left to be found equal
    memory.fill(0xa5, from, to);
    await sink.readBackInto(windowStart - base + from, memory.subarray(from, to));
  }
}

/** Runs less the pieces that are zeros: a new sparse file reads as zeros there already. Both ascend. */
function withoutZeros(chunks: readonly ChunkPlace[], runs: Runs): Runs {
  const holes = chunks.filter((chunk) => chunk.frame === null).flatMap((chunk) => pairs(chunk.pieces));
  const left: [number, number][] = [];
  let h = 0;
  for (const [start, length] of runs) {
    const end = start + length;
    let at = start;
    while (h < holes.length && holes[h][0] + holes[h][1] <= at) h++;
    for (let k = h; k < holes.length && holes[k][0] < end; k++) {
      if (holes[k][0] > at) left.push([at, holes[k][0] - at]);
      at = Math.max(at, holes[k][0] + holes[k][1]);
    }
    if (at < end) left.push([at, end - at]);
  }
  return left;
}

function pairs(flat: ArrayLike<number>): [number, number][] {
  const list: [number, number][] = [];
  for (let p = 0; p < flat.length; p += 2) list.push([flat[p], flat[p + 1]]);
  return list;
}
