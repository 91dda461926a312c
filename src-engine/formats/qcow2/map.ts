/** Where the clusters of a qcow2 image are: QEMU, docs/interop/qcow2.txt, "Cluster mapping" and "Extended L2 Entries". */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { MAX_ENTRIES, type ImageMap, type Piece } from '../image-map.port.ts';
import { PieceList } from '../piece-list.ts';
import { isInFile } from '../truncated.ts';
import type { Qcow2Header } from './header.ts';
import { unpackerOf } from './unpack.ts';

const COMPRESSED = 0x40000000;
/** Bits 9 to 55 of an entry: a place in the file. */
const OFFSET_HIGH = 0x00ffffff;
const OFFSET_LOW = 0xfffffe00;
const READS_AS_ZEROS = 1;
const SUBCLUSTERS = 32;

/**
 * @param file where the clusters are
 * @param tables the same file behind a cache, for L1 and L2
 */
export function qcow2Map(file: BlockSource, tables: BlockSource, header: Qcow2Header): ImageMap {
  const { clusterBytes, clusterBits, l2Entries, l2EntryBytes, hasSubclusters, lengthBytes } = header;
  const l2Covers = clusterBytes * l2Entries;
  const subclusterBytes = clusterBytes / SUBCLUSTERS;
  /** In a compressed entry, the bits of the upper half that belong to the offset; those above count sectors. */
  const packedOffsetBits = 62 - (clusterBits - 8) - 32;

  async function pieces(startBytes: number, wantedBytes: number): Promise<Piece[]> {
    const list = new PieceList();
    const l1Index = Math.floor(startBytes / l2Covers);
    const inL2 = startBytes - l1Index * l2Covers;
    const l1Wanted = Math.min(MAX_ENTRIES, Math.ceil((inL2 + wantedBytes) / l2Covers));
    const l1 = await readBytes(tables, header.l1Offset + l1Index * 8, l1Wanted * 8);
    let absent = 0;
    while (absent < l1Wanted && offsetOf(l1, absent * 8) === 0) absent++;
    if (absent > 0) {
      list.parent(Math.min(wantedBytes, absent * l2Covers - inL2));
      return list.pieces;
    }

    const l2Offset = offsetOf(l1, 0);
    if (l2Offset % clusterBytes !== 0) throw misplaced('L2 table', l2Offset);
    const first = Math.floor(inL2 / clusterBytes);
    const inCluster = inL2 - first * clusterBytes;
    const count = Math.min(MAX_ENTRIES, l2Entries - first, Math.ceil((inCluster + wantedBytes) / clusterBytes));
    if (!isInFile('L2 table', file, l2Offset, clusterBytes)) {
      list.missing(file, l2Offset + clusterBytes, Math.min(wantedBytes, l2Covers - inL2));
      return list.pieces;
    }
    const l2 = await readBytes(tables, l2Offset + first * l2EntryBytes, count * l2EntryBytes);
    for (let i = 0, skip = inCluster, left = wantedBytes; i < count && left > 0; i++, skip = 0) {
      const length = Math.min(left, clusterBytes - skip);
      const at = i * l2EntryBytes;
      if (l2.readUInt32BE(at) & COMPRESSED) addPacked(list, l2, at, skip, length);
      else if (hasSubclusters) addSubclusters(list, l2, at, skip, length);
      else addStandard(list, l2, at, skip, length);
      left -= length;
    }
    return list.pieces;
  }

  function addStandard(list: PieceList, l2: Buffer, at: number, skip: number, length: number): void {
    const offset = offsetOf(l2, at);
    if (header.version > 2 && l2[at + 7] & READS_AS_ZEROS) list.zeros(length);
    else if (offset === 0) list.parent(length);
    else if (offset % clusterBytes !== 0) throw misplaced('cluster', offset);
    else list.stored(file, offset + skip, length);
  }

  function addPacked(list: PieceList, l2: Buffer, at: number, skip: number, length: number): void {
    const high = l2.readUInt32BE(at) & 0x3fffffff;
    const offsetBytes = (high % 2 ** packedOffsetBits) * 2 ** 32 + l2.readUInt32BE(at + 4);
    const sectors = (high >>> packedOffsetBits) + 1;
    const packedBytes = sectors * 512 - (offsetBytes % 512);
    list.packed({ file, offsetBytes, packedBytes, skipBytes: skip, lengthBytes: length });
  }

  function addSubclusters(list: PieceList, l2: Buffer, at: number, skip: number, length: number): void {
    const offset = offsetOf(l2, at);
    const zeroed = l2.readUInt32BE(at + 8);
    const allocated = l2.readUInt32BE(at + 12);
    if ((zeroed & allocated) !== 0 || offset % clusterBytes !== 0 || (offset === 0 && allocated !== 0)) {
      throw misplaced('cluster', offset);
    }
    for (let done = 0; done < length;) {
      const number = Math.floor((skip + done) / subclusterBytes);
      const piece = Math.min(length - done, (number + 1) * subclusterBytes - skip - done);
      if ((zeroed >>> number) & 1) list.zeros(piece);
      else if ((allocated >>> number) & 1) list.stored(file, offset + skip + done, piece);
      else list.parent(piece);
      done += piece;
    }
  }

  return { lengthBytes, clusterBytes, pieces, unpack: unpackerOf(header.compression, clusterBytes) };
}

function offsetOf(table: Buffer, at: number): number {
  return (table.readUInt32BE(at) & OFFSET_HIGH) * 2 ** 32 + ((table.readUInt32BE(at + 4) & OFFSET_LOW) >>> 0);
}

function misplaced(field: string, offset: number): EngineError {
  return new EngineError('FORMAT_INVALID', { field, value: String(offset) });
}
