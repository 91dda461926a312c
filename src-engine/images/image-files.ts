/** Files of a folder, joined, looked at and unpacked: what readers of images stand on. */
import { randomUUID } from 'node:crypto';
import { openRegularFile } from '../core/read-named-file.ts';
import { join } from 'node:path';
import { writeSparseFile, type UnpackLimits } from '../archive/sparse-file.ts';
import { streamTypeIn } from '../archive/stream-type.ts';
import { unpackStream } from '../archive/unpack-stream.ts';
import type { Warning } from '../contract/warnings.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { joinedSource } from '../disk/composed-source.ts';
import { readBytes } from '../disk/read.ts';
import { openSparseFile } from './sparse-file.ts';

/** Where unpacked images go for the time of a job, and how far unpacking may go. */
export interface Scratch {
  readonly folder: string;
  readonly limits: UnpackLimits;
  readonly signal: AbortSignal;
  advance(bytes: number): void;
}

const PIECE_BYTES = 1024 * 1024;

/**
 * Opens files that are one stream together, unpacking it where it is packed: onto a sparse file in the scratch folder, since
 * nothing packed as one stream can be read at random.
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `ARCHIVE_UNSAFE`, `DISK_FULL`
 */
export async function openJoined(
  paths: readonly string[],
  scratch: Scratch,
  warnings: Warning[],
): Promise<BlockSource> {
  const joined = joinedSource(await openAll(paths));
  try {
    const type = await streamTypeIn(joined);
    if (type === null) return joined;
    const to = join(scratch.folder, randomUUID());
    const about = { type, path: paths[0], leftOut: (bytes: number) => warnings.push(leftOut(paths[0], bytes)) };
    const content = unpackStream(about, piecesOf(joined, scratch.signal), scratch.signal);
    const packed = { path: paths[0], lengthBytes: joined.lengthBytes };
    await writeSparseFile(content, to, packed, scratch.limits, scratch.advance);
    await joined.close();
    return await openSparseFile(to);
  } catch (error) {
    await joined.close();
    throw error;
  }
}

/** @param path of the packed file @param bytes that lie behind the end of its stream */
export function leftOut(path: string, bytes: number): Warning {
  return { code: 'STREAM_TAIL_LEFT_OUT', data: { path, lengthBytes: bytes } };
}

async function openAll(paths: readonly string[]): Promise<BlockSource[]> {
  const opened: BlockSource[] = [];
  try {
    for (const path of paths) opened.push(await openSparseFile(path));
    return opened;
  } catch (error) {
    await Promise.all(opened.map((source) => source.close()));
    throw error;
  }
}

/** @returns the beginning of what files that are one stream together unpack to, or hold where they are not packed. Throws as {@link openJoined} */
export async function unpackedHead(
  paths: readonly string[],
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ bytes: Buffer; isPacked: boolean }> {
  const joined = joinedSource(await openAll(paths));
  try {
    const type = await streamTypeIn(joined);
    if (type === null) {
      return { bytes: await readBytes(joined, 0, Math.min(maxBytes, joined.lengthBytes)), isPacked: false };
    }
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of unpackStream({ type, path: paths[0], leftOut() {} }, piecesOf(joined, signal), signal)) {
      pieces.push(Buffer.from(piece));
      length += piece.length;
      if (length >= maxBytes) break;
    }
    return { bytes: Buffer.concat(pieces).subarray(0, maxBytes), isPacked: true };
  } finally {
    await joined.close();
  }
}

/** A source from front to back. */
export async function* piecesOf(source: BlockSource, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (let at = 0; at < source.lengthBytes; at += PIECE_BYTES) {
    signal.throwIfAborted();
    yield await readBytes(source, at, Math.min(PIECE_BYTES, source.lengthBytes - at));
  }
}

/** The beginning of a small file. @returns null where there is none */
export async function readSmall(path: string, maxBytes: number): Promise<Buffer | null> {
  const file = await openRegularFile(path).catch(() => null);
  if (!file) return null;
  try {
    const { size } = await file.stat();
    const bytes = Buffer.alloc(Math.min(size, maxBytes));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
