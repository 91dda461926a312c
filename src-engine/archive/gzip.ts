/** Unpacks gzip, member after member (RFC 1952). What follows the last one is judged as gzip does, which `createGunzip` does not. */
import { crc32, createInflateRaw } from 'node:zlib';
import { damagedStream, type StreamReader } from './stream-reader.ts';
import { readTail } from './stream-tail.ts';

const MAGIC = Buffer.from('1f8b', 'hex');
const DEFLATE = 8;
/** Of the header's flags. */
const [HEADER_CRC, EXTRA, NAME, COMMENT, RESERVED] = [2, 4, 8, 16, 0xe0];
/** Of a name or a comment. */
const MAX_TEXT_BYTES = 64 * 1024;
const OUTPUT_BYTES = 256 * 1024;

/**
 * @returns the content; where the generator ends, how many bytes that are no zeros lie behind the stream
 * @throws EngineError `FORMAT_INVALID` where a member is damaged or cut off
 */
export async function* unpackGzip(reader: StreamReader): AsyncGenerator<Uint8Array, number> {
  for (let members = 0; ; members++) {
    const magic = await reader.peek(2);
    // gzip itself takes one byte for the beginning of a member
    if (magic.length === 1 && magic[0] !== 0) throw damagedStream('gzip stream', 'cut off');
    if (members > 0 && !magic.equals(MAGIC)) return readTail(reader, 'gzip');
    await skipHeader(reader);
    let sum = 0;
    let length = 0;
    for await (const piece of inflate(reader)) {
      sum = crc32(piece, sum);
      length += piece.length;
      yield piece;
    }
    const trailer = await reader.take(8);
    if (trailer.readUInt32LE(0) !== sum) throw damagedStream('gzip checksum', trailer.readUInt32LE(0));
    if (trailer.readUInt32LE(4) !== length % 2 ** 32) throw damagedStream('gzip length', trailer.readUInt32LE(4));
  }
}

async function skipHeader(reader: StreamReader): Promise<void> {
  let sum = 0;
  const take = async (length: number) => {
    const bytes = await reader.take(length);
    sum = crc32(bytes, sum);
    return bytes;
  };
  const header = await take(10);
  const flags = header[3];
  if (header[2] !== DEFLATE) throw damagedStream('gzip method', header[2]);
  if (flags & RESERVED) throw damagedStream('gzip flags', flags);
  if (flags & EXTRA) await take((await take(2)).readUInt16LE(0));
  for (const _text of [NAME, COMMENT].filter((flag) => flags & flag)) {
    const head = await reader.peek(MAX_TEXT_BYTES);
    const end = head.indexOf(0);
    if (end < 0) throw damagedStream('gzip header', 'no end');
    await take(end + 1);
  }
  const told = sum & 0xffff;
  if (flags & HEADER_CRC && (await reader.take(2)).readUInt16LE(0) !== told) throw damagedStream('gzip header', told);
}

/** One deflated stream, to its very end: what was read behind it is put back. */
async function* inflate(reader: StreamReader): AsyncGenerator<Buffer> {
  const unpacker = createInflateRaw({ chunkSize: OUTPUT_BYTES });
  let fedBytes = 0;
  let last: Buffer = Buffer.alloc(0);
  /** One piece at a time, since what zlib leaves of the last one lies behind the end. */
  const feed = async () => {
    for (let piece = await reader.some(); piece !== null; piece = await reader.some()) {
      last = piece;
      fedBytes += piece.length;
      await new Promise<void>((resolve, reject) =>
        unpacker.write(piece, (error) => (error ? reject(error) : resolve())),
      );
      if (unpacker.bytesWritten < fedBytes) return;
    }
    unpacker.end();
  };
  feed().catch((error: Error) => unpacker.destroy(error));
  yield* unpacker as AsyncIterable<Buffer>;
  reader.putBack(last.subarray(last.length - (fedBytes - unpacker.bytesWritten)));
}
