/** Between chunks and the payload of a frame. */
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { EngineError } from '../core/engine-error.ts';
import { releaseMemory } from '../core/release-memory.ts';
import {
  CODEC_STORED,
  CODEC_ZSTD,
  FRAME_TARGET_BYTES,
  MAX_FRAME_STORED_BYTES,
  type Frame,
  type FrameHead,
} from './pack-format.ts';

/** The window covers a whole frame: what zstd takes by itself is half of one. */
const WINDOW_LOG = Math.log2(FRAME_TARGET_BYTES);

/** Compresses; what does not shrink is stored as it is. `bytes` may be reused once this returns. */
export function encodeFrame(bytes: Uint8Array, table: Uint8Array, level: number): Frame {
  const packed = zstdCompressSync(bytes, {
    // the whole output in one buffer, which then goes to the engine thread without a copy
    chunkSize: MAX_FRAME_STORED_BYTES + 1024,
    pledgedSrcSize: bytes.length,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
  });
  if (packed.length >= bytes.length) {
    releaseMemory(packed);
    return storedFrame(bytes, table);
  }
  return { codec: CODEC_ZSTD, rawBytes: bytes.length, table, payload: packed, payloadCrc: crc32(packed) };
}

/** A frame that is not compressed, for chunks that cannot be. */
export function storedFrame(bytes: Uint8Array, table: Uint8Array): Frame {
  const payload = Uint8Array.from(bytes);
  return { codec: CODEC_STORED, rawBytes: bytes.length, table, payload, payloadCrc: crc32(payload) };
}

type HeadOfPayload = Pick<FrameHead, 'codec' | 'rawBytes' | 'payloadCrc'>;

/** @throws EngineError `FORMAT_INVALID` where its checksum is wrong, or the length of one that is stored as it is */
export function checkedPayload(head: HeadOfPayload, payload: Buffer): Buffer {
  if (crc32(payload) !== head.payloadCrc) throw new EngineError('FORMAT_INVALID', { field: 'frame checksum' });
  if (head.codec === CODEC_STORED && payload.length !== head.rawBytes) {
    throw new EngineError('FORMAT_INVALID', { field: 'frame length' });
  }
  return payload;
}

/** No more than was promised comes out, in one buffer. */
export const unpackOptions = ({ rawBytes }: Pick<FrameHead, 'rawBytes'>) => ({
  chunkSize: Math.max(rawBytes + 1, 64),
  maxOutputLength: rawBytes,
});

/**
 * @returns the frame's `rawBytes` bytes; where they are stored as they are, a part of `payload`
 * @throws EngineError `FORMAT_INVALID` where checksum, compression or length are wrong
 */
export function decodeFramePayload(head: HeadOfPayload, payload: Buffer): Buffer {
  checkedPayload(head, payload);
  if (head.codec === CODEC_STORED) return payload;
  let bytes: Buffer;
  try {
    bytes = zstdDecompressSync(payload, unpackOptions(head));
  } catch (cause) {
    throw new EngineError('FORMAT_INVALID', { field: 'frame compression' }, '', { cause });
  }
  if (bytes.length !== head.rawBytes) throw new EngineError('FORMAT_INVALID', { field: 'frame length' });
  return bytes;
}
