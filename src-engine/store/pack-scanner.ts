/** Finds the frames of a pack without an index: for repair. Trusts nothing but checksums. */
import { open } from 'node:fs/promises';
import { EngineError, ioError, toEngineError } from '../core/engine-error.ts';
import {
  CODEC_ZSTD,
  decodeFrameHead,
  decodeFrameTable,
  frameHeader,
  headSum,
  packEnd,
  packHeader,
} from './pack-format.ts';
import type { WrittenFrame, WrittenPack } from './pack-writer.ts';

const FRAME_MAGIC_BYTES = Buffer.from('DPFR', 'latin1');
const SEARCH_BYTES = 1024 * 1024;
/** Header and table of most frames: 64 chunks of 64 KiB. */
const USUAL_HEAD_BYTES = 4096;

/** A disk gives or refuses its bytes in pages of this. */
const PAGE_BYTES = 4096;
/** After so many reads that failed the rest of a pack is left alone: a bad disk takes seconds for each. */
const MAX_FAILED_READS = 64;

/** A pack as far as it can be read, and how many bytes of it made no sense. */
export interface ScannedPack extends WrittenPack {
  readonly skippedBytes: number;
  /** the first place that could not be read just now: there may be more frames than were found */
  readonly unread: EngineError | null;
}

/** @throws EngineError `READ_FAILED`, `PERMISSION_DENIED` where it cannot even be opened; `NOT_FOUND` */
export async function scanPack(path: string, name: string, signal: AbortSignal): Promise<ScannedPack> {
  const failed = (error: unknown, offsetBytes: number) => ioError(error, 'READ_FAILED', { path, offsetBytes });
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? toEngineError(error) : failed(error, 0);
  });
  try {
    const { size } = await handle.stat().catch((error: unknown) => {
      throw failed(error, 0);
    });
    let piece = { offset: 0, bytes: Buffer.alloc(0) };
    let isSearching = false;
    let unread: EngineError | null = null;
    let failedReads = 0;
    const readAt: ReadAt = async (offset, length) => {
      const end = Math.min(offset + length, size);
      if (offset < piece.offset || end > piece.offset + piece.bytes.length) {
        const wanted = isSearching ? Math.max(length, SEARCH_BYTES) : length;
        const bytes = Buffer.alloc(Math.max(0, Math.min(wanted, size - offset)));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset).catch((error: unknown) => {
          unread ??= failed(error, offset);
          failedReads++;
          return { bytesRead: 0 };
        });
        piece = { offset, bytes: bytes.subarray(0, bytesRead) };
      }
      return piece.bytes.subarray(offset - piece.offset, end - piece.offset);
    };
    /** Where the next head may begin: the first place from `offset` on that has its magic, or the end. */
    const findHead = async (offset: number) => {
      for (let at = offset; at + FRAME_MAGIC_BYTES.length <= size;) {
        signal.throwIfAborted();
        const isInPiece = at >= piece.offset && at + FRAME_MAGIC_BYTES.length <= piece.offset + piece.bytes.length;
        const bytes = isInPiece ? piece.bytes.subarray(at - piece.offset) : await readAt(at, SEARCH_BYTES);
        for (let found = bytes.indexOf(FRAME_MAGIC_BYTES); found >= 0;) {
          if (mayBeHead(bytes.subarray(found))) return at + found;
          found = bytes.indexOf(FRAME_MAGIC_BYTES, found + 1);
        }
        if (failedReads > MAX_FAILED_READS) break;
        at =
          bytes.length === 0
            ? (Math.floor(at / PAGE_BYTES) + 1) * PAGE_BYTES
            : at + Math.max(1, bytes.length - FRAME_MAGIC_BYTES.length + 1);
      }
      return size;
    };
    const frames: WrittenFrame[] = [];
    let skippedBytes = 0;
    // the header says nothing that is needed: a pack whose header is damaged is as good as any
    for (let offset = packHeader.size; offset < size;) {
      signal.throwIfAborted();
      const frame = await tryFrame(readAt, offset, size);
      isSearching = frame === null;
      if (frame) {
        frames.push(frame);
        offset += frameHeader.size + frame.table.length + frame.storedBytes;
        continue;
      }
      if (size - offset <= packEnd.size) break;
      const next = await findHead(offset + 1);
      skippedBytes += next - offset;
      offset = next;
    }
    return { name, lengthBytes: size, frames, skippedBytes, unread };
  } finally {
    await handle.close();
  }
}

/** A quick look, so that a file full of magic numbers is not looked at in earnest at every one of them. */
function mayBeHead(bytes: Buffer): boolean {
  return bytes.length < 8 || (bytes[4] <= CODEC_ZSTD && bytes.readUInt16LE(6) === 1);
}

/** @returns fewer bytes at the file's end, and before a place that cannot be read */
type ReadAt = (offset: number, length: number) => Promise<Buffer>;

async function tryFrame(readAt: ReadAt, offset: number, size: number): Promise<WrittenFrame | null> {
  try {
    let bytes = await readAt(offset, USUAL_HEAD_BYTES);
    const head = decodeFrameHead(bytes);
    if (offset + head.headBytes + head.storedBytes > size) return null;
    if (head.headBytes > bytes.length) bytes = await readAt(offset, head.headBytes);
    decodeFrameTable(bytes.subarray(0, head.headBytes));
    const { codec, rawBytes, storedBytes, payloadCrc } = head;
    return {
      offset,
      codec,
      rawBytes,
      storedBytes,
      payloadCrc,
      headSum: headSum(bytes),
      table: Uint8Array.from(bytes.subarray(frameHeader.size, head.headBytes)),
    };
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}
