/** Whether two files of two versions have the same bytes: told by their chunks where that is enough, else by reading them. */
import type { Extent } from '../disk/block-source.port.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import { WINDOW_BYTES } from '../store/chunking.ts';
import type { WindowRecord } from '../store/manifest-format.ts';
import type { OpenedVolume } from '../inspection/disk-inspection.ts';
import { isDamage } from './damage.ts';
import type { OpenTemplate } from './open-template.ts';

const PIECE_BYTES = 1024 * 1024;
/** Files in more pieces than this are read. */
const MAX_EXTENTS = 10_000;
/** Windows whose comparison is kept in mind. */
const MAX_WINDOWS = 10_000;

/** One volume of one version. */
export interface Side {
  readonly template: OpenTemplate;
  readonly volume: OpenedVolume;
  readonly tree: FileTree;
}

export class ContentComparison {
  readonly #before: Side;
  readonly #after: Side;
  readonly #signal: AbortSignal;
  /** windows that were compared */
  readonly #windows = new Map<string, boolean>();

  constructor(before: Side, after: Side, signal: AbortSignal) {
    this.#before = before;
    this.#after = after;
    this.#signal = signal;
  }

  /** Of files of the same length. What cannot be read is not the same. */
  async isSame(before: FileNode, after: FileNode): Promise<boolean> {
    if (before.lengthBytes === 0) return true;
    try {
      return (
        (await this.#haveSameChunks(before, after)) ||
        (await haveSameBytes([this.#before.tree, before], [this.#after.tree, after], this.#signal))
      );
    } catch (error) {
      if (isDamage(error)) return false;
      throw error;
    }
  }

  /**
   * The same places on both disks, in windows that hold the same chunks at the same places. The order of the places in the file is
   * told by its runs, and nobody has written to it since.
   */
  async #haveSameChunks(before: FileNode, after: FileNode): Promise<boolean> {
    if (before.modifiedMs === null || before.modifiedMs !== after.modifiedMs) return false;
    const places = await this.#placesOf(this.#before, before);
    if (!places || places.length === 0) return false;
    if (!areSame(places, await this.#placesOf(this.#after, after))) return false;
    const runs = await this.#runsOf(this.#before, before);
    if (!runs || !areSame(runs, await this.#runsOf(this.#after, after))) return false;
    for (const { startBytes, lengthBytes } of places) {
      if (!(await this.#areSameWindows(startBytes, startBytes + lengthBytes))) return false;
    }
    return true;
  }

  #placesOf({ tree, volume }: Side, node: FileNode): Promise<Extent[] | null> {
    return few(tree.extents(node, this.#signal), (extent) => volume.toDisk(extent));
  }

  async #runsOf({ tree }: Side, node: FileNode): Promise<Extent[] | null> {
    return few((await tree.open(node)).dataRuns(this.#signal), (run) => [run]);
  }

  async #areSameWindows(startBytes: number, endBytes: number): Promise<boolean> {
    const [before, after] = [this.#before.template.json.regions, this.#after.template.json.regions];
    for (const [number, region] of before.entries()) {
      const other = after[number];
      const from = Math.max(startBytes, region.startBytes) - region.startBytes;
      const to = Math.min(endBytes, region.startBytes + region.lengthBytes) - region.startBytes;
      if (from >= to) continue;
      if (other?.startBytes !== region.startBytes || other.lengthBytes !== region.lengthBytes) return false;
      for (let window = Math.floor(from / WINDOW_BYTES); window * WINDOW_BYTES < to; window++) {
        if (!(await this.#isSameWindow(number, window))) return false;
      }
    }
    return true;
  }

  async #isSameWindow(region: number, window: number): Promise<boolean> {
    const key = `${region}:${window}`;
    const known = this.#windows.get(key);
    if (known !== undefined) return known;
    const [a, b] = [this.#before, this.#after].map(({ template }) => template.manifest.find(region, window));
    const isSame = areEqual(await a, await b);
    if (this.#windows.size >= MAX_WINDOWS) this.#windows.clear();
    this.#windows.set(key, isSame);
    return isSame;
  }
}

/** Reads both, of the same length, to their ends or to the first difference. */
export async function haveSameBytes(
  [before, a]: readonly [FileTree, FileNode],
  [after, b]: readonly [FileTree, FileNode],
  signal: AbortSignal,
): Promise<boolean> {
  const pieces = [0, 1].map(() => Buffer.allocUnsafeSlow(Math.min(PIECE_BYTES, a.lengthBytes)));
  const [one, other] = [await before.open(a), await after.open(b)];
  for (let at = 0; at < a.lengthBytes; at += PIECE_BYTES) {
    signal.throwIfAborted();
    const [x, y] = pieces.map((piece) => piece.subarray(0, Math.min(PIECE_BYTES, a.lengthBytes - at)));
    await one.readInto(at, x);
    await other.readInto(at, y);
    if (!x.equals(y)) return false;
  }
  return true;
}

/** Whether two files lie at the same places of their volumes, in the same order, and nobody has written to the later one since. */
export async function lieAtSamePlaces(
  [before, a]: readonly [FileTree, FileNode],
  [after, b]: readonly [FileTree, FileNode],
  signal: AbortSignal,
): Promise<boolean> {
  if (a.modifiedMs === null || a.modifiedMs !== b.modifiedMs) return false;
  const places = await few(before.extents(a, signal), (extent) => [extent]);
  if (!places || places.length === 0 || !areSame(places, await few(after.extents(b, signal), (extent) => [extent]))) {
    return false;
  }
  // one place has one order
  if (places.length === 1) return true;
  const runs = await few((await before.open(a)).dataRuns(signal), (run) => [run]);
  return runs !== null && areSame(runs, await few((await after.open(b)).dataRuns(signal), (run) => [run]));
}

/** @returns null where there are more than are looked at */
async function few(batches: AsyncIterable<Extent[]>, places: (extent: Extent) => Extent[]): Promise<Extent[] | null> {
  const all: Extent[] = [];
  for await (const batch of batches) {
    all.push(...batch.flatMap(places));
    if (all.length > MAX_EXTENTS) return null;
  }
  return all;
}

function areSame(places: readonly Extent[], others: readonly Extent[] | null): boolean {
  if (others?.length !== places.length) return false;
  return places.every(({ startBytes, lengthBytes }, i) => {
    return startBytes === others[i].startBytes && lengthBytes === others[i].lengthBytes;
  });
}

function areEqual(a: WindowRecord | null, b: WindowRecord | null): boolean {
  if (!a || !b) return a === b;
  const same = (x: Uint8Array | Uint32Array, y: Uint8Array | Uint32Array) =>
    x.length === y.length &&
    Buffer.from(x.buffer, x.byteOffset, x.byteLength).equals(Buffer.from(y.buffer, y.byteOffset, y.byteLength));
  return same(a.extents, b.extents) && same(a.lengths, b.lengths) && same(a.hashes, b.hashes);
}
