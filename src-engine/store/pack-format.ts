/**
 * Pack files: many frames, each a compressed run of chunks with its own table, so that the index can be rebuilt by reading
 * packs alone. Byte tables: FORMAT.md, "Pack files".
 */
import { crc32 } from 'node:zlib';
import { EngineError } from '../core/engine-error.ts';
import { checkRange } from '../core/bounds.ts';
import { raw, struct, u16le, u32le, u64le, u8 } from '../core/struct.ts';

export const PACK_MAGIC = Buffer.from('DPPACK01', 'latin1');
export const FRAME_MAGIC = 0x52465044; // 'DPFR'
export const PACK_END_MAGIC = Buffer.from('DPPKEND1', 'latin1');

export const CODEC_STORED = 0;
export const CODEC_ZSTD = 1;

export const HASH_BYTES = 32;
/** Uncompressed bytes in a frame: it is written when it has this many, so it never holds more than this and one chunk. */
export const FRAME_TARGET_BYTES = 4 * 1024 * 1024;
export const MAX_FRAME_RAW_BYTES = 5 * 1024 * 1024;
/** what does not shrink is stored as it is */
export const MAX_FRAME_STORED_BYTES = MAX_FRAME_RAW_BYTES;
/** chunks of one sector each would fill a frame with 10,240 */
export const MAX_FRAME_CHUNKS = 16_384;

export const packHeader = struct(32, { magic: raw(0, 8), packId: raw(8, 16), reserved: u64le(24) });
export const packEnd = struct(16, { magic: raw(0, 8), frameCount: u32le(8), crc: u32le(12) });
export const frameHeader = struct(32, {
  magic: u32le(0),
  codec: u8(4),
  reserved: u8(5),
  version: u16le(6),
  chunkCount: u32le(8),
  rawBytes: u32le(12),
  storedBytes: u32le(16),
  payloadCrc: u32le(20),
  /** CRC-32 of bytes 0..23 of this header and of the chunk table */
  tableCrc: u32le(24),
  reserved2: u32le(28),
});
/** One entry of a frame's chunk table: SHA-256 of the chunk, and its length. */
export const CHUNK_ENTRY_BYTES = HASH_BYTES + 4;

/** A frame that is ready to be written. */
export interface Frame {
  readonly codec: number;
  readonly rawBytes: number;
  /** chunk table: {@link CHUNK_ENTRY_BYTES} each */
  readonly table: Uint8Array;
  readonly payload: Uint8Array;
  /** CRC-32 of the payload, taken where it was made: what happens to it on the way to the disk is found when it is read back */
  readonly payloadCrc: number;
}

/** Header and chunk table of a frame, as they go before its payload. */
export function encodeFrameHead(frame: Frame): Buffer {
  const head = Buffer.alloc(frameHeader.size + frame.table.length);
  frameHeader.write(head, {
    magic: FRAME_MAGIC,
    codec: frame.codec,
    version: 1,
    chunkCount: frame.table.length / CHUNK_ENTRY_BYTES,
    rawBytes: frame.rawBytes,
    storedBytes: frame.payload.length,
    payloadCrc: frame.payloadCrc,
  });
  head.set(frame.table, frameHeader.size);
  frameHeader.write(head, { tableCrc: tableCrc(head) });
  return head;
}

function tableCrc(head: Buffer): number {
  return crc32(head.subarray(frameHeader.size), crc32(head.subarray(0, 24)));
}

/** What a head says of itself and of all that belongs to it: checksums of the table and of the payload go into it. */
export const headSum = (head: Buffer): number => frameHeader.read(head).tableCrc;

export interface FrameHead {
  readonly codec: number;
  readonly chunkCount: number;
  readonly rawBytes: number;
  readonly storedBytes: number;
  readonly payloadCrc: number;
  /** bytes of header and table together */
  readonly headBytes: number;
}

/**
 * Reads a frame's header, checked against the caps; the table's checksum is checked by {@link decodeFrameTable}.
 * @throws EngineError `FORMAT_INVALID`
 */
export function decodeFrameHead(bytes: Buffer): FrameHead {
  const head = frameHeader.read(bytes);
  if (head.magic !== FRAME_MAGIC)
    throw new EngineError('FORMAT_INVALID', { field: 'frame magic', value: String(head.magic) });
  checkRange('frame codec', head.codec, CODEC_STORED, CODEC_ZSTD);
  checkRange('frame version', head.version, 1, 1);
  checkRange('frame chunk count', head.chunkCount, 1, MAX_FRAME_CHUNKS);
  checkRange('frame raw bytes', head.rawBytes, 1, MAX_FRAME_RAW_BYTES);
  checkRange('frame stored bytes', head.storedBytes, 1, MAX_FRAME_STORED_BYTES);
  return { ...head, headBytes: frameHeader.size + head.chunkCount * CHUNK_ENTRY_BYTES };
}

export interface FrameChunk {
  readonly hash: Buffer;
  readonly offset: number;
  readonly lengthBytes: number;
}

/**
 * @param head header and table, `headBytes` long
 * @throws EngineError `FORMAT_INVALID` where the checksum is wrong or the lengths do not add up
 */
export function decodeFrameTable(head: Buffer): FrameChunk[] {
  const header = frameHeader.read(head);
  if (tableCrc(head) !== header.tableCrc) throw new EngineError('FORMAT_INVALID', { field: 'frame table checksum' });
  const chunks: FrameChunk[] = [];
  let offset = 0;
  for (let at = frameHeader.size; at < head.length; at += CHUNK_ENTRY_BYTES) {
    const lengthBytes = checkRange('chunk length', head.readUInt32LE(at + HASH_BYTES), 1, header.rawBytes - offset);
    chunks.push({ hash: head.subarray(at, at + HASH_BYTES), offset, lengthBytes });
    offset += lengthBytes;
  }
  checkRange('frame chunk lengths', offset, header.rawBytes, header.rawBytes);
  return chunks;
}
