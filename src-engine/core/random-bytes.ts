/** Bytes that are read at random, gone through from front to back: a file of a guest, or the beginning of one. */
import { createHash } from 'node:crypto';

const PIECE_BYTES = 1024 * 1024;

export interface RandomBytes {
  readonly lengthBytes: number;
  /** Fills `into` from `offsetBytes`. */
  readInto(offsetBytes: number, into: Uint8Array): Promise<void>;
}

/** From the beginning. Each piece has memory of its own. @throws what reading throws */
export async function* piecesOf(content: RandomBytes, lengthBytes = content.lengthBytes): AsyncGenerator<Buffer> {
  for (let at = 0; at < lengthBytes; at += PIECE_BYTES) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, lengthBytes - at));
    await content.readInto(at, piece);
    yield piece;
  }
}

/** @param lengthBytes from the beginning @returns hexadecimal digits @throws what reading throws */
export async function sha256Of(content: RandomBytes, lengthBytes = content.lengthBytes): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of piecesOf(content, lengthBytes)) hash.update(piece);
  return hash.digest('hex');
}
