/**
 * Android sparse images: chunks of a disk, those that are filled with one word, and those that nobody cares for. Android Open
 * Source Project, system/core, libsparse/sparse_format.h. What is not cared for reads as zeros, as `simg2img` leaves it.
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u32le } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readCache } from '../../disk/read-cache.ts';
import { readBytes } from '../../disk/read.ts';
import type { RecogniseImage } from '../disk-image.port.ts';
import type { ImageMap, Piece } from '../image-map.port.ts';
import { mappedImage } from '../mapped-image.ts';
import { PieceList } from '../piece-list.ts';
import { checkInFile } from '../truncated.ts';
import { checkSums, type SparseSum } from './sums.ts';

const MAGIC = 0xed26ff3a;

const sparseHeader = struct(28, {
  magic: u32le(0),
  majorVersion: u16le(4),
  minorVersion: u16le(6),
  headerBytes: u16le(8),
  chunkHeaderBytes: u16le(10),
  blockBytes: u32le(12),
  totalBlocks: u32le(16),
  totalChunks: u32le(20),
  imageChecksum: u32le(24),
});

const chunkHeader = struct(12, { type: u16le(0), blocks: u32le(4), totalBytes: u32le(8) });
const CHUNK = { RAW: 0xcac1, FILL: 0xcac2, DONT_CARE: 0xcac3, CRC32: 0xcac4 } as const;

const BLOCK_BYTES_MAX = 64 * 1024 * 1024;
/** A chunk for every other block of 32 GiB. */
const CHUNKS_MAX = 4 * 1024 * 1024;
/** Headers of chunks lie between the data: small pieces of the file are kept. */
const HEADER_CACHE_BYTES = 1024 * 1024;

interface Chunk {
  readonly startBytes: number;
  readonly lengthBytes: number;
  readonly file: BlockSource;
  readonly offsetBytes: number;
}

/** @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`; `FORMAT_UNSUPPORTED` for later versions */
export const recogniseAndroidSparse: RecogniseImage = async (file, { signal, path }) => {
  if (file.lengthBytes < sparseHeader.size) return null;
  const header = sparseHeader.read(await readBytes(file, 0, sparseHeader.size));
  if (header.magic !== MAGIC) return null;
  if (header.majorVersion !== 1) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `Android sparse version ${header.majorVersion}` });
  }
  checkRange('file_hdr_sz', header.headerBytes, sparseHeader.size, 4096);
  checkRange('chunk_hdr_sz', header.chunkHeaderBytes, chunkHeader.size, 4096);
  checkRange('blk_sz', header.blockBytes, 4, BLOCK_BYTES_MAX);
  if (header.blockBytes % 4 !== 0) {
    throw new EngineError('FORMAT_INVALID', { field: 'blk_sz', value: String(header.blockBytes) });
  }
  checkRange('total_chunks', header.totalChunks, 0, CHUNKS_MAX);
  const { chunks, sums } = await readChunks(file, header, signal);
  const source = mappedImage({
    map: chunkMap(chunks, header.totalBlocks * header.blockBytes),
    parent: null,
    owned: [file],
  });
  return {
    format: 'android-sparse',
    variant: `version 1.${header.minorVersion}`,
    source,
    identity: null,
    dependsOn: [],
    verify: sums.length > 0 ? (context) => checkSums(source, sums, path, context) : null,
  };
};

async function readChunks(
  file: BlockSource,
  header: ReturnType<typeof sparseHeader.read>,
  signal: AbortSignal,
): Promise<{ chunks: Chunk[]; sums: SparseSum[] }> {
  const { blockBytes, chunkHeaderBytes, totalBlocks } = header;
  const headers = readCache(file, HEADER_CACHE_BYTES);
  const chunks: Chunk[] = [];
  let at = header.headerBytes;
  let blocks = 0;
  const sums: SparseSum[] = [];
  for (let i = 0; i < header.totalChunks; i++) {
    if (i % 1024 === 0) signal.throwIfAborted();
    checkInFile('chunk', file, at, chunkHeaderBytes);
    const chunk = chunkHeader.read(await readBytes(headers, at, chunkHeader.size));
    const lengthBytes = chunk.blocks * blockBytes;
    const place = { startBytes: blocks * blockBytes, lengthBytes };
    const dataAt = at + chunkHeaderBytes;
    const dataBytes = dataBytesOf(chunk.type, lengthBytes, i);
    if (chunk.totalBytes !== chunkHeaderBytes + dataBytes) {
      throw new EngineError('FORMAT_INVALID', { field: `total_sz of chunk ${i}`, value: String(chunk.totalBytes) });
    }
    checkInFile('chunk', file, dataAt, dataBytes);
    if (chunk.type === CHUNK.CRC32) {
      const crc = (await readBytes(headers, dataAt, 4)).readUInt32LE(0);
      sums.push({ field: `CRC32 of chunk ${i}`, endBytes: place.startBytes, crc });
    } else {
      blocks += chunk.blocks;
      checkSpan('chunk_sz', place.startBytes, lengthBytes, totalBlocks * blockBytes);
    }
    if (chunk.type === CHUNK.RAW && lengthBytes > 0) chunks.push({ ...place, file, offsetBytes: dataAt });
    else if (chunk.type === CHUNK.FILL && lengthBytes > 0) {
      const word = await readBytes(headers, dataAt, 4);
      const isZero = word.readUInt32LE(0) === 0;
      if (!isZero) chunks.push({ ...place, file: filledSource(word, lengthBytes), offsetBytes: 0 });
    }
    at = dataAt + dataBytes;
  }
  // a piece of an image that was cut for a bootloader tells of the whole, and holds less
  if (blocks !== totalBlocks) {
    throw new EngineError('FORMAT_INVALID', { field: 'total_blks', value: String(totalBlocks), max: blocks });
  }
  // tools that compute none write 0
  if (header.imageChecksum !== 0)
    sums.push({ field: 'image_checksum', endBytes: totalBlocks * blockBytes, crc: header.imageChecksum });
  return { chunks, sums };
}

function dataBytesOf(type: number, lengthBytes: number, index: number): number {
  if (type === CHUNK.RAW) return lengthBytes;
  if (type === CHUNK.FILL || type === CHUNK.CRC32) return 4;
  if (type === CHUNK.DONT_CARE) return 0;
  throw new EngineError('FORMAT_INVALID', { field: `chunk_type of chunk ${index}`, value: `0x${type.toString(16)}` });
}

/** One word of four bytes, over and over. */
function filledSource(word: Buffer, lengthBytes: number): BlockSource {
  return {
    lengthBytes,
    sectorBytes: 512,
    physicalSectorBytes: 512,
    async readInto(offsetBytes, into) {
      checkSpan('read', offsetBytes, into.length, lengthBytes);
      const turn = offsetBytes % 4;
      Buffer.from(into.buffer, into.byteOffset, into.length).fill(
        Buffer.concat([word.subarray(turn), word.subarray(0, turn)]),
      );
    },
    async close() {},
  };
}

function chunkMap(chunks: readonly Chunk[], lengthBytes: number): ImageMap {
  return {
    lengthBytes,
    clusterBytes: 4096,
    async pieces(startBytes, wantedBytes): Promise<Piece[]> {
      const list = new PieceList();
      const endBytes = startBytes + wantedBytes;
      let at = startBytes;
      for (let i = firstEndingBehind(chunks, at); at < endBytes && !list.isLong; i++) {
        const chunk = chunks[i];
        const hole = Math.min(chunk?.startBytes ?? lengthBytes, endBytes) - at;
        if (hole > 0) list.zeros(hole);
        at += Math.max(0, hole);
        if (!chunk || at === endBytes) break;
        const skip = at - chunk.startBytes;
        const length = Math.min(chunk.lengthBytes - skip, endBytes - at);
        list.stored(chunk.file, chunk.offsetBytes + skip, length);
        at += length;
      }
      return list.pieces;
    },
  };
}

/** @returns the index of the first chunk that ends behind a place; `chunks.length` where none does */
function firstEndingBehind(chunks: readonly Chunk[], at: number): number {
  let low = 0;
  let high = chunks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (chunks[middle].startBytes + chunks[middle].lengthBytes > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
