/** The extents of a VMDK disk, opened, and the disk that they are together. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import type { OpenSibling } from '../disk-image.port.ts';
import type { ImageMap } from '../image-map.port.ts';
import { PieceList } from '../piece-list.ts';
import { checkInFile } from '../truncated.ts';
import type { DescribedExtent } from './descriptor.ts';
import { readSparseHeader } from './sparse-header.ts';
import { sparseMap } from './sparse-map.ts';
import { SECTOR_BYTES } from './struct.ts';

/** The tables of 32 GiB. */
const TABLE_CACHE_BYTES = 4 * 1024 * 1024;
/** Disks in more pieces do without: their caches would add up, and a piece has few tables. */
const CACHED_EXTENTS_MAX = 4;

/** The tables of an extent for whoever reads them. @param count how many extents the disk has */
export function tablesOf(file: BlockSource, count: number): BlockSource {
  return count <= CACHED_EXTENTS_MAX ? readCache(file, TABLE_CACHE_BYTES) : file;
}

export interface OpenedExtents {
  readonly maps: readonly ImageMap[];
  readonly files: readonly BlockSource[];
  readonly names: readonly string[];
}

/**
 * Opens every file once, whatever extents lie in it. Where one fails, those before it are closed.
 * @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED`, `NOT_FOUND`
 */
export async function openExtents(
  extents: readonly DescribedExtent[],
  openSibling: OpenSibling,
): Promise<OpenedExtents> {
  const files = new Map<string, BlockSource>();
  const maps: ImageMap[] = [];
  try {
    for (const extent of extents) {
      if (extent.type === 'ZERO') {
        maps.push(zeroExtent(extent.sectors * SECTOR_BYTES));
        continue;
      }
      const file = files.get(extent.name) ?? (await openSibling(extent.name));
      files.set(extent.name, file);
      const isFlat = extent.type === 'FLAT' || extent.type === 'VMFS';
      maps.push(isFlat ? flatExtent(file, extent) : await sparseExtent(file, extent, extents.length));
    }
    return { maps, files: [...files.values()], names: [...files.keys()] };
  } catch (error) {
    await Promise.all([...files.values()].map((file) => file.close()));
    throw error;
  }
}

function zeroExtent(lengthBytes: number): ImageMap {
  return {
    lengthBytes,
    clusterBytes: SECTOR_BYTES,
    pieces: async (_, wanted) => [{ kind: 'zeros', lengthBytes: wanted }],
  };
}

function flatExtent(file: BlockSource, { sectors, offsetSectors }: DescribedExtent): ImageMap {
  const lengthBytes = sectors * SECTOR_BYTES;
  const offsetBytes = offsetSectors * SECTOR_BYTES;
  checkInFile('flat extent', file, offsetBytes, lengthBytes);
  return {
    lengthBytes,
    clusterBytes: SECTOR_BYTES,
    async pieces(startBytes, wantedBytes) {
      const list = new PieceList();
      list.stored(file, offsetBytes + startBytes, wantedBytes);
      return list.pieces;
    },
  };
}

async function sparseExtent(file: BlockSource, extent: DescribedExtent, count: number): Promise<ImageMap> {
  const header = await readSparseHeader(file);
  const lengthBytes = extent.sectors * SECTOR_BYTES;
  if (!header || header.lengthBytes < lengthBytes) {
    throw new EngineError('FORMAT_INVALID', { field: 'sparse extent', value: extent.name, path: extent.name });
  }
  if (header.isPacked && count > 1) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'compressed split VMDK' });
  return { ...sparseMap(file, tablesOf(file, count), header), lengthBytes };
}

/** Maps laid one behind the other. */
export function joinedMap(maps: readonly ImageMap[]): ImageMap {
  if (maps.length === 1) return maps[0];
  const starts: number[] = [];
  let lengthBytes = 0;
  for (const map of maps) {
    starts.push(lengthBytes);
    lengthBytes += map.lengthBytes;
  }
  return {
    lengthBytes,
    clusterBytes: SECTOR_BYTES,
    async pieces(startBytes, wantedBytes) {
      const index = starts.findLastIndex((start) => start <= startBytes);
      const inMap = startBytes - starts[index];
      return maps[index].pieces(inMap, Math.min(wantedBytes, maps[index].lengthBytes - inMap));
    },
  };
}
