/** Chains of clusters in an allocation table, as FAT and exFAT keep them: the entry of a cluster is the number of the next one. */
import { checkRange } from '../core/bounds.ts';
import { EngineError } from '../core/engine-error.ts';

/** The first cluster's number, in FAT and exFAT. */
const FIRST_CLUSTER = 2;

/** A piece of the table that was read in one go. */
export interface TablePiece {
  /** the clusters whose entries it holds: from `first` up to, but without, `end` */
  readonly first: number;
  readonly end: number;
  /** @returns the next cluster; null at the end of a chain */
  next(cluster: number): number | null;
}

export interface AllocationTable {
  readonly clusterCount: number;
  /** @returns the piece that holds the entry of a cluster */
  pieceAt(cluster: number): Promise<TablePiece>;
}

/** Clusters of a chain that follow each other on the disk. */
export interface ClusterRun {
  /** how many clusters of the chain stand before it */
  readonly index: number;
  readonly first: number;
  readonly count: number;
}

export interface ClusterChain {
  /**
   * The runs of the chain in its order, from one on that begins at or before its `index`th cluster.
   * @throws EngineError `FORMAT_INVALID` where the chain leaves the volume, goes over free or bad clusters or in circles, or is too short
   */
  runsFrom(index: number): AsyncGenerator<ClusterRun[]>;
}

/** A place in a chain is remembered for each so many of its clusters: 4 MiB of memory for the longest chain there can be. */
const CLUSTERS_TO_A_MARK = 8192;

/**
 * @param first number of the chain's first cluster
 * @param clusters how many it has, where that is known; what the chain has behind them is left out
 */
export function clusterChain(table: AllocationTable, first: number, clusters?: number): ClusterChain {
  const check = (cluster: number) =>
    checkRange('cluster', cluster, FIRST_CLUSTER, table.clusterCount + FIRST_CLUSTER - 1);
  /** the cluster at each multiple of CLUSTERS_TO_A_MARK, as far as the chain was followed */
  const marks = [first];

  return {
    async *runsFrom(from) {
      const mark = Math.min(Math.floor(from / CLUSTERS_TO_A_MARK), marks.length - 1);
      let index = mark * CLUSTERS_TO_A_MARK;
      let cluster: number | null = check(marks[mark]);
      // Brent's search for cycles: a cluster is kept for comparison, and replaced when as many more have been seen.
      let kept = { cluster, until: index + 1, steps: 1 };
      while (cluster !== null) {
        const piece = await table.pieceAt(cluster);
        const runs: ClusterRun[] = [];
        let run: { index: number; first: number; count: number } = { index, first: cluster, count: 0 };
        while (cluster !== null && cluster >= piece.first && cluster < piece.end) {
          if (cluster !== run.first + run.count) {
            runs.push(run);
            run = { index, first: cluster, count: 0 };
          }
          run.count++;
          index++;
          const next: number | null = index === clusters ? null : piece.next(cluster);
          cluster = next === null ? null : check(next);
          if (cluster === null) break;
          if (cluster === kept.cluster)
            throw new EngineError('FORMAT_INVALID', { field: 'cluster chain', value: 'loop' });
          if (index === kept.until) {
            kept = { cluster, until: index + 2 * kept.steps, steps: 2 * kept.steps };
          }
          if (index === marks.length * CLUSTERS_TO_A_MARK) marks.push(cluster);
        }
        runs.push(run);
        yield runs;
      }
      if (clusters !== undefined && index < clusters) {
        throw new EngineError('FORMAT_INVALID', { field: 'cluster chain', value: String(index), clusters });
      }
    },
  };
}
