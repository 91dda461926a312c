/** A window of a stored disk: where its bytes belong on the disk, and which chunks they are. */
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { ChunkIndex } from '../../store/chunk-index.ts';
import { WINDOW_BYTES } from '../../store/chunking.ts';
import type { WindowRecord } from '../../store/manifest-format.ts';
import type { ChunkPlace } from '../../store/press.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import { chunksOf } from '../../versions/window-chunks.ts';
import { PAGE_BYTES } from '../../core/direct-access.ts';

/** Offsets are those of the template's disk. */
export interface StoredWindow {
  readonly region: number;
  readonly startBytes: number;
  /** used bytes, ascending; at least one */
  readonly runs: readonly Extent[];
  /** from its first used byte to its last */
  readonly extent: Extent;
  readonly lengthBytes: number;
  readonly chunks: readonly ChunkPlace[];
  /**
   * Memory that holds the window begins here on the disk, which begins a page: direct reads and writes do. The window itself begins at
   * `baseBytes` of the memory.
   */
  readonly memoryStart: number;
  readonly baseBytes: number;
}

/** @throws EngineError `MANIFEST_DAMAGED` where a window leaves its region or the disk, or has nothing in it; `CHUNK_MISSING` */
export function storedWindow(
  index: ChunkIndex,
  { regions, disk }: Pick<ManifestJson, 'regions' | 'disk'>,
  record: WindowRecord,
): StoredWindow {
  const region = regions[record.region];
  const endBytes = record.window * WINDOW_BYTES + record.extents.at(-2)! + record.extents.at(-1)!;
  if (!region || !(endBytes <= region.lengthBytes) || region.startBytes + endBytes > disk.layout.lengthBytes) {
    throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'region' });
  }
  const startBytes = region.startBytes + record.window * WINDOW_BYTES;
  const baseBytes = startBytes % PAGE_BYTES;
  const runs = extentsOf(record.extents, startBytes);
  return {
    region: record.region,
    startBytes,
    runs,
    extent: { startBytes: runs[0].startBytes, lengthBytes: region.startBytes + endBytes - runs[0].startBytes },
    lengthBytes: record.lengths.reduce((sum, length) => sum + length, 0),
    chunks: chunksOf(index, record),
    memoryStart: startBytes - baseBytes,
    baseBytes,
  };
}

/** @param pairs start and length, relative to the window */
export function extentsOf(pairs: ArrayLike<number>, windowStart: number): Extent[] {
  const extents: Extent[] = [];
  for (let p = 0; p < pairs.length; p += 2) {
    extents.push({ startBytes: windowStart + pairs[p], lengthBytes: pairs[p + 1] });
  }
  return extents;
}
