/** Where the blocks of a VHD that grows are: "Block Allocation Table and Data Blocks" of the specification. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import { readBytes } from '../../disk/read.ts';
import { MAX_ENTRIES, type ImageMap, type Piece } from '../image-map.port.ts';
import { PieceList } from '../piece-list.ts';
import { splitBySectors } from '../sector-bitmap.ts';
import { isInFile } from '../truncated.ts';
import type { VhdHeader } from './footer.ts';
import { BLOCK_FREE, SECTOR_BYTES } from './struct.ts';

const TABLE_CACHE_BYTES = 4 * 1024 * 1024;
/** Each block has a bitmap to be read: no more than this at once. */
const BLOCKS_AT_ONCE = 64;

/** Bits of a byte in the other order: the first sector is the highest bit. */
const REVERSED = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number.parseInt(byte.toString(2).padStart(8, '0').split('').reverse().join(''), 2),
);

/** @param isDifferencing what is not here is in the parent; otherwise it is zeros */
export function vhdMap(file: BlockSource, lengthBytes: number, header: VhdHeader, isDifferencing: boolean): ImageMap {
  const { blockSize, tableAt } = header;
  const bitmapBytes = Math.ceil(blockSize / SECTOR_BYTES / 8 / SECTOR_BYTES) * SECTOR_BYTES;
  const tables = readCache(file, TABLE_CACHE_BYTES);

  /** @returns null where the file ends before it */
  async function bitmapOf(sector: number): Promise<Buffer | null> {
    if (sector === BLOCK_FREE) return null;
    if (!isInFile('block', file, sector * SECTOR_BYTES, bitmapBytes)) return null;
    const bits = await readBytes(file, sector * SECTOR_BYTES, bitmapBytes);
    for (let i = 0; i < bits.length; i++) bits[i] = REVERSED[bits[i]];
    return bits;
  }

  async function pieces(startBytes: number, wantedBytes: number): Promise<Piece[]> {
    const list = new PieceList();
    const elsewhere = (length: number) => (isDifferencing ? list.parent(length) : list.zeros(length));
    const first = Math.floor(startBytes / blockSize);
    const inBlock = startBytes - first * blockSize;
    const count = Math.min(MAX_ENTRIES, Math.ceil((inBlock + wantedBytes) / blockSize));
    const entries = await readBytes(tables, tableAt + first * 4, count * 4);
    let free = 0;
    while (free < count && entries.readUInt32BE(free * 4) === BLOCK_FREE) free++;
    if (free > 0) {
      elsewhere(Math.min(wantedBytes, free * blockSize - inBlock));
      return list.pieces;
    }

    const sectors = Array.from({ length: Math.min(count, BLOCKS_AT_ONCE) }, (_, i) => entries.readUInt32BE(i * 4));
    const bitmaps = await Promise.all(sectors.map(bitmapOf));
    for (let i = 0, skip = inBlock, left = wantedBytes; i < sectors.length && left > 0 && !list.isLong; i++, skip = 0) {
      const length = Math.min(left, blockSize - skip);
      const bits = bitmaps[i];
      const dataAt = sectors[i] * SECTOR_BYTES + bitmapBytes;
      const here = (from: number, bytes: number) => list.stored(file, dataAt + from, bytes);
      if (sectors[i] === BLOCK_FREE) elsewhere(length);
      else if (bits) splitBySectors(bits, SECTOR_BYTES, skip, length, here, elsewhere);
      else list.missing(file, dataAt + blockSize, length);
      left -= length;
    }
    return list.pieces;
  }

  return { lengthBytes, clusterBytes: blockSize, pieces };
}
