/**
 * What makes a disk look finished, kept in memory until everything else is on the target. No more of it than {@link MAX_HELD_BYTES};
 * how much it was stands in the job's result.
 */
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { bytesOf, within, withoutExtents } from '../../volumes/extents.ts';
import type { Patch } from '../../volumes/layout.port.ts';
import { extentOf, partsOf, pieceOf } from './overlay.ts';

/** Both copies of the largest GPT that is read take 8 MiB and some sectors; that of any disk in use less than 100 KiB. */
export const MAX_HELD_BYTES = 16 * 1024 * 1024;

export class HeldBack {
  readonly #places: readonly Extent[];
  #held: Patch[] = [];

  /** @param places ascending, disjoint @throws EngineError `FORMAT_UNSUPPORTED` where they are more than may be held */
  constructor(places: readonly Extent[]) {
    if (bytesOf(places) > MAX_HELD_BYTES) {
      throw new EngineError('FORMAT_UNSUPPORTED', {
        feature: `tables of ${bytesOf(places)} bytes`,
        max: MAX_HELD_BYTES,
      });
    }
    this.#places = places;
  }

  /** Bytes that are held. */
  get lengthBytes(): number {
    return this.#held.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Whether any of it belongs on that piece of the disk. */
  touches(piece: Extent): boolean {
    return within(piece, this.#places).length > 0;
  }

  /**
   * Keeps a copy of what of the runs makes a disk look finished.
   * @param memory holds the disk from `startBytes` on
   * @returns the other runs, which may be written now
   * @throws EngineError `MANIFEST_DAMAGED` where the same bytes come again and again
   */
  keep(runs: readonly Extent[], startBytes: number, memory: Uint8Array): Extent[] {
    const kept = this.#places.flatMap((place) => within(place, runs));
    if (this.lengthBytes + bytesOf(kept) > MAX_HELD_BYTES) {
      throw new EngineError('MANIFEST_DAMAGED', { path: '', reason: 'overlap' });
    }
    for (const run of kept) {
      const from = run.startBytes - startBytes;
      this.#held.push({
        offsetBytes: run.startBytes,
        bytes: Uint8Array.from(memory.subarray(from, from + run.lengthBytes)),
      });
    }
    return withoutExtents(runs, this.#places);
  }

  /**
   * Holds other bytes instead of those that were held there, or were to be.
   * @returns what of the patch is not to be held
   */
  put(patch: Patch): Patch[] {
    const own = within(extentOf(patch), this.#places);
    this.#held = this.#held.flatMap((held) => partsOf(held, own));
    for (const part of own) {
      const { offsetBytes, bytes } = pieceOf(patch, part);
      this.#held.push({ offsetBytes, bytes: Uint8Array.from(bytes) });
    }
    return partsOf(patch, this.#places);
  }

  /**
   * Gives back what is held of a volume, for a stage that lets a program work on it: what lies inside of a partition does not make a
   * disk look finished without its table. The stage writes it first.
   */
  release(volume: Extent): Patch[] {
    const released = this.#held.flatMap((patch) =>
      within(volume, [extentOf(patch)]).map((part) => pieceOf(patch, part)),
    );
    this.#held = this.#held.flatMap((patch) => partsOf(patch, [volume]));
    return released;
  }

  /** Lays what is held over bytes of the disk, so that they are as they will be. @param memory holds the disk from `startBytes` on */
  lay(startBytes: number, memory: Uint8Array): void {
    for (const patch of this.#held) {
      for (const extent of within({ startBytes, lengthBytes: memory.length }, [extentOf(patch)])) {
        memory.set(pieceOf(patch, extent).bytes, extent.startBytes - startBytes);
      }
    }
  }

  /**
   * What is held, in the order in which it is written: each step is on the disk before the next begins. The tables first; of the
   * first page one sector at a time, from behind: the first sector, without which there is no table, says that everything else is
   * there, wherever the power is cut.
   */
  inOrder(firstPageBytes: number, sectorBytes: number): Patch[][] {
    const firstPage = { startBytes: 0, lengthBytes: firstPageBytes };
    const steps = [this.#held.flatMap((patch) => partsOf(patch, [firstPage]))];
    for (let at = firstPageBytes - sectorBytes; at >= 0; at -= sectorBytes) {
      const sector = { startBytes: at, lengthBytes: sectorBytes };
      steps.push(this.#held.flatMap((patch) => within(sector, [extentOf(patch)]).map((part) => pieceOf(patch, part))));
    }
    return steps.filter((step) => step.length > 0);
  }
}
