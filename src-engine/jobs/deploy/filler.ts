/** What one target does with the windows of a template: changes what is other there, writes, reads back, compares. */
import { ownMemory } from '../../core/aligned-memory.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSink, Extent } from '../../disk/block-source.port.ts';
import { bytesOf, within, withoutExtents } from '../../volumes/extents.ts';
import type { Taker } from './feed-place.ts';
import type { UnpackedWindow } from './fed-window.ts';
import type { Placement } from './place.ts';
import type { StoredWindow } from './stored-window.ts';
import { targetWindow, type TargetWindow } from './target-window.ts';
import type { Region } from '../../versions/regions.ts';
import type { HeldBack } from './held-back.ts';
import { extentOf, pieceOf, type Overlay } from './overlay.ts';
import { compareBack, pageOf, readOver, PIECE_BYTES, verifyPatch } from './read-back.ts';

/** What of a deploy is filled. */
export interface Filling {
  readonly json: { readonly regions: readonly Region[] };
  readonly placement: Pick<Placement, 'regions' | 'taken'>;
  readonly overlay: Overlay;
  readonly held: HeldBack;
  readonly sink: BlockSink;
  writtenBytes: number;
  /** bytes that were read back and found to be what they must be */
  verifiedBytes: number;
}

/**
 * A window of which nothing is other on this target is written as it is. Of one that is touched, pieces are copied, changed, written and
 * compared with what they were made into: the window's own memory stays what the template's chunks are named by.
 */
export class Filler implements Taker {
  readonly #filling: Filling;
  readonly #context: JobContext;
  /** memory that nobody uses at present, of a piece each */
  readonly #spare: Buffer[] = [];
  #writing = 0;

  constructor(filling: Filling, context: JobContext) {
    this.#filling = filling;
    this.#context = context;
  }

  /** @throws EngineError `WRITE_FAILED`, `DISK_FULL`, `READ_FAILED`, `VERIFY_MISMATCH` */
  async take({ stored, memory }: UnpackedWindow): Promise<void> {
    this.#context.signal.throwIfAborted();
    const window = this.place(stored);
    if (!window) return;
    this.#writing++;
    this.#context.slowest(this.#writing > 1 ? 'target' : 'processor');
    try {
      const disk = Buffer.from(memory);
      if (this.touches(window)) await this.#writeChanged(window, disk);
      // a new sparse file reads as zeros already
      else
        await this.write(
          window,
          disk,
          this.#filling.sink.isEmpty ? withoutExtents(window.runs, window.zeros) : window.runs,
          window.runs,
        );
    } finally {
      this.#writing--;
    }
  }

  wants(region: number): boolean {
    return this.#filling.placement.regions[region] !== null;
  }

  windowDone({ stored }: UnpackedWindow): void {
    this.passed(stored.lengthBytes);
  }

  passed(lengthBytes: number): void {
    this.#context.advance(lengthBytes);
  }

  /** Where a window belongs on this target; null: nothing of it is written from the template as it is. */
  place(stored: StoredWindow): TargetWindow | null {
    const { json, placement, sink } = this.#filling;
    return targetWindow(stored, json.regions, placement, sink.lengthBytes);
  }

  /** Whether anything of a window is other on this target than in the template. */
  touches({ extent }: TargetWindow): boolean {
    return this.#filling.overlay.touches(extent) || this.#filling.held.touches(extent);
  }

  /** What is to be where the template has nothing. @throws as {@link take} */
  async writeRest(): Promise<void> {
    const { overlay, held, sink } = this.#filling;
    for (const patch of overlay.rest()) {
      for (const extent of held.keep([extentOf(patch)], patch.offsetBytes, patch.bytes)) {
        const piece = pieceOf(patch, extent);
        await this.#write(piece.offsetBytes, piece.bytes);
        const equalBytes = await verifyPatch(sink, piece);
        this.#filling.verifiedBytes += equalBytes;
      }
    }
  }

  /**
   * Reads what the target has where a window belongs, into its place in memory.
   * @returns false where that cannot be: it is written, then
   */
  async readWindow(window: TargetWindow, memory: SharedArrayBuffer): Promise<boolean> {
    if (!window.isAsItWas) return false;
    try {
      await readOver(this.#filling.sink, window.runs, window.memoryStart, Buffer.from(memory));
      return true;
    } catch (error) {
      if (error instanceof EngineError && error.code === 'READ_FAILED') return false;
      throw error;
    }
  }

  /** Bytes that were read from the target and are what they must be. */
  foundEqual(lengthBytes: number): void {
    this.#filling.verifiedBytes += lengthBytes;
  }

  /**
   * Writes a window, or parts of it, of which nothing is other on this target; and compares.
   * @param runs that are written
   * @param compared runs that are read back: more, where a new file has zeros already
   * @throws as {@link take}
   */
  async write({ memoryStart }: TargetWindow, disk: Buffer, runs: readonly Extent[], compared = runs): Promise<void> {
    for (const { startBytes, lengthBytes } of runs) {
      const from = startBytes - memoryStart;
      await this.#write(startBytes, disk.subarray(from, from + lengthBytes));
    }
    await this.#compare(compared, memoryStart, disk);
  }

  async #writeChanged({ extent, memoryStart, runs, zeros }: TargetWindow, disk: Buffer): Promise<void> {
    const { overlay, held, sink } = this.#filling;
    // a new sparse file reads as zeros already
    const there = sink.isEmpty ? overlay.unchanged(zeros) : [];
    const piece = this.#takePiece();
    try {
      const endBytes = extent.startBytes + extent.lengthBytes;
      for (let at = pageOf(extent.startBytes); at < endBytes; at += PIECE_BYTES) {
        const inPiece = within({ startBytes: at, lengthBytes: PIECE_BYTES }, runs);
        if (inPiece.length === 0) continue;
        // memory begins behind the beginning of its first page where a partition moved by less than one
        const from = Math.max(at, memoryStart);
        disk.copy(piece, from - at, from - memoryStart, at - memoryStart + PIECE_BYTES);
        const changed = held.keep(overlay.lay(inPiece, at, piece), at, piece);
        for (const { startBytes, lengthBytes } of withoutExtents(changed, there)) {
          await this.#write(startBytes, piece.subarray(startBytes - at, startBytes - at + lengthBytes));
        }
        await this.#compare(changed, at, piece);
      }
    } finally {
      this.#spare.push(piece);
    }
  }

  async #write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    await this.#filling.sink.write(offsetBytes, bytes);
    this.#filling.writtenBytes += bytes.length;
  }

  async #compare(runs: readonly Extent[], memoryStart: number, disk: Buffer): Promise<void> {
    const piece = this.#takePiece();
    try {
      await compareBack(this.#filling.sink, runs, memoryStart, disk, piece);
      this.#filling.verifiedBytes += bytesOf(runs);
    } finally {
      this.#spare.push(piece);
    }
  }

  #takePiece(): Buffer {
    return this.#spare.pop() ?? Buffer.from(ownMemory(PIECE_BYTES));
  }
}
