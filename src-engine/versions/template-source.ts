/** A version of a template as a disk that can be read at random, without unpacking it. What was not captured reads as zeros. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import type { ChunkIndex } from '../store/chunk-index.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import type { FramePlace } from '../store/frame-reader.ts';
import { isZeroHash, type WindowRecord } from '../store/manifest-format.ts';
import type { ManifestReader } from '../store/manifest-reader.ts';
import type { ChunkPlace } from '../store/press.ts';
import type { UnpackedFrames } from '../store/unpacked-frames.ts';
import type { ManifestJson } from './manifest-json.ts';
import { chunkOf, chunksOf, piecesIn } from './window-chunks.ts';

/** Whoever jumps about in metadata comes back to the same few places. */
const CACHED_WINDOWS = 128;
/** Some 3 KB each, and as much again of one in which every chunk was read. */
const CACHED_WINDOWS_SERVED = 4096;
/** Runs of so much of the disk are told at once. */
const RUNS_STEP_BYTES = 8 * WINDOW_BYTES;

/** Fills `into` from a place in a chunk. */
type ReadChunk = (chunk: ChunkPlace & { frame: FramePlace }, from: number, into: Uint8Array) => void | Promise<void>;

interface Window {
  readonly record: WindowRecord | null;
  /** of chunks that were read: whoever jumps about needs one of a window */
  readonly places: Map<number, ChunkPlace>;
}

/**
 * @param manifest stays open as long as the source is used; closing the source does not close it
 * @param served for whoever is read at random for long; left out: frames that are kept for others, or the few that all of the engine share
 */
export function templateSource(
  index: ChunkIndex,
  manifest: ManifestReader,
  json: ManifestJson,
  served?: UnpackedFrames,
): BlockSource {
  const kept = served ?? index.kept.borrowOpen();
  const shared = kept ? null : index.borrowFrames();
  const readChunk: ReadChunk = kept
    ? ({ frame, offsetInFrame, hash }, from, into) => kept.readInto(frame, offsetInFrame, hash, from, into)
    : ({ frame, offsetInFrame, hash }, from, into) =>
        into.set(shared!.readChunk(frame, offsetInFrame, hash).subarray(from, from + into.length));
  const cachedWindows = served ? CACHED_WINDOWS_SERVED : CACHED_WINDOWS;
  let isOpen = true;
  let ahead: Promise<void> | null = null;
  const { lengthBytes, sectorBytes, physicalSectorBytes } = json.disk.layout;
  // the first is the one that was not used longest
  const windows = new Map<string, Promise<Window>>();

  function windowAt(region: number, window: number): Promise<Window> {
    const key = `${region}:${window}`;
    let found = windows.get(key);
    if (found) windows.delete(key);
    else {
      found = manifest.find(region, window).then((record) => ({ record, places: new Map() }));
      found.catch(() => windows.delete(key));
    }
    windows.set(key, found);
    if (windows.size > cachedWindows) windows.delete(windows.keys().next().value!);
    return found;
  }

  async function copyWindow(region: number, window: number, windowStart: number, offset: number, into: Uint8Array) {
    const found = await windowAt(region, window);
    const { record } = found;
    if (!record) return;
    const low = offset - windowStart;
    // all of them are found before the first is read: nothing is under way when one is missing
    const pieces = Array.from(piecesIn(record, low, low + into.length), (piece) => ({
      ...piece,
      place: placeOf(found, record, piece.chunk),
    }));
    const reads = pieces.map(({ place, from, start, lengthBytes }) =>
      isStored(place) ? readChunk(place, from, into.subarray(start - low, start - low + lengthBytes)) : undefined,
    );
    await settled(reads);
  }

  function placeOf({ places }: Window, record: WindowRecord, chunk: number): ChunkPlace {
    let place = places.get(chunk);
    if (!place) places.set(chunk, (place = chunkOf(index, record, chunk)));
    return place;
  }

  /** Which windows a range of the disk touches: the region, the window, and where that begins on the disk. */
  function* windowsIn(offsetBytes: number, length: number): Generator<[region: number, window: number, start: number]> {
    for (const [region, { startBytes, lengthBytes: regionBytes }] of json.regions.entries()) {
      const low = Math.max(offsetBytes, startBytes) - startBytes;
      const high = Math.min(offsetBytes + length, startBytes + regionBytes) - startBytes;
      for (let window = Math.floor(low / WINDOW_BYTES); window * WINDOW_BYTES < high; window++) {
        yield [region, window, startBytes + window * WINDOW_BYTES];
      }
    }
  }

  /** Of a range that is not long, in order. */
  async function runsIn(offsetBytes: number, length: number): Promise<Extent[]> {
    const runs: Extent[] = [];
    for (const [region, window, windowStart] of windowsIn(offsetBytes, length)) {
      const { record } = await windowAt(region, window);
      if (!record) continue;
      const low = offsetBytes - windowStart;
      for (const { chunk, start, lengthBytes } of piecesIn(record, low, low + length)) {
        if (!isZeroHash(record.hashes, chunk)) runs.push({ startBytes: windowStart + start, lengthBytes });
      }
    }
    return runs.sort((a, b) => a.startBytes - b.startBytes);
  }

  /** Unpacks the whole disk in order, while others read of it. What cannot be read is told to whoever asks for it. */
  async function unpackAll(frames: UnpackedFrames): Promise<void> {
    const places = framesInOrder();
    let hasRoom = true;
    const unpackNext = async () => {
      for await (const frame of places) {
        hasRoom &&= isOpen && (await frames.unpackAhead(frame).catch(() => true));
        if (!hasRoom) return;
      }
    };
    // one is read while the other is unpacked
    await Promise.all([unpackNext(), unpackNext()]);
  }

  async function* framesInOrder(): AsyncGenerator<FramePlace> {
    for (const [region, window] of windowsIn(0, lengthBytes)) {
      const record = await manifest.find(region, window).catch(() => null);
      if (record) yield* framesOf(record);
    }
  }

  function framesOf(record: WindowRecord): Set<FramePlace> {
    try {
      return new Set(chunksOf(index, record).flatMap(({ frame }) => frame ?? []));
    } catch {
      return new Set();
    }
  }

  return {
    lengthBytes,
    sectorBytes,
    physicalSectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      into.fill(0);
      if (served?.isReadAtRandom) ahead ??= unpackAll(served);
      for (const [region, window, start] of windowsIn(offsetBytes, into.length)) {
        await copyWindow(region, window, start, offsetBytes, into);
      }
    },
    async *dataRuns(startBytes, length, signal) {
      checkSpan('runs', startBytes, length, lengthBytes);
      for (let at = startBytes; at < startBytes + length; at += RUNS_STEP_BYTES) {
        signal.throwIfAborted();
        const runs = await runsIn(at, Math.min(RUNS_STEP_BYTES, startBytes + length - at));
        if (runs.length > 0) yield runs;
      }
    },
    async close() {
      const wasOpen = isOpen;
      isOpen = false;
      await ahead;
      if (wasOpen && shared) index.returnFrames();
      else if (wasOpen && !served) index.kept.giveBack();
    },
  };
}

const isStored = (chunk: ChunkPlace): chunk is ChunkPlace & { frame: FramePlace } => chunk.frame !== null;

/** Nobody's memory is written to any more once this is over. @throws what one of them threw */
async function settled(works: readonly (Promise<void> | void)[]): Promise<void> {
  for (const end of await Promise.allSettled(works)) if (end.status === 'rejected') throw end.reason;
}
