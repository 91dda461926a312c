/** Which clusters a file or folder has: exFAT specification, sections 4.1 (FAT) and 6.3.4.2 (NoFatChain). */
import { checkRange } from '../../core/bounds.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { clusterChain, type AllocationTable, type ClusterChain, type ClusterRun } from '../cluster-chain.ts';
import type { FileContent } from '../file-tree.port.ts';
import { mappedContent, type FileRun } from '../mapped-content.ts';
import type { ExfatGeometry } from './boot-region.ts';

const ENTRIES_AT_ONCE = 4096;
const END_OF_CHAIN = 0xffffffff;

export interface ExfatVolume {
  /** small reads of it are cheap */
  readonly view: BlockSource;
  readonly geometry: ExfatGeometry;
}

/** Where the content of a file or folder begins, and how much there is of it. */
export interface Allocation {
  readonly firstCluster: number;
  readonly lengthBytes: number;
  /** bytes of it that were ever written: what follows them reads as zeros */
  readonly validBytes: number;
  /** the clusters follow each other on the disk; the FAT says nothing about them */
  readonly isContiguous: boolean;
}

function fatTable({ view, geometry }: ExfatVolume): AllocationTable {
  const { fatStartBytes, fatBytes, clusterCount } = geometry;
  return {
    clusterCount,
    async pieceAt(cluster) {
      const first = cluster - (cluster % ENTRIES_AT_ONCE);
      const lengthBytes = Math.min(ENTRIES_AT_ONCE * 4, fatBytes - first * 4);
      const piece = await readBytes(view, fatStartBytes + first * 4, lengthBytes);
      return {
        first,
        end: first + ENTRIES_AT_ONCE,
        next: (of) => {
          const entry = piece.readUInt32LE((of - first) * 4);
          return entry === END_OF_CHAIN ? null : entry;
        },
      };
    },
  };
}

/** The root says neither how long it is nor that it is contiguous. */
export function rootChain(fs: ExfatVolume): ClusterChain {
  return clusterChain(fatTable(fs), fs.geometry.rootCluster);
}

function chainOf(fs: ExfatVolume, allocation: Allocation): ClusterChain {
  const { clusterBytes, clusterCount } = fs.geometry;
  const { firstCluster, lengthBytes, isContiguous } = allocation;
  const clusters = Math.ceil(lengthBytes / clusterBytes);
  if (!isContiguous) return clusterChain(fatTable(fs), firstCluster, clusters);
  checkRange('FirstCluster', firstCluster, 2, clusterCount + 2 - clusters);
  return {
    async *runsFrom() {
      yield [{ index: 0, first: firstCluster, count: clusters }];
    },
  };
}

/** @throws EngineError `FORMAT_INVALID` where the volume is cut off before the end of these clusters */
export function clusterPlace({ view, geometry }: ExfatVolume, { first, count }: ClusterRun): Extent {
  const startBytes = geometry.heapStartBytes + (first - 2) * geometry.clusterBytes;
  const lengthBytes = count * geometry.clusterBytes;
  checkRange('cluster', startBytes + lengthBytes, 0, view.lengthBytes);
  return { startBytes, lengthBytes };
}

/** The places of its clusters, in the order of the content, in batches. */
export async function* placesOf(fs: ExfatVolume, allocation: Allocation): AsyncGenerator<Extent[]> {
  if (allocation.lengthBytes === 0) return;
  for await (const runs of chainOf(fs, allocation).runsFrom(0)) yield runs.map((run) => clusterPlace(fs, run));
}

export function contentOf(fs: ExfatVolume, allocation: Allocation): FileContent {
  const { clusterBytes } = fs.geometry;
  const { lengthBytes, validBytes } = allocation;
  const chain = lengthBytes > 0 ? chainOf(fs, allocation) : null;
  const validRun = (run: ClusterRun): FileRun => {
    const fileBytes = run.index * clusterBytes;
    const { startBytes: volumeBytes, lengthBytes: runBytes } = clusterPlace(fs, run);
    return { fileBytes, volumeBytes, lengthBytes: Math.min(runBytes, validBytes - fileBytes) };
  };
  return mappedContent(fs.view, lengthBytes, async function* (offsetBytes) {
    if (!chain || offsetBytes >= validBytes) return;
    for await (const runs of chain.runsFrom(Math.floor(offsetBytes / clusterBytes))) {
      const valid = runs.filter((run) => run.index * clusterBytes < validBytes);
      yield valid.map(validRun);
      if (valid.length < runs.length) return;
    }
  });
}
