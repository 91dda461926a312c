/** A version of a template as a disk that can be read at random, without unpacking it. What was not captured reads as zeros. */
import { checkSpan } from '../core/bounds.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import type { ChunkIndex } from '../store/chunk-index.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import { isZeroHash } from '../store/manifest-format.ts';
import type { ManifestReader } from '../store/manifest-reader.ts';
import type { ChunkPlace } from '../store/press.ts';
import type { ManifestJson } from './manifest-json.ts';
import { chunksOf, piecesOf } from './window-chunks.ts';

/** Whoever jumps about in metadata comes back to the same few places. */
const CACHED_WINDOWS = 128;
/** Runs of so much of the disk are told at once. */
const RUNS_STEP_BYTES = 8 * WINDOW_BYTES;

/** @param manifest stays open as long as the source is used; closing the source does not close it */
export function templateSource(index: ChunkIndex, manifest: ManifestReader, json: ManifestJson): BlockSource {
  const frames = index.borrowFrames();
  let isOpen = true;
  const { lengthBytes, sectorBytes, physicalSectorBytes } = json.disk.layout;
  // the first is the one that was not used longest
  const windows = new Map<string, Promise<readonly ChunkPlace[]>>();

  function chunksIn(region: number, window: number): Promise<readonly ChunkPlace[]> {
    const key = `${region}:${window}`;
    let chunks = windows.get(key);
    if (chunks) windows.delete(key);
    else {
      chunks = manifest.find(region, window).then((record) => (record ? chunksOf(index, record) : []));
      chunks.catch(() => windows.delete(key));
    }
    windows.set(key, chunks);
    if (windows.size > CACHED_WINDOWS) windows.delete(windows.keys().next().value!);
    return chunks;
  }

  async function copyWindow(region: number, window: number, windowStart: number, offset: number, into: Uint8Array) {
    for (const chunk of await chunksIn(region, window)) {
      let from = 0;
      for (let p = 0; p < chunk.pieces.length; p += 2) {
        const start = windowStart + chunk.pieces[p];
        const low = Math.max(start, offset);
        const high = Math.min(start + chunk.pieces[p + 1], offset + into.length);
        if (low < high) {
          const target = into.subarray(low - offset, high - offset);
          if (chunk.frame) {
            const bytes = frames.readChunk(chunk.frame, chunk.offsetInFrame, chunk.hash);
            target.set(bytes.subarray(from + low - start, from + high - start));
          } else target.fill(0);
        }
        from += chunk.pieces[p + 1];
      }
    }
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
      const record = await manifest.find(region, window);
      if (!record) continue;
      for (const [i, pieces] of piecesOf(record)) {
        if (isZeroHash(record.hashes, i)) continue;
        for (let p = 0; p < pieces.length; p += 2) {
          const low = Math.max(windowStart + pieces[p], offsetBytes);
          const high = Math.min(windowStart + pieces[p] + pieces[p + 1], offsetBytes + length);
          if (low < high) runs.push({ startBytes: low, lengthBytes: high - low });
        }
      }
    }
    return runs.sort((a, b) => a.startBytes - b.startBytes);
  }

  return {
    lengthBytes,
    sectorBytes,
    physicalSectorBytes,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      into.fill(0);
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
      if (isOpen) index.returnFrames();
      isOpen = false;
    },
  };
}
