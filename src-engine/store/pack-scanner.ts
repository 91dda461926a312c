/** Finds the frames of a pack without an index: for repair. Trusts nothing but checksums. */
import { open } from 'node:fs/promises';
import { EngineError } from '../core/engine-error.ts';
import {
  CHUNK_ENTRY_BYTES,
  decodeFrameHead,
  decodeFrameTable,
  frameHeader,
  MAX_FRAME_CHUNKS,
  PACK_MAGIC,
  packHeader,
} from './pack-format.ts';
import type { WrittenFrame, WrittenPack } from './pack-writer.ts';

const FRAME_MAGIC_BYTES = Buffer.from('DPFR', 'latin1');
const SEARCH_BYTES = 1024 * 1024;

/** A pack as far as it can be read, and how many bytes of it made no sense. */
export interface ScannedPack extends WrittenPack {
  readonly skippedBytes: number;
}

/** @returns null where the file is no pack at all */
export async function scanPack(path: string, name: string, signal: AbortSignal): Promise<ScannedPack | null> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const readAt = async (offset: number, length: number) => {
      const bytes = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
      return bytes.subarray(0, bytesRead);
    };
    if (!(await readAt(0, PACK_MAGIC.length)).equals(PACK_MAGIC)) return null;
    const frames: WrittenFrame[] = [];
    let skippedBytes = 0;
    for (let offset = packHeader.size; offset < size;) {
      signal.throwIfAborted();
      const head = await readAt(offset, frameHeader.size + MAX_FRAME_CHUNKS * CHUNK_ENTRY_BYTES);
      const frame = tryFrame(head, offset, size);
      if (frame) {
        frames.push(frame);
        offset += frameHeader.size + frame.table.length + frame.storedBytes;
        continue;
      }
      // a damaged head, or the pack's end: look for the next head
      const piece = await readAt(offset + 1, SEARCH_BYTES);
      const next = piece.indexOf(FRAME_MAGIC_BYTES);
      const step = next >= 0 ? next + 1 : Math.max(1, piece.length - FRAME_MAGIC_BYTES.length + 1);
      if (size - offset > 16) skippedBytes += step;
      offset += step;
    }
    return { name, lengthBytes: size, frames, skippedBytes };
  } finally {
    await handle.close();
  }
}

function tryFrame(bytes: Buffer, offset: number, size: number): WrittenFrame | null {
  try {
    const head = decodeFrameHead(bytes);
    if (head.headBytes > bytes.length || offset + head.headBytes + head.storedBytes > size) return null;
    decodeFrameTable(bytes.subarray(0, head.headBytes));
    const { codec, rawBytes, storedBytes, payloadCrc } = head;
    return {
      offset,
      codec,
      rawBytes,
      storedBytes,
      payloadCrc,
      table: Uint8Array.from(bytes.subarray(frameHeader.size, head.headBytes)),
    };
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}
