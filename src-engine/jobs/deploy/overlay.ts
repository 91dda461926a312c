/**
 * What is to be on a target instead of what the template holds: bytes that are others there, and bytes that are not written. A window
 * under it is made what it must be before it is written, and compared with that.
 */
import type { Extent } from '../../disk/block-source.port.ts';
import { joinExtents, within, withoutExtents } from '../../volumes/extents.ts';
import type { Patch } from '../../volumes/layout.port.ts';

export class Overlay {
  readonly #changes: readonly Patch[];
  readonly #changed: readonly Extent[];
  readonly #leftOut: readonly Extent[];
  /** what of the changes came to lie in windows */
  readonly #laid: Extent[] = [];

  /**
   * @param changes of two that share bytes, the later one counts
   * @param leftOut not written where no change covers it
   */
  constructor(changes: readonly Patch[], leftOut: readonly Extent[]) {
    this.#changes = changes.flatMap((change, i) => partsOf(change, changes.slice(i + 1).map(extentOf)));
    this.#changed = joinExtents(changes.map(extentOf));
    this.#leftOut = withoutExtents(joinExtents(leftOut), this.#changed);
  }

  /** Whether anything of that piece of the disk is other than the template's. */
  touches(piece: Extent): boolean {
    return within(piece, this.#changed).length > 0 || within(piece, this.#leftOut).length > 0;
  }

  /**
   * Makes a window what it must be on the target.
   * @param runs that the template has in it
   * @param memory holds the disk from `startBytes` on
   * @returns the runs that are to be written
   */
  lay(runs: readonly Extent[], startBytes: number, memory: Uint8Array): Extent[] {
    for (const change of this.#changes) {
      for (const piece of within(extentOf(change), runs)) {
        memory.set(pieceOf(change, piece).bytes, piece.startBytes - startBytes);
        this.#laid.push(piece);
      }
    }
    return withoutExtents(runs, this.#leftOut);
  }

  /** Bytes of any extents that no change replaces. */
  unchanged(extents: readonly Extent[]): Extent[] {
    return withoutExtents(extents, this.#changed);
  }

  /** Once all windows are laid: what is to be where the template has nothing. */
  rest(): Patch[] {
    return this.#changes.flatMap((change) => partsOf(change, this.#laid));
  }
}

export const extentOf = ({ offsetBytes, bytes }: Patch): Extent => ({
  startBytes: offsetBytes,
  lengthBytes: bytes.length,
});

/** @param extent within the patch */
export function pieceOf({ offsetBytes, bytes }: Patch, { startBytes, lengthBytes }: Extent): Patch {
  const from = startBytes - offsetBytes;
  return { offsetBytes: startBytes, bytes: bytes.subarray(from, from + lengthBytes) };
}

/** What of a patch lies in none of the extents. */
export function partsOf(patch: Patch, without: readonly Extent[]): Patch[] {
  return withoutExtents([extentOf(patch)], without).map((extent) => pieceOf(patch, extent));
}
