/** What one target does with the windows of a template: changes what is other there, writes, reads back, compares. */
import { alignedMemory } from '../../core/aligned-memory.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSink, Extent } from '../../disk/block-source.port.ts';
import { bytesOf, within, withoutExtents } from '../../volumes/extents.ts';
import type { Taker } from './feed-place.ts';
import type { UnpackedWindow } from './fed-window.ts';
import { extentsOf, type StoredWindow } from './stored-window.ts';
import type { HeldBack } from './held-back.ts';
import { extentOf, pieceOf, type Overlay } from './overlay.ts';
import { compareBack, pageOf, readOver, PIECE_BYTES, verifyPatch } from './read-back.ts';

/** What of a deploy is filled. */
export interface Filling {
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
  async take(window: UnpackedWindow): Promise<void> {
    this.#context.signal.throwIfAborted();
    this.#writing++;
    this.#context.slowest(this.#writing > 1 ? 'target' : 'processor');
    try {
      const equalBytes = this.touches(window.stored)
        ? await this.#writeChanged(window)
        : await this.#writeWhole(window);
      this.#filling.verifiedBytes += equalBytes;
    } finally {
      this.#writing--;
    }
  }

  windowDone({ stored }: UnpackedWindow): void {
    this.#context.advance(stored.lengthBytes);
  }

  /** Whether anything of a window is other on this target than in the template. */
  touches({ extent }: StoredWindow): boolean {
    return this.#filling.overlay.touches(extent) || this.#filling.held.touches(extent);
  }

  /** What of a window belongs on this target: what lies around partitions and behind its end has no place there; the plan says so. */
  runsOf({ region, runs }: StoredWindow): readonly Extent[] {
    return region === 0 ? within({ startBytes: 0, lengthBytes: this.#filling.sink.lengthBytes }, runs) : runs;
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
   * @returns false where not all of the window belongs on this target, or where the target cannot be read: it is written, then
   */
  async readWindow(stored: StoredWindow, memory: SharedArrayBuffer): Promise<boolean> {
    const runs = this.runsOf(stored);
    if (bytesOf(runs) !== bytesOf(stored.runs)) return false;
    try {
      await readOver(this.#filling.sink, runs, stored.memoryStart, Buffer.from(memory));
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

  /** Writes parts of a window, of which nothing is other on this target, and compares them. @throws as {@link take} */
  async writeRuns({ stored, memory }: UnpackedWindow, runs: readonly Extent[]): Promise<void> {
    const disk = Buffer.from(memory);
    for (const { startBytes, lengthBytes } of runs) {
      await this.#write(startBytes, disk.subarray(startBytes - stored.memoryStart).subarray(0, lengthBytes));
    }
    const equalBytes = await this.#compare(runs, stored.memoryStart, disk);
    this.#filling.verifiedBytes += equalBytes;
  }

  async #writeWhole({ stored, memory }: UnpackedWindow): Promise<number> {
    const { memoryStart } = stored;
    const disk = Buffer.from(memory);
    const runs = this.runsOf(stored);
    // a new sparse file reads as zeros already
    for (const { startBytes, lengthBytes } of this.#filling.sink.isEmpty
      ? withoutExtents(runs, zerosOf(stored))
      : runs) {
      const from = startBytes - memoryStart;
      await this.#write(startBytes, disk.subarray(from, from + lengthBytes));
    }
    return this.#compare(runs, memoryStart, disk);
  }

  async #writeChanged({ stored, memory }: UnpackedWindow): Promise<number> {
    const { overlay, held } = this.#filling;
    const { extent, memoryStart } = stored;
    const disk = Buffer.from(memory);
    const runs = this.runsOf(stored);
    const piece = this.#takePiece();
    let equalBytes = 0;
    try {
      const endBytes = extent.startBytes + extent.lengthBytes;
      for (let at = pageOf(extent.startBytes); at < endBytes; at += PIECE_BYTES) {
        const inPiece = within({ startBytes: at, lengthBytes: PIECE_BYTES }, runs);
        if (inPiece.length === 0) continue;
        disk.copy(piece, 0, at - memoryStart, at - memoryStart + PIECE_BYTES);
        const changed = held.keep(overlay.lay(inPiece, at, piece), at, piece);
        for (const { startBytes, lengthBytes } of changed) {
          await this.#write(startBytes, piece.subarray(startBytes - at, startBytes - at + lengthBytes));
        }
        const inPieceBytes = await this.#compare(changed, at, piece);
        equalBytes += inPieceBytes;
      }
      return equalBytes;
    } finally {
      this.#spare.push(piece);
    }
  }

  async #write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    await this.#filling.sink.write(offsetBytes, bytes);
    this.#filling.writtenBytes += bytes.length;
  }

  async #compare(runs: readonly Extent[], memoryStart: number, disk: Buffer): Promise<number> {
    const piece = this.#takePiece();
    try {
      await compareBack(this.#filling.sink, runs, memoryStart, disk, piece);
      return bytesOf(runs);
    } finally {
      this.#spare.push(piece);
    }
  }

  #takePiece(): Buffer {
    return this.#spare.pop() ?? Buffer.from(alignedMemory(PIECE_BYTES));
  }
}

/** Chunks of nothing but zeros. */
function zerosOf({ chunks, startBytes }: StoredWindow): Extent[] {
  return chunks.filter(({ frame }) => frame === null).flatMap(({ pieces }) => extentsOf(pieces, startBytes));
}
