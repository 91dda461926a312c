/** Where the grains of a sparse extent are: VMware, "Virtual Disk Format 5.0", "Grain Directory", "Grain Table", "Compressed Grain". */
import { promisify } from 'node:util';
import { inflate as inflateCallback } from 'node:zlib';
import { checkRange } from '../../core/bounds.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { MAX_ENTRIES, type ImageMap, type Piece } from '../image-map.port.ts';
import { PieceList } from '../piece-list.ts';
import { isInFile } from '../truncated.ts';
import type { SparseHeader } from './sparse-header.ts';
import { grainMarker, SECTOR_BYTES, ZERO_GRAIN } from './struct.ts';

const inflate = promisify<Buffer, object, Buffer>(inflateCallback);
/** One more than a grain, so that Node's function ends with one call to the library. */
const SPARE_BYTES = 64;

/**
 * @param file where the grains are
 * @param tables the same file, perhaps behind a cache
 */
export function sparseMap(file: BlockSource, tables: BlockSource, header: SparseHeader): ImageMap {
  const { grainBytes, tableEntries, directoryOffset, lengthBytes, hasMarkers } = header;
  const tableCovers = grainBytes * tableEntries;
  /** The most that deflate makes of a grain (five bytes for each 16 KiB, and the frame), and its marker. */
  const packedMax = grainBytes + Math.ceil(grainBytes / 16_384) * 5 + 64;

  async function pieces(startBytes: number, wantedBytes: number): Promise<Piece[]> {
    const list = new PieceList();
    const index = Math.floor(startBytes / tableCovers);
    const inTable = startBytes - index * tableCovers;
    const wantedTables = Math.min(MAX_ENTRIES, Math.ceil((inTable + wantedBytes) / tableCovers));
    const directory = await readBytes(tables, directoryOffset + index * 4, wantedTables * 4);
    let absent = 0;
    while (absent < wantedTables && directory.readUInt32LE(absent * 4) === 0) absent++;
    if (absent > 0) {
      list.parent(Math.min(wantedBytes, absent * tableCovers - inTable));
      return list.pieces;
    }

    const tableOffset = directory.readUInt32LE(0) * SECTOR_BYTES;
    const first = Math.floor(inTable / grainBytes);
    const inGrain = inTable - first * grainBytes;
    const count = Math.min(tableEntries - first, Math.ceil((inGrain + wantedBytes) / grainBytes));
    if (!isInFile('grain table', file, tableOffset, tableEntries * 4)) {
      list.missing(file, tableOffset + tableEntries * 4, Math.min(wantedBytes, tableCovers - inTable));
      return list.pieces;
    }
    const table = await readBytes(tables, tableOffset + first * 4, count * 4);
    for (let i = 0, skip = inGrain, left = wantedBytes; i < count && left > 0; i++, skip = 0) {
      const length = Math.min(left, grainBytes - skip);
      const sector = table.readUInt32LE(i * 4);
      const offsetBytes = sector * SECTOR_BYTES;
      if (sector === 0) list.parent(length);
      else if (header.hasZeroGrains && sector === ZERO_GRAIN) list.zeros(length);
      else if (!header.isPacked) list.stored(file, offsetBytes + skip, length);
      else list.packed({ file, offsetBytes, packedBytes: packedMax, skipBytes: skip, lengthBytes: length });
      left -= length;
    }
    return list.pieces;
  }

  async function unpack(packed: Buffer): Promise<Buffer> {
    const marker = hasMarkers ? grainMarker.size : 0;
    const size = hasMarkers ? checkRange('grain size', packed.readUInt32LE(8), 1, packedMax - marker) : packed.length;
    if (marker + size > packed.length) throw new Error('cut off');
    const limits = { maxOutputLength: grainBytes, chunkSize: grainBytes + SPARE_BYTES };
    const grain = await inflate(packed.subarray(marker, marker + size), limits);
    // the last grain of a disk may have been packed only as far as the disk goes
    return grain.length === grainBytes ? grain : Buffer.concat([grain], grainBytes);
  }

  return { lengthBytes, clusterBytes: grainBytes, pieces, unpack };
}
