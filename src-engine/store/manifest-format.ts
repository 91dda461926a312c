/**
 * Manifests: what a version consists of. One file for each version: records of windows (which bytes are used, which chunks
 * they are), then what is known of the version as JSON, then an index, so that any window can be found at once.
 * Byte tables: FORMAT.md, "Manifests".
 */
import { crc32 } from 'node:zlib';
import { checkRange } from '../core/bounds.ts';
import { EngineError } from '../core/engine-error.ts';
import { raw, struct, u16le, u32le, u64le } from '../core/struct.ts';
import { MAX_CHUNK_BYTES, WINDOW_BYTES } from './chunking.ts';
import { HASH_BYTES } from './pack-format.ts';

export const MANIFEST_MAGIC = Buffer.from('DPMANIF1', 'latin1');
export const MANIFEST_END_MAGIC = Buffer.from('DPMFEND1', 'latin1');

/** Caps against lying counts: a window has at most this many runs and chunks of one sector each. */
const MAX_WINDOW_EXTENTS = WINDOW_BYTES / 512;
export const MAX_RECORD_BYTES = 32 + MAX_WINDOW_EXTENTS * 8 + MAX_WINDOW_EXTENTS * (HASH_BYTES + 4);
export const MAX_JSON_BYTES = 64 * 1024 * 1024;
/** 64 PiB of used windows */
export const MAX_RECORDS = 2 ** 33;

export const recordHeader = struct(32, {
  region: u16le(0),
  reserved: u16le(2),
  window: u64le(4),
  extentCount: u32le(12),
  chunkCount: u32le(16),
  /** CRC-32 of the header without this field, and of the record's body */
  crc: u32le(20),
  reserved2: u64le(24),
});

export const indexEntry = struct(18, { region: u16le(0), window: u64le(2), offset: u64le(10) });

export const manifestEnd = struct(64, {
  magic: raw(0, 8),
  jsonOffset: u64le(8),
  jsonBytes: u32le(16),
  indexCrc: u32le(20),
  indexOffset: u64le(24),
  recordCount: u64le(32),
  jsonCrc: u32le(40),
  reserved: u32le(44),
  reserved2: u64le(48),
  reserved3: u32le(56),
  /** CRC-32 of bytes 0..59 */
  crc: u32le(60),
});

/** Used runs and chunks of one window of a region. Zero chunks have a hash of 32 zero bytes. */
export interface WindowRecord {
  readonly region: number;
  readonly window: number;
  /** pairs (start, length) relative to the window */
  readonly extents: Uint32Array;
  readonly lengths: Uint32Array;
  /** {@link HASH_BYTES} for each chunk */
  readonly hashes: Uint8Array;
}

export function encodeRecord(record: WindowRecord): Buffer {
  const { extents, lengths, hashes } = record;
  const bytes = Buffer.alloc(recordHeader.size + extents.byteLength + lengths.byteLength + hashes.byteLength);
  let at = recordHeader.size;
  for (const value of extents) at = bytes.writeUInt32LE(value, at);
  for (const value of lengths) at = bytes.writeUInt32LE(value, at);
  bytes.set(hashes, at);
  recordHeader.write(bytes, {
    region: record.region,
    window: BigInt(record.window),
    extentCount: extents.length / 2,
    chunkCount: lengths.length,
  });
  recordHeader.write(bytes, { crc: recordCrc(bytes) });
  return bytes;
}

function recordCrc(bytes: Buffer): number {
  return crc32(bytes.subarray(24), crc32(bytes.subarray(0, 20)));
}

/** @returns the length of the whole record, checked @throws EngineError `FORMAT_INVALID` */
export function recordLength(header: Buffer): number {
  const { extentCount, chunkCount } = recordHeader.read(header);
  checkRange('extent count', extentCount, 1, MAX_WINDOW_EXTENTS);
  checkRange('chunk count', chunkCount, 1, MAX_WINDOW_EXTENTS);
  return recordHeader.size + extentCount * 8 + chunkCount * (HASH_BYTES + 4);
}

/** @throws EngineError `FORMAT_INVALID` where the checksum is wrong, runs leave the window, or lengths do not add up */
export function decodeRecord(bytes: Buffer): WindowRecord {
  const header = recordHeader.read(bytes);
  if (recordCrc(bytes) !== header.crc) throw new EngineError('FORMAT_INVALID', { field: 'record checksum' });
  const extents = new Uint32Array(header.extentCount * 2);
  const lengths = new Uint32Array(header.chunkCount);
  let at = recordHeader.size;
  let used = 0;
  for (let i = 0, end = 0; i < extents.length; i += 2, at += 8) {
    extents[i] = checkRange('extent start', bytes.readUInt32LE(at), end, WINDOW_BYTES);
    extents[i + 1] = checkRange('extent length', bytes.readUInt32LE(at + 4), 1, WINDOW_BYTES - extents[i]);
    end = extents[i] + extents[i + 1];
    used += extents[i + 1];
  }
  let chunked = 0;
  for (let i = 0; i < lengths.length; i++, at += 4) {
    lengths[i] = checkRange('chunk length', bytes.readUInt32LE(at), 1, WINDOW_BYTES);
    chunked += lengths[i];
  }
  checkRange('chunk lengths', chunked, used, used);
  // a copy: the record goes to other threads, and would take the whole read buffer along
  const hashes = Uint8Array.from(bytes.subarray(at, at + header.chunkCount * HASH_BYTES));
  for (let i = 0; i < lengths.length; i++) {
    if (!isZeroHash(hashes, i)) checkRange('chunk length', lengths[i], 1, MAX_CHUNK_BYTES + WINDOW_BYTES / 64);
  }
  return { region: header.region, window: Number(header.window), extents, lengths, hashes };
}

/** Whether chunk `i` is zeros. */
export function isZeroHash(hashes: Uint8Array, i: number): boolean {
  for (let b = i * HASH_BYTES; b < (i + 1) * HASH_BYTES; b++) if (hashes[b] !== 0) return false;
  return true;
}
