/** The start of a file that is only added to: it is read where it lies, a piece at a time, and never held as a whole. */
import { createHash } from 'node:crypto';
import type { FileContent } from '../filesystems/file-tree.port.ts';

const PIECE_BYTES = 1024 * 1024;

type Content = Pick<FileContent, 'lengthBytes' | 'readInto'>;

/** What stands in a file before it is added to, and stays there. */
export interface KeptStart extends Content {
  /** in hexadecimal digits */
  readonly sha256: string;
}

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function keptStart(content: Content): Promise<KeptStart> {
  const { lengthBytes } = content;
  const readInto: Content['readInto'] = (offsetBytes, into) => content.readInto(offsetBytes, into);
  return { lengthBytes, readInto, sha256: await sha256Of(content, lengthBytes) };
}

/** @param lengthBytes from its beginning @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function sha256Of(content: Content, lengthBytes: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of piecesOf(content, lengthBytes)) hash.update(piece);
  return hash.digest('hex');
}

/** From its beginning. Each piece is read into the same memory as the one before it. @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function* piecesOf(content: Content, lengthBytes: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(Math.min(PIECE_BYTES, lengthBytes));
  for (let at = 0; at < lengthBytes; at += piece.length) {
    const into = piece.subarray(0, Math.min(piece.length, lengthBytes - at));
    await content.readInto(at, into);
    yield into;
  }
}
