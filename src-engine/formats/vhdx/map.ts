/** Where the blocks of a VHDX are: [MS-VHDX] 2.5, and the bitmaps of sectors of differencing disks, 2.4. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { checkRange } from '../../core/bounds.ts';
import { readCache } from '../../disk/read-cache.ts';
import { readBytes } from '../../disk/read.ts';
import { MAX_ENTRIES, type ImageMap, type Piece } from '../image-map.port.ts';
import { PieceList } from '../piece-list.ts';
import { splitBySectors } from '../sector-bitmap.ts';
import { isInFile } from '../truncated.ts';
import type { TableRegion } from './header.ts';
import type { VhdxMetadata } from './metadata.ts';
import { BLOCK_STATE, MIB, SECTORS_PER_BITMAP } from './struct.ts';

const TABLE_CACHE_BYTES = 4 * 1024 * 1024;

/** @throws EngineError `FORMAT_INVALID` where the BAT is too short for the disk */
export function vhdxMap(file: BlockSource, bat: TableRegion, metadata: VhdxMetadata): ImageMap {
  const { blockBytes, lengthBytes, sectorBytes } = metadata;
  const isDifferencing = metadata.parent !== null;
  /** Payload blocks that share a bitmap; the entry of the bitmap follows theirs. */
  const chunkRatio = (SECTORS_PER_BITMAP * sectorBytes) / blockBytes;
  const entryOf = (block: number) => block + Math.floor(block / chunkRatio);
  const blocks = Math.ceil(lengthBytes / blockBytes);
  const entriesNeeded = isDifferencing ? Math.ceil(blocks / chunkRatio) * (chunkRatio + 1) : entryOf(blocks - 1) + 1;
  if (blocks > 0) checkRange('BAT length', bat.lengthBytes, entriesNeeded * 8, Number.MAX_SAFE_INTEGER);
  const tables = readCache(file, TABLE_CACHE_BYTES);

  /** Adds a stretch of a block of which only some sectors are here. */
  async function addPartial(
    list: PieceList,
    block: number,
    dataAt: number,
    skip: number,
    length: number,
  ): Promise<void> {
    const chunk = Math.floor(block / chunkRatio);
    const entry = await readBytes(tables, bat.offsetBytes + (chunk * (chunkRatio + 1) + chunkRatio) * 8, 8);
    if ((entry[0] & 7) !== BLOCK_STATE.FULLY_PRESENT) {
      throw new EngineError('FORMAT_INVALID', { field: 'sector bitmap block', value: String(chunk) });
    }
    const bytesPerBlock = blockBytes / sectorBytes / 8;
    const offsetBytes = placeOf(entry, 0) + (block % chunkRatio) * bytesPerBlock;
    if (!isInFile('sector bitmap block', file, offsetBytes, bytesPerBlock)) {
      return list.missing(file, offsetBytes + bytesPerBlock, length);
    }
    const bits = await readBytes(file, offsetBytes, bytesPerBlock);
    const here = (from: number, bytes: number) => list.stored(file, dataAt + from, bytes);
    splitBySectors(bits, sectorBytes, skip, length, here, (bytes) => list.parent(bytes));
  }

  async function pieces(startBytes: number, wantedBytes: number): Promise<Piece[]> {
    const list = new PieceList();
    const first = Math.floor(startBytes / blockBytes);
    const inBlock = startBytes - first * blockBytes;
    const count = Math.min(MAX_ENTRIES, Math.ceil((inBlock + wantedBytes) / blockBytes));
    const firstEntry = entryOf(first);
    const entries = await readBytes(
      tables,
      bat.offsetBytes + firstEntry * 8,
      (entryOf(first + count - 1) - firstEntry + 1) * 8,
    );
    for (let i = 0, skip = inBlock, left = wantedBytes; i < count && left > 0 && !list.isLong; i++, skip = 0) {
      const at = (entryOf(first + i) - firstEntry) * 8;
      const length = Math.min(left, blockBytes - skip);
      const offsetBytes = placeOf(entries, at);
      switch (entries[at] & 7) {
        case BLOCK_STATE.NOT_PRESENT:
          list.parent(length);
          break;
        case BLOCK_STATE.UNDEFINED:
        case BLOCK_STATE.ZERO:
        case BLOCK_STATE.UNMAPPED:
          list.zeros(length);
          break;
        case BLOCK_STATE.FULLY_PRESENT:
          list.stored(file, offsetBytes + skip, length);
          break;
        case BLOCK_STATE.PARTIALLY_PRESENT:
          if (!isDifferencing) throw invalidState(first + i);
          await addPartial(list, first + i, offsetBytes, skip, length);
          break;
        default:
          throw invalidState(first + i);
      }
      left -= length;
    }
    return list.pieces;
  }

  return { lengthBytes, clusterBytes: blockBytes, pieces };
}

/** Bits 20 to 63 of an entry: a place in the file in units of 1 MiB. */
function placeOf(entries: Buffer, at: number): number {
  return (entries.readUInt32LE(at + 4) * 2 ** 12 + (entries.readUInt32LE(at) >>> 20)) * MIB;
}

function invalidState(block: number): EngineError {
  return new EngineError('FORMAT_INVALID', { field: 'state of a block', value: String(block) });
}
