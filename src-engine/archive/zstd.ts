/**
 * Unpacks zstd, frame after frame (RFC 8878 3.1). Node's decompressor stops at the end of the first frame of what it is given at once, without
 * a word: here it gets one frame at a time, and the ends of frames are found by walking their blocks.
 */
import { constants, createZstdDecompress } from 'node:zlib';
import { pipeline } from 'node:stream/promises';
import { EngineError } from '../core/engine-error.ts';
import { damagedStream, type StreamReader } from './stream-reader.ts';

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
/** What libzstd can hold, and what `zstd --ultra --long=31` needs. */
const MAX_WINDOW_LOG = 31;
/** Frames go on in pieces of about this length. */
const PIECE_BYTES = 512 * 1024;
const OUTPUT_BYTES = 256 * 1024;
/** Of the types of blocks. */
const [RLE, RESERVED] = [1, 3];

/**
 * @returns the content; where the generator ends, how many bytes lie behind the stream: none, since zstd takes none
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for frames that need a dictionary, or more memory than there is
 */
export async function* unpackZstd(reader: StreamReader): AsyncGenerator<Uint8Array, number> {
  const unpacker = createZstdDecompress({
    chunkSize: OUTPUT_BYTES,
    params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
  });
  let givenBytes = 0;
  const pieces = frames(reader);
  const first = await pieces.next();
  // frames that are skipped are nothing, which Node would call incomplete
  if (first.done) return 0;
  async function* counted() {
    for (let next: IteratorResult<Buffer> = first; !next.done; next = await pieces.next()) {
      givenBytes += next.value.length;
      yield next.value;
    }
  }
  const fed = pipeline(counted(), unpacker);
  fed.catch(() => {});
  yield* unpacker as AsyncIterable<Buffer>;
  await fed;
  if (unpacker.bytesWritten !== givenBytes) throw damagedStream('zstd stream', 'ended early');
  return 0;
}

/** @returns frames in pieces, none of which holds bytes of two frames; what is to be skipped is left out */
async function* frames(reader: StreamReader): AsyncGenerator<Buffer> {
  for (;;) {
    const magic = await reader.takeOrEnd(4);
    if (magic === null) return;
    const number = magic.readUInt32LE(0);
    if (number === FRAME_MAGIC) yield* frame(reader, magic);
    else if ((number & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) await reader.skip((await reader.take(4)).readUInt32LE(0));
    else throw damagedStream('behind the zstd stream', magic.toString('hex'));
  }
}

async function* frame(reader: StreamReader, magic: Buffer): AsyncGenerator<Buffer> {
  const { bytes, hasChecksum } = await frameHeader(reader);
  let parts = [magic, bytes];
  let length = 0;
  for (let isLast = false; !isLast;) {
    const header = await reader.take(3);
    const word = header.readUIntLE(0, 3);
    isLast = (word & 1) === 1;
    const type = (word >>> 1) & 3;
    if (type === RESERVED) throw damagedStream('zstd block type', type);
    const block = await reader.take(type === RLE ? 1 : word >>> 3);
    parts.push(header, block);
    length += block.length;
    if (length >= PIECE_BYTES) {
      yield Buffer.concat(parts);
      parts = [];
      length = 0;
    }
  }
  if (hasChecksum) parts.push(await reader.take(4));
  if (parts.length > 0) yield Buffer.concat(parts);
}

/** What follows the magic number, up to the first block. */
async function frameHeader(reader: StreamReader): Promise<{ bytes: Buffer; hasChecksum: boolean }> {
  const descriptor = await reader.take(1);
  const flags = descriptor[0];
  const isSingleSegment = (flags & 0x20) !== 0;
  const windowBytes = isSingleSegment ? 0 : 1;
  const dictionaryBytes = [0, 1, 2, 4][flags & 3];
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][flags >>> 6];
  const rest = await reader.take(windowBytes + dictionaryBytes + sizeBytes);
  const dictionary = dictionaryBytes === 0 ? 0 : rest.readUIntLE(windowBytes, dictionaryBytes);
  if (dictionary !== 0) throw new EngineError('FORMAT_UNSUPPORTED', { feature: `zstd dictionary ${dictionary}` });
  const sizeAt = windowBytes + dictionaryBytes;
  const contentBytes =
    sizeBytes === 8
      ? Number(rest.readBigUInt64LE(sizeAt))
      : sizeBytes === 0
        ? Infinity
        : rest.readUIntLE(sizeAt, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  checkMemory(isSingleSegment ? contentBytes : windowIn(rest[0]), contentBytes);
  return { bytes: Buffer.concat([descriptor, rest]), hasChecksum: (flags & 4) !== 0 };
}

/** RFC 8878 3.1.1.1.2 */
function windowIn(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >>> 3));
  return base + (base / 8) * (descriptor & 7);
}

/** A frame's window is held in memory while it is unpacked. */
function checkMemory(windowBytes: number, contentBytes: number): void {
  const requiredBytes = Math.min(windowBytes, contentBytes);
  if (windowBytes > 2 ** MAX_WINDOW_LOG || requiredBytes > process.availableMemory()) {
    const feature = `zstd window of ${Math.ceil(windowBytes / 2 ** 20)} MiB`;
    throw new EngineError('FORMAT_UNSUPPORTED', { feature, requiredBytes });
  }
}
