/** Turns a raw disk into qcow2 where it lies: clusters stay at their own offsets, tables come behind them. See FORMAT.md. */
import type { Extent } from '../../disk/block-source.port.ts';
import type { InPlace, RawFile } from '../in-place.port.ts';
import { roundedLength } from '../length-rule.ts';
import { readPadded, writeWhole } from '../whole-writes.ts';
import {
  CLUSTER_BITS,
  CLUSTER_BYTES,
  COPIED,
  HEADER_BYTES,
  L2_ENTRIES,
  QCOW2_LENGTH,
  REFCOUNT_ORDER,
} from './layout.ts';
import { headerV2, headerV3, MAGIC } from './struct.ts';

/** Of 16 bits. */
const COUNTS_IN_BLOCK = CLUSTER_BYTES / 2;
const POINTERS_IN_CLUSTER = CLUSTER_BYTES / 8;
/** What a disk counts in: the header is one of them, so it is there or it is not. */
const SECTOR_BYTES = 512;

/** Clusters from `first` up to `end`, which is not one of them. */
interface Run {
  readonly first: number;
  readonly end: number;
}

export const turnIntoQcow2: InPlace = async (raw, signal) => {
  const lengthBytes = roundedLength('qcow2', QCOW2_LENGTH, raw.lengthBytes);
  const runs = clustersOf(raw.data);
  const plan = layoutFor(lengthBytes, runs);
  await moveFirst(raw, plan);
  await writeL1(raw, plan);
  await writeL2(raw, plan, runs, signal);
  await writeCounts(raw, plan, runs, signal);
  await raw.handle.truncate(plan.endCluster * CLUSTER_BYTES);
  await raw.handle.sync();
  signal.throwIfAborted();
  await writeWhole(raw.handle, raw.path, 0, headerOf(lengthBytes, plan));
  await raw.handle.sync();
  // what the disk's first cluster held is elsewhere by now: nobody is to find a file system behind the header
  await writeWhole(raw.handle, raw.path, SECTOR_BYTES, Buffer.alloc(CLUSTER_BYTES - SECTOR_BYTES));
  await raw.handle.sync();
};

/** @returns whole clusters in which data lies, ascending and disjoint */
function clustersOf(data: readonly Extent[]): Run[] {
  const runs: { first: number; end: number }[] = [];
  for (const { startBytes, lengthBytes } of data) {
    const first = Math.floor(startBytes / CLUSTER_BYTES);
    const end = Math.ceil((startBytes + lengthBytes) / CLUSTER_BYTES);
    const last = runs.at(-1);
    if (last && first <= last.end) last.end = Math.max(last.end, end);
    else runs.push({ first, end });
  }
  return runs;
}

/** Where everything comes to lie, in clusters: behind the last one of the disk, one behind the other. */
interface Layout {
  /** of the disk's first cluster, which lies under the header; null: it holds nothing */
  readonly moved: number | null;
  readonly l1: number;
  readonly l1Entries: number;
  /** ranges of the disk that hold data; each has an L2 table */
  readonly l2Ranges: readonly number[];
  readonly l2: number;
  readonly countTable: number;
  readonly countTableClusters: number;
  /** ranges of the file that hold clusters; each has a block of counts */
  readonly countRanges: readonly number[];
  readonly counts: number;
  readonly endCluster: number;
  /** behind the disk */
  readonly metadata: Run;
}

function layoutFor(lengthBytes: number, runs: readonly Run[]): Layout {
  const diskClusters = Math.ceil(lengthBytes / CLUSTER_BYTES);
  const l1Entries = Math.ceil(diskClusters / L2_ENTRIES);
  const l2Ranges = rangesOf(runs, L2_ENTRIES);
  let next = diskClusters;
  const take = (clusters: number) => (next += clusters) - clusters;
  const moved = runs[0]?.first === 0 ? take(1) : null;
  const l1 = take(Math.max(1, Math.ceil(l1Entries / POINTERS_IN_CLUSTER)));
  const l2 = take(l2Ranges.length);
  // the table and the blocks of counts are counted, too: where they make a further range, there is one more
  const countsUpTo = (endCluster: number) => {
    const ranges = rangesOf([{ first: 0, end: 1 }, ...runs, { first: diskClusters, end: endCluster }], COUNTS_IN_BLOCK);
    return { countRanges: ranges, countTableClusters: Math.ceil((ranges.at(-1)! + 1) / POINTERS_IN_CLUSTER) };
  };
  let found = countsUpTo(next);
  for (let endCluster = next; ; found = countsUpTo(endCluster)) {
    const needed = next + found.countTableClusters + found.countRanges.length;
    if (needed <= endCluster) break;
    endCluster = needed;
  }
  const { countRanges, countTableClusters } = found;
  const countTable = take(countTableClusters);
  const counts = take(countRanges.length);
  const metadata = { first: diskClusters, end: next };
  return {
    ...{ moved, l1, l1Entries, l2Ranges, l2, countTable, countTableClusters, countRanges, counts, metadata },
    endCluster: next,
  };
}

/** @param runs ascending @returns numbers of the ranges of `clusters` that they touch, ascending */
function rangesOf(runs: readonly Run[], clusters: number): number[] {
  const ranges: number[] = [];
  for (const { first, end } of runs) {
    const from = Math.max(Math.floor(first / clusters), (ranges.at(-1) ?? -1) + 1);
    for (let range = from; range * clusters < end; range++) ranges.push(range);
  }
  return ranges;
}

async function moveFirst({ handle, path }: RawFile, { moved }: Layout): Promise<void> {
  if (moved === null) return;
  const cluster = Buffer.alloc(CLUSTER_BYTES);
  await readPadded(handle, path, 0, cluster);
  await writeWhole(handle, path, moved * CLUSTER_BYTES, cluster);
}

async function writeL1({ handle, path }: RawFile, { l1, l2, l2Ranges }: Layout): Promise<void> {
  const table = new TableOfPointers();
  l2Ranges.forEach((range, i) => table.set(range, COPIED | BigInt((l2 + i) * CLUSTER_BYTES)));
  // what no entry is in stays a hole, which reads as no entries
  for (const [cluster, bytes] of table.clusters) await writeWhole(handle, path, (l1 + cluster) * CLUSTER_BYTES, bytes);
}

async function writeL2(
  raw: RawFile,
  { moved, l2, l2Ranges }: Layout,
  runs: readonly Run[],
  signal: AbortSignal,
): Promise<void> {
  const table = Buffer.alloc(CLUSTER_BYTES);
  const within = withinRanges(runs);
  for (const [i, range] of l2Ranges.entries()) {
    signal.throwIfAborted();
    table.fill(0);
    const start = range * L2_ENTRIES;
    for (const cluster of within(start, start + L2_ENTRIES)) {
      const place = cluster === 0 && moved !== null ? moved : cluster;
      table.writeBigUInt64BE(COPIED | BigInt(place * CLUSTER_BYTES), (cluster - start) * 8);
    }
    await writeWhole(raw.handle, raw.path, (l2 + i) * CLUSTER_BYTES, table);
  }
}

async function writeCounts(raw: RawFile, layout: Layout, runs: readonly Run[], signal: AbortSignal): Promise<void> {
  const { countTable, countRanges, counts, metadata } = layout;
  const table = new TableOfPointers();
  const block = Buffer.alloc(CLUSTER_BYTES);
  // the header's cluster is used whether or not the disk's first one is
  const behindHeader = runs[0]?.first === 0 ? runs : [{ first: 0, end: 1 }, ...runs];
  const within = withinRanges([...behindHeader, metadata]);
  for (const [i, range] of countRanges.entries()) {
    signal.throwIfAborted();
    block.fill(0);
    const start = range * COUNTS_IN_BLOCK;
    for (const cluster of within(start, start + COUNTS_IN_BLOCK)) block.writeUInt16BE(1, (cluster - start) * 2);
    await writeWhole(raw.handle, raw.path, (counts + i) * CLUSTER_BYTES, block);
    table.set(range, BigInt((counts + i) * CLUSTER_BYTES));
  }
  for (const [cluster, bytes] of table.clusters) {
    await writeWhole(raw.handle, raw.path, (countTable + cluster) * CLUSTER_BYTES, bytes);
  }
}

/** Clusters of ascending runs, asked for range by range, ascending too: each run is looked at in the ranges that it touches only. */
function withinRanges(runs: readonly Run[]) {
  let at = 0;
  return function* (start: number, end: number): Generator<number> {
    while (at < runs.length && runs[at].end <= start) at++;
    for (let i = at; i < runs.length && runs[i].first < end; i++) {
      for (let cluster = Math.max(runs[i].first, start); cluster < Math.min(runs[i].end, end); cluster++) yield cluster;
    }
  };
}

/** Only the clusters that hold a pointer. */
class TableOfPointers {
  readonly clusters = new Map<number, Buffer>();

  set(index: number, pointer: bigint): void {
    const number = Math.floor(index / POINTERS_IN_CLUSTER);
    const cluster = this.clusters.get(number) ?? Buffer.alloc(CLUSTER_BYTES);
    this.clusters.set(number, cluster);
    cluster.writeBigUInt64BE(pointer, (index % POINTERS_IN_CLUSTER) * 8);
  }
}

function headerOf(lengthBytes: number, { l1, l1Entries, countTable, countTableClusters }: Layout): Buffer {
  const bytes = Buffer.alloc(SECTOR_BYTES);
  headerV2.write(bytes, {
    magic: MAGIC,
    version: 3,
    cluster_bits: CLUSTER_BITS,
    size: BigInt(lengthBytes),
    l1_size: l1Entries,
    l1_table_offset: BigInt(l1 * CLUSTER_BYTES),
    refcount_table_offset: BigInt(countTable * CLUSTER_BYTES),
    refcount_table_clusters: countTableClusters,
  });
  headerV3.write(bytes, { refcount_order: REFCOUNT_ORDER, header_length: HEADER_BYTES }, headerV2.size);
  return bytes;
}
