/** A file at hand while an image is looked for: on the disk, inside a tar, or unpacked; with the files beside it. */
import { createHash } from 'node:crypto';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { JobContext } from '../core/job-context.ts';
import type { OpenSibling } from '../formats/disk-image.port.ts';
import { isSiblingName } from '../formats/sibling-name.ts';

export interface FileAtHand {
  /** its plain name */
  readonly name: string;
  readonly source: BlockSource;
  /** where other programs can open it; null inside a tar */
  readonly path: string | null;
  readonly openSibling: OpenSibling;
}

/** @returns a file beside another, whole; null where there is none @throws EngineError `FORMAT_INVALID` over `maxBytes` */
export async function readSibling(file: FileAtHand, name: string, maxBytes: number): Promise<Buffer | null> {
  if (!isSiblingName(name)) return null;
  let source: BlockSource;
  try {
    source = await file.openSibling(name);
  } catch (error) {
    if (toEngineError(error).code === 'NOT_FOUND') return null;
    throw error;
  }
  try {
    return await readBytes(source, 0, source.lengthBytes, maxBytes);
  } finally {
    await source.close();
  }
}

const PIECE_BYTES = 1024 * 1024;

/** @returns the hash of a part of a source in hexadecimal digits */
export async function hashOfPart(
  kind: string,
  source: BlockSource,
  startBytes: number,
  lengthBytes: number,
  context: Pick<JobContext, 'signal' | 'advance'>,
): Promise<string> {
  const hash = createHash(kind);
  for (let done = 0; done < lengthBytes;) {
    context.signal.throwIfAborted();
    const piece = await readBytes(source, startBytes + done, Math.min(PIECE_BYTES, lengthBytes - done));
    hash.update(piece);
    done += piece.length;
    context.advance(piece.length);
  }
  return hash.digest('hex');
}

/** @returns the error that says which file names the one that is missing: a copy that was made of some of them is the commonest reason */
export function missingOf(name: string, thrown: unknown): EngineError {
  const error = toEngineError(thrown);
  return error.code === 'NOT_FOUND' ? new EngineError('FILE_MISSING', { ...error.data, of: name }, error.hint) : error;
}
