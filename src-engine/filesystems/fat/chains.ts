/** The table that the cluster chains of a FAT volume are followed in: fatgen103, section "FAT Data Structure". */
import { checkRange } from '../../core/bounds.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { AllocationTable } from '../cluster-chain.ts';
import type { FatGeometry } from './boot-sector.ts';
import { entryAt } from './table.ts';

/** Even, so that no piece of a FAT12 begins inside a byte. */
const ENTRIES_AT_ONCE = 4096;

/** From here on an entry says that its cluster is the last one. */
const END = { 12: 0xff8, 16: 0xfff8, 32: 0x0ffffff8 } as const;

/** @param view small reads of it should be cheap */
export function fatTable(view: BlockSource, geometry: FatGeometry): AllocationTable {
  const { entryBits, clusterCount, fatStartBytes, fatBytes, activeFat } = geometry;
  const end = END[entryBits];
  return {
    clusterCount,
    async pieceAt(cluster) {
      const first = cluster - (cluster % ENTRIES_AT_ONCE);
      const startBytes = (first * entryBits) / 8;
      // One byte more than whole bytes hold, for the last entry of a FAT12, which is read as two bytes.
      const lengthBytes = Math.min(Math.ceil((ENTRIES_AT_ONCE * entryBits) / 8) + 1, fatBytes - startBytes);
      const piece = await readBytes(view, fatStartBytes + activeFat * fatBytes + startBytes, lengthBytes);
      return {
        first,
        end: first + ENTRIES_AT_ONCE,
        next: (of) => {
          const entry = entryAt(entryBits, piece, of - first);
          return entry >= end ? null : entry;
        },
      };
    },
  };
}

/** @throws EngineError `FORMAT_INVALID` where the volume is cut off before the end of these clusters */
export function clusterPlace(volume: BlockSource, geometry: FatGeometry, first: number, count: number) {
  const { dataStartBytes, clusterBytes } = geometry;
  const startBytes = dataStartBytes + (first - 2) * clusterBytes;
  checkRange('cluster', startBytes + count * clusterBytes, 0, volume.lengthBytes);
  return { startBytes, lengthBytes: count * clusterBytes };
}
