/** Between chunks and the payload of a frame. */
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { EngineError } from '../core/engine-error.ts';
import { CODEC_STORED, CODEC_ZSTD, FRAME_TARGET_BYTES, type Frame, type FrameHead } from './pack-format.ts';

/** The window covers a whole frame: without this, zstd takes smaller tables for input whose size it is not told. */
const WINDOW_LOG = Math.log2(FRAME_TARGET_BYTES);

/** Compresses; what does not shrink is stored as it is. `bytes` may be reused once this returns. */
export function encodeFrame(bytes: Uint8Array, table: Uint8Array, level: number): Frame {
  const packed = zstdCompressSync(bytes, {
    chunkSize: 1024 * 1024,
    params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_windowLog]: WINDOW_LOG },
  });
  if (packed.length >= bytes.length) return storedFrame(bytes, table);
  return { codec: CODEC_ZSTD, rawBytes: bytes.length, table, payload: packed };
}

/** A frame that is not compressed, for chunks that cannot be. */
export function storedFrame(bytes: Uint8Array, table: Uint8Array): Frame {
  return { codec: CODEC_STORED, rawBytes: bytes.length, table, payload: Uint8Array.from(bytes) };
}

/**
 * @returns the frame's `rawBytes` bytes
 * @throws EngineError `FORMAT_INVALID` where checksum, compression or length are wrong
 */
export function decodeFramePayload(
  head: Pick<FrameHead, 'codec' | 'rawBytes' | 'payloadCrc'>,
  payload: Buffer,
): Buffer {
  if (crc32(payload) !== head.payloadCrc) throw new EngineError('FORMAT_INVALID', { field: 'frame checksum' });
  if (head.codec === CODEC_STORED) {
    if (payload.length !== head.rawBytes) throw new EngineError('FORMAT_INVALID', { field: 'frame length' });
    return payload;
  }
  let bytes: Buffer;
  try {
    bytes = zstdDecompressSync(payload, { chunkSize: head.rawBytes, maxOutputLength: head.rawBytes });
  } catch (cause) {
    throw new EngineError('FORMAT_INVALID', { field: 'frame compression' }, '', { cause });
  }
  if (bytes.length !== head.rawBytes) throw new EngineError('FORMAT_INVALID', { field: 'frame length' });
  return bytes;
}
