/** A version's windows in the order of the disk, each unpacked in a press thread, compared with its chunks' names, and handed on in turn. */
import { EngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { ChunkIndex } from '../store/chunk-index.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import type { WindowRecord } from '../store/manifest-format.ts';
import type { ManifestReader } from '../store/manifest-reader.ts';
import type { PressPool } from '../store/press-pool.ts';
import type { ChunkPlace } from '../store/press.ts';
import type { ManifestJson } from './manifest-json.ts';
import { Tasks } from '../core/tasks.ts';
import { chunksOf } from './window-chunks.ts';

/** A window, or of one around partitions the runs that come next. */
interface Step {
  readonly record: WindowRecord;
  /** of the window, on the disk */
  readonly startBytes: number;
  /** the piece of the window that counts: start and end, relative to it */
  readonly from: number;
  readonly to: number;
}

/**
 * @param take gets the disk's data ascending, one piece at a time; zeros and what is unused are left out
 * @throws EngineError `PACK_DAMAGED` where a chunk is not what its name says, `CHUNK_MISSING`, `MANIFEST_DAMAGED`
 */
export async function takeInOrder(
  index: ChunkIndex,
  manifest: ManifestReader,
  json: ManifestJson,
  pool: PressPool,
  context: JobContext,
  take: (offsetBytes: number, bytes: Buffer) => Promise<void>,
): Promise<void> {
  const tasks = new Tasks();
  let last: Promise<void> = Promise.resolve();
  let unpacking = 0;
  let writing = false;
  try {
    for await (const step of windowsInOrder(manifest, json)) {
      const memory = await pool.takeWindow();
      tasks.check();
      context.signal.throwIfAborted();
      context.slowest(writing && unpacking === 0 ? 'target' : 'processor');
      const before = last;
      const own = Promise.withResolvers<void>();
      last = own.promise;
      tasks.start(async () => {
        try {
          const chunks = chunksOf(index, step.record);
          const thread = pool.pickThread();
          unpacking++;
          const { wrong } = await pool
            .request(thread, { kind: 'expand', memory, base: 0, chunks })
            .then(() => pool.request(thread, { kind: 'compare', memory, base: 0, chunks }))
            .finally(() => unpacking--);
          if (wrong.length > 0) throw damagedChunk(chunks[wrong[0]]);
          await before;
          tasks.check();
          context.signal.throwIfAborted();
          writing = true;
          const window = Buffer.from(memory);
          for (const [start, end] of dataIn(chunks, step)) {
            await take(step.startBytes + start, window.subarray(start, end));
            context.advance(end - start);
          }
        } finally {
          writing = false;
          own.resolve();
          pool.releaseWindow(memory);
        }
      });
    }
    await tasks.finish();
  } finally {
    await tasks.settle();
  }
}

/**
 * Region 0 lies around and between the others: its runs are put where they belong.
 * @throws EngineError `MANIFEST_DAMAGED` where windows leave their regions or the disk, or overlap
 */
export async function* windowsInOrder(manifest: ManifestReader, { regions, disk }: ManifestJson): AsyncGenerator<Step> {
  const layout = layoutSteps(manifest, regions);
  let doneBytes = 0;
  const checked = (step: Step): Step => {
    const startBytes = step.startBytes + step.from;
    const endBytes = step.startBytes + step.to;
    const region = regions[step.record.region];
    const isInside = endBytes <= region.startBytes + region.lengthBytes && endBytes <= disk.layout.lengthBytes;
    if (startBytes < doneBytes || !isInside) throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'order' });
    doneBytes = endBytes;
    return step;
  };
  let next = await layout.next();
  for await (const record of manifest.records()) {
    if (record.region === 0) continue;
    const region = regions[record.region];
    if (!region) throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'region' });
    const { extents } = record;
    const startBytes = region.startBytes + record.window * WINDOW_BYTES;
    const step = { record, startBytes, from: extents[0], to: extents.at(-2)! + extents.at(-1)! };
    for (; !next.done && next.value.startBytes + next.value.from < startBytes + step.from; next = await layout.next()) {
      yield checked(next.value);
    }
    yield checked(step);
  }
  for (; !next.done; next = await layout.next()) yield checked(next.value);
}

/** The runs of region 0, whose windows come first in a manifest; it is gone through beside the others, so that no list is kept. */
async function* layoutSteps(manifest: ManifestReader, [disk]: ManifestJson['regions']): AsyncGenerator<Step> {
  for await (const record of manifest.records()) {
    if (record.region !== 0) return;
    const { extents, window } = record;
    const startBytes = disk.startBytes + window * WINDOW_BYTES;
    for (let i = 0; i < extents.length; i += 2) {
      yield { record, startBytes, from: extents[i], to: extents[i] + extents[i + 1] };
    }
  }
}

/** The runs of a step that are not zeros, ascending. */
function* dataIn(chunks: readonly ChunkPlace[], { from, to }: Step): Generator<[start: number, end: number]> {
  let start = 0;
  let end = 0;
  for (const { frame, pieces } of chunks) {
    if (!frame) continue;
    for (let p = 0; p < pieces.length; p += 2) {
      const low = Math.max(from, pieces[p]);
      const high = Math.min(to, pieces[p] + pieces[p + 1]);
      if (low >= high) continue;
      if (low !== end) {
        if (end > start) yield [start, end];
        start = low;
      }
      end = high;
    }
  }
  if (end > start) yield [start, end];
}

function damagedChunk({ frame }: ChunkPlace): EngineError {
  const { packPath = '', offset: offsetBytes = 0 } = frame ?? {};
  return new EngineError('PACK_DAMAGED', { path: packPath, offsetBytes, reason: 'chunk hash' });
}
