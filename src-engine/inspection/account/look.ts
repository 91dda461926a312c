/**
 * A look at what lies outside of all that is known: where there is data, and where there are zeros. Bounded, so that a large disk
 * takes seconds: what is long is looked at in full at both ends, where mirrors, replication and verification keep what belongs to
 * a file system or a disk, and by samples between them.
 */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { bytesOf } from '../../volumes/extents.ts';
import type { OutsidePiece } from './outside-pieces.ts';

/**
 * Data and zeros are told apart in blocks of this length, counted from the start of the region: zeros beside data may belong to
 * it (a bitmap with nothing set), and a deploy that leaves them unwritten shows what the target had there.
 */
export const LOOK_BLOCK_BYTES = 1024 * 1024;
/** Looked at in full at both ends of every piece, whatever its length. */
const EDGE_BYTES = 4 * 1024 * 1024;
/** Looked at in full, all pieces together, before samples have to do: two seconds of a hard disk. */
const FULL_BYTES = 256 * 1024 * 1024;
/** Samples of all pieces together: each is a seek. */
const MAX_SAMPLES = 1024;
const SAMPLE_BYTES = 64 * 1024;
/** Samples lie no closer than this. */
const MIN_STRIDE_BYTES = 1024 * 1024;

/** A piece and what was found in it: places on the disk. */
export interface LookedPiece extends OutsidePiece {
  readonly lookedBytes: number;
  /** ascending and disjoint; a part that was sampled is all data where one of its samples is */
  readonly data: readonly Extent[];
}

/** @throws EngineError `READ_FAILED`, `ABORTED` */
export async function lookAtPieces(
  source: BlockSource,
  pieces: readonly OutsidePiece[],
  signal: AbortSignal,
): Promise<LookedPiece[]> {
  const looker = new Looker(source, signal);
  let fullBytes = FULL_BYTES;
  const totalBytes = bytesOf(pieces);
  const looked: LookedPiece[] = [];
  for (const piece of pieces) {
    const parts: Look[] = [];
    const middleBytes = piece.lengthBytes - 2 * EDGE_BYTES;
    if (middleBytes <= 0 || piece.lengthBytes <= fullBytes) {
      fullBytes -= Math.min(fullBytes, piece.lengthBytes);
      parts.push(await looker.inFull(piece, piece.regionStartBytes));
    } else {
      const { startBytes, regionStartBytes } = piece;
      const share = Math.ceil((MAX_SAMPLES * piece.lengthBytes) / totalBytes);
      const middle = { startBytes: startBytes + EDGE_BYTES, lengthBytes: middleBytes };
      const tail = { startBytes: startBytes + EDGE_BYTES + middleBytes, lengthBytes: EDGE_BYTES };
      parts.push(await looker.inFull({ startBytes, lengthBytes: EDGE_BYTES }, regionStartBytes));
      parts.push(await looker.bySamples(middle, share));
      parts.push(await looker.inFull(tail, regionStartBytes));
    }
    const lookedBytes = parts.reduce((sum, part) => sum + part.lookedBytes, 0);
    looked.push({ ...piece, lookedBytes, data: parts.flatMap((part) => part.data) });
  }
  return looked;
}

interface Look {
  readonly lookedBytes: number;
  readonly data: readonly Extent[];
}

class Looker {
  readonly #source: BlockSource;
  readonly #signal: AbortSignal;
  readonly #memory = Buffer.alloc(LOOK_BLOCK_BYTES);

  constructor(source: BlockSource, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  async inFull(extent: Extent, regionStartBytes: number): Promise<Look> {
    const data: { startBytes: number; lengthBytes: number }[] = [];
    for (const block of blocksOf(extent, regionStartBytes)) {
      if (await this.#isZero(block)) continue;
      const last = data.at(-1);
      if (last && last.startBytes + last.lengthBytes === block.startBytes) last.lengthBytes += block.lengthBytes;
      else data.push({ ...block });
    }
    return { lookedBytes: extent.lengthBytes, data };
  }

  /** Evenly spread: the same places whenever it is looked again. */
  async bySamples(extent: Extent, maxCount: number): Promise<Look> {
    const count = Math.max(1, Math.min(maxCount, Math.floor(extent.lengthBytes / MIN_STRIDE_BYTES)));
    const lengthBytes = Math.min(SAMPLE_BYTES, extent.lengthBytes);
    let lookedBytes = 0;
    let isZero = true;
    for (let i = 0; i < count; i++) {
      const startBytes = extent.startBytes + pageOf(((extent.lengthBytes - lengthBytes) * (i + 0.5)) / count);
      lookedBytes += lengthBytes;
      isZero &&= await this.#isZero({ startBytes, lengthBytes });
      if (!isZero) break;
    }
    return { lookedBytes, data: isZero ? [] : [extent] };
  }

  /** What cannot be read may be anything: it is data. */
  async #isZero({ startBytes, lengthBytes }: Extent): Promise<boolean> {
    this.#signal.throwIfAborted();
    const into = this.#memory.subarray(0, lengthBytes);
    try {
      for await (const run of runsOf(this.#source, { startBytes, lengthBytes }, this.#signal)) {
        const bytes = into.subarray(0, run.lengthBytes);
        await this.#source.readInto(run.startBytes, bytes);
        if (!isZeros(bytes)) return false;
      }
    } catch (error) {
      if (error instanceof EngineError && error.code === 'FORMAT_INVALID') return false;
      throw error;
    }
    return true;
  }
}

async function* runsOf(source: BlockSource, extent: Extent, signal: AbortSignal): AsyncGenerator<Extent> {
  if (!source.dataRuns) return yield extent;
  for await (const batch of source.dataRuns(extent.startBytes, extent.lengthBytes, signal)) yield* batch;
}

/** An extent in pieces that end at whole blocks of the region. */
function* blocksOf({ startBytes, lengthBytes }: Extent, regionStartBytes: number): Generator<Extent> {
  const endBytes = startBytes + lengthBytes;
  for (let at = startBytes; at < endBytes;) {
    const next = at + LOOK_BLOCK_BYTES - ((at - regionStartBytes) % LOOK_BLOCK_BYTES);
    const end = Math.min(next, endBytes);
    yield { startBytes: at, lengthBytes: end - at };
    at = end;
  }
}

const PAGE_BYTES = 4096;
const pageOf = (offsetBytes: number) => Math.floor(offsetBytes / PAGE_BYTES) * PAGE_BYTES;

const ZEROS = Buffer.alloc(64 * 1024);

export function isZeros(bytes: Buffer): boolean {
  // most data shows itself at once
  for (let at = 0; at < bytes.length; at += ZEROS.length) {
    const end = Math.min(at + ZEROS.length, bytes.length);
    if (bytes[at] !== 0 || bytes.compare(ZEROS, 0, end - at, at, end) !== 0) return false;
  }
  return true;
}
