/** Which bytes of a FAT volume are used: what stands before the clusters, and every cluster that a FAT says is taken. */
import type { Warning } from '../../contract/warnings.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { FatGeometry } from './boot-sector.ts';
import { Links } from './links.ts';
import { entryAt, markUsed } from './table.ts';
import { firstClusters } from './tree.ts';

/** Entries looked at in one go: 256 KiB of a FAT32. A multiple of 2, so that no piece of a FAT12 begins inside a byte. */
const ENTRIES_AT_ONCE = 65_536;

/**
 * A cluster that is used in any of the FATs is used. What chains and folders lead to must be among them: drivers read the first
 * cluster of a file without a look at its entry, and one that is marked bad as the last one of its chain.
 * @param tell gets a warning where FATs that should be alike are not
 * @yields the used bytes, one batch for a piece of the FATs
 * @throws EngineError `FORMAT_INVALID` where files lie in clusters that are free or bad, or a folder cannot be read
 */
export async function* usedClusters(
  volume: BlockSource,
  geometry: FatGeometry,
  signal: AbortSignal,
  tell: (warning: Warning) => void = () => {},
): AsyncGenerator<Extent[]> {
  let isAlike = true;
  const links = new Links(geometry);
  yield [{ startBytes: 0, lengthBytes: geometry.dataStartBytes }];
  const end = geometry.clusterCount + 2;
  for (let first = 0; first < end; first += ENTRIES_AT_ONCE) {
    signal.throwIfAborted();
    const count = Math.min(ENTRIES_AT_ONCE, end - first);
    const pieces = await readPieces(volume, geometry, first, count);
    isAlike &&= !geometry.isMirrored || pieces.every((piece) => isSame(geometry, pieces[0], piece, first, count));
    for (const piece of pieces) links.addPiece(geometry.entryBits, piece, first, count);
    yield extentsOf(geometry, pieces, first, count, links);
  }
  if (!isAlike) tell({ code: 'FILESYSTEM_COPIES_DIFFER', data: { table: 'FAT' } });
  links.checkChains();
  for await (const cluster of firstClusters(volume, geometry, signal)) links.checkStart(cluster);
}

/** Whether two pieces say the same of every cluster; what stands before and behind their entries may differ. */
function isSame({ entryBits }: FatGeometry, a: Buffer, b: Buffer, first: number, count: number): boolean {
  if (a === b) return true;
  for (let i = first === 0 ? 2 : 0; i < count; i++) {
    if (entryAt(entryBits, a, i) !== entryAt(entryBits, b, i)) return false;
  }
  return true;
}

/** The same piece of every FAT; copies that are equal to the first one are left out. */
async function readPieces(volume: BlockSource, geometry: FatGeometry, first: number, count: number): Promise<Buffer[]> {
  const { entryBits, fatCount, fatStartBytes, fatBytes } = geometry;
  const startBytes = (first * entryBits) / 8;
  // One byte more than whole bytes hold, for the last entry of a FAT12, which is read as two bytes.
  const lengthBytes = Math.min(Math.ceil((count * entryBits) / 8) + 1, fatBytes - startBytes);
  const pieces = await Promise.all(
    Array.from({ length: fatCount }, (_, fat) =>
      readBytes(volume, fatStartBytes + fat * fatBytes + startBytes, lengthBytes),
    ),
  );
  return pieces.filter((piece, fat) => fat === 0 || !piece.equals(pieces[0]));
}

function extentsOf(geometry: FatGeometry, pieces: Buffer[], first: number, count: number, links: Links): Extent[] {
  const { entryBits, clusterBytes, dataStartBytes } = geometry;
  const isUsed = new Uint8Array(count + 1);
  for (const piece of pieces) markUsed(entryBits, piece, isUsed.subarray(0, count));
  // Entries 0 and 1 belong to no cluster.
  if (first === 0) isUsed.fill(0, 0, 2);
  for (let i = 0; i < count; i++) if (isUsed[i] === 0) links.addLeftOut(first + i);
  const extents: Extent[] = [];
  for (let from = isUsed.indexOf(1); from >= 0;) {
    const to = isUsed.indexOf(0, from);
    const startBytes = dataStartBytes + (first + from - 2) * clusterBytes;
    extents.push({ startBytes, lengthBytes: (to - from) * clusterBytes });
    from = isUsed.indexOf(1, to);
  }
  return extents;
}
