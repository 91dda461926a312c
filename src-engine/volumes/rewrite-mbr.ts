/** A master boot record, and its chains of logical partitions, for other places of its partitions and other sectors. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { findOverlap, within, withoutExtents } from './extents.ts';
import { shiftAfter } from './fit/fit-volumes.ts';
import type { DiskLayout, Partition, Patch, Relocation } from './layout.port.ts';
import { readLogicalChain, type LogicalChain } from './logical-chain.ts';
import {
  isUsed,
  MBR_BYTES,
  MBR_TYPE_PROTECTIVE,
  mbrEntries,
  mbrSpan,
  withSpans,
  type MbrEntry,
  type MbrSpan,
} from './mbr-sector.ts';
import { readMbrPartitions } from './mbr-layout.ts';

/** Why tables cannot be rewritten, in `feature` of `FORMAT_UNSUPPORTED`. */
function refuse(reason: string): never {
  throw new EngineError('FORMAT_UNSUPPORTED', { feature: reason, table: 'MBR' });
}

/** A partition of the record or of a chain, where it was and where it goes; in bytes. */
interface Move {
  readonly from: Extent;
  readonly to: Extent;
}

/**
 * @param source the disk that the tables are read from
 * @param layout where its partitions are to be, by their numbers
 * @throws EngineError `FORMAT_UNSUPPORTED` (data: feature, table) where that cannot be; `READ_FAILED`
 */
export async function rewriteMbr(
  source: BlockSource,
  toSectorBytes: number,
  targetLengthBytes: number,
  layout: DiskLayout,
): Promise<Relocation> {
  const mbr = await readBytes(source, 0, MBR_BYTES);
  const entries = (mbrEntries(mbr) ?? []).filter(isUsed);
  const moves = await movesOf(source, entries, layout);
  const rewriting = { source, toSectorBytes, moves, endBytes: targetLengthBytes };

  const records: Patch[] = [];
  const stale: Extent[] = [];
  const spans = new Map<number, MbrSpan>();
  let nextLogical = 5;
  for (const entry of entries) {
    if (entry.type === MBR_TYPE_PROTECTIVE) continue;
    const chain = entry.isExtended ? await readLogicalChain(source, entry) : null;
    if (!chain) {
      const move = moves.get(entry.slot);
      if (entry.isExtended && move && move.from.startBytes !== move.to.startBytes)
        refuse('a broken list of logical partitions');
      spans.set(entry.slot, spanOf(move?.to ?? spanBytes(entry, source.sectorBytes), toSectorBytes));
      continue;
    }
    const numbers = chain.logicals.map(() => nextLogical++);
    const container = containerPlace(rewriting, entry, numbers);
    spans.set(entry.slot, spanOf(container, toSectorBytes));
    records.push(...(await rewriteChain(rewriting, entry, chain, numbers, container)));
    stale.push(
      ...chain.records.map((sector) => ({ startBytes: sector * source.sectorBytes, lengthBytes: source.sectorBytes })),
    );
  }
  const patches = [{ offsetBytes: 0, bytes: withSpans(mbr, spans) }, ...records];
  const written = patches.map(({ offsetBytes }) => ({ startBytes: offsetBytes, lengthBytes: toSectorBytes }));
  const volumes = [...moves.values()].map(({ to }) => to);
  const isApart = written.slice(1).every((record) => within(record, volumes).length === 0);
  if (!isApart || findOverlap(written)) refuse('a list of logical partitions that is not beside them');
  patches.sort((a, b) => a.offsetBytes - b.offsetBytes);
  const firstBytes = Math.max(source.sectorBytes, toSectorBytes);
  return {
    patches,
    stale: withoutExtents(stale, written),
    finishing: [{ startBytes: 0, lengthBytes: firstBytes }],
  };
}

interface Rewriting {
  readonly source: BlockSource;
  readonly toSectorBytes: number;
  /** by number */
  readonly moves: ReadonlyMap<number, Move>;
  /** of the target */
  readonly endBytes: number;
}

/** What is no volume of the layout stays where it is. */
async function movesOf(
  source: BlockSource,
  entries: readonly MbrEntry[],
  { partitions }: DiskLayout,
): Promise<Map<number, Move>> {
  const placeOf = ({ number, startBytes, lengthBytes }: Partition): Extent =>
    partitions.find((partition) => partition.number === number) ?? { startBytes, lengthBytes };
  const found = (await readMbrPartitions(source, entries)).partitions;
  return new Map(
    found.map((partition) => {
      const place = placeOf(partition);
      // one that is cut off by the end of the disk keeps what its entry says
      const isCutOff = partition.startBytes + partition.lengthBytes > source.lengthBytes;
      return [partition.number!, { from: partition, to: isCutOff ? partition : place }];
    }),
  );
}

const spanBytes = ({ startSector, sectorCount }: MbrSpan, sectorBytes: number): Extent => ({
  startBytes: startSector * sectorBytes,
  lengthBytes: sectorCount * sectorBytes,
});

function spanOf({ startBytes, lengthBytes }: Extent, sectorBytes: number): MbrSpan {
  return mbrSpan(startBytes, lengthBytes, sectorBytes) ?? refuse('partitions that do not lie on such sectors');
}

const endOf = ({ startBytes, lengthBytes }: Extent) => startBytes + lengthBytes;

/** It begins as far in front of its partitions as it did, and ends as far behind them where there is room. */
function containerPlace({ source, moves, endBytes }: Rewriting, entry: MbrEntry, numbers: readonly number[]): Extent {
  const from = spanBytes(entry, source.sectorBytes);
  const inside = numbers.map((number) => moves.get(number)!).sort((a, b) => a.from.startBytes - b.from.startBytes);
  const others = [...moves].filter(([number]) => !numbers.includes(number)).map(([, move]) => move);
  const before = others.filter((move) => endOf(move.from) <= from.startBytes);
  const behind = others.filter((move) => move.from.startBytes >= endOf(from));
  const shifts = before.map((move) => ({ at: move.from.startBytes, bytes: shiftAfter(move.from, move.to) }));
  const [first, last] = [inside.at(0), inside.at(-1)];
  const shiftBytes = first
    ? first.to.startBytes - first.from.startBytes
    : (shifts.sort((a, b) => a.at - b.at).at(-1)?.bytes ?? 0);
  const startBytes = from.startBytes + shiftBytes;
  if (
    inside.every(({ from: was, to }) => was.startBytes === to.startBytes && was.lengthBytes === to.lengthBytes) &&
    shiftBytes === 0
  ) {
    return from;
  }
  const wishedEnd = last ? endOf(last.to) + endOf(from) - endOf(last.from) : startBytes + from.lengthBytes;
  const end = Math.min(wishedEnd, endBytes - (endBytes % source.sectorBytes), ...behind.map(({ to }) => to.startBytes));
  return { startBytes, lengthBytes: end - startBytes };
}

/** A record moves with the partition that it tells of; the first one begins the container. */
async function rewriteChain(
  { source, toSectorBytes, moves }: Rewriting,
  entry: MbrEntry,
  { records, logicals }: LogicalChain,
  numbers: readonly number[],
  container: Extent,
): Promise<Patch[]> {
  const { sectorBytes } = source;
  const told = new Map(logicals.map(({ record }, i) => [record, moves.get(numbers[i])!]));
  const places = new Map(
    records.map((record, i) => {
      const move = told.get(record);
      const shiftBytes = move
        ? move.to.startBytes - move.from.startBytes
        : container.startBytes - entry.startSector * sectorBytes;
      return [record, i === 0 ? container.startBytes : record * sectorBytes + shiftBytes];
    }),
  );
  const patches: Patch[] = [];
  for (const record of records) {
    const offsetBytes = places.get(record)!;
    const sector = await readBytes(source, record * sectorBytes, MBR_BYTES);
    const spans = new Map<number, MbrSpan>();
    let isLinked = false;
    for (const inner of mbrEntries(sector)!.filter(isUsed)) {
      const linked = entry.startSector + inner.startSector;
      if (!inner.isExtended) {
        const i = logicals.findIndex((logical) => logical.record === record && logical.entry.slot === inner.slot);
        const { to } = moves.get(numbers[i])!;
        spans.set(inner.slot, spanOf({ ...to, startBytes: to.startBytes - offsetBytes }, toSectorBytes));
      } else if (!isLinked && places.has(linked)) {
        isLinked = true;
        const startBytes = places.get(linked)!;
        const move = told.get(linked);
        // most programs have it end where the partition does that it leads to
        const isTight = move && endOf(move.from) === (linked + inner.sectorCount) * sectorBytes;
        const lengthBytes = isTight ? endOf(move.to) - startBytes : inner.sectorCount * sectorBytes;
        spans.set(inner.slot, spanOf({ startBytes: startBytes - container.startBytes, lengthBytes }, toSectorBytes));
      } else {
        spans.set(inner.slot, spanOf(spanBytes(inner, sectorBytes), toSectorBytes));
      }
    }
    if (offsetBytes % toSectorBytes !== 0) refuse('partitions that do not lie on such sectors');
    patches.push({ offsetBytes, bytes: withSpans(sector, spans) });
  }
  return patches;
}
