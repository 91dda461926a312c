/** Unpacks lzip, member after member. Source: lzip's manual, "File format" and "Trailing data". */
import { crc32 } from 'node:zlib';
import { checkRange } from '../core/bounds.ts';
import { decodeLzma } from './lzma.ts';
import { damagedStream, type StreamReader } from './stream-reader.ts';
import { readTail } from './stream-tail.ts';

const MAGIC = Buffer.from('LZIP', 'latin1');
const HEADER_BYTES = 6;
const TRAILER_BYTES = 20;
const PROPERTIES = { literalContextBits: 3, literalPositionBits: 0, positionBits: 2, lengthBytes: null };

/**
 * @returns the content; where the generator ends, how many bytes that are no zeros lie behind the stream
 * @throws EngineError `FORMAT_INVALID` where a member is damaged or cut off
 */
export async function* unpackLzip(reader: StreamReader): AsyncGenerator<Buffer, number> {
  for (let members = 0; ; members++) {
    const magic = await reader.peek(MAGIC.length);
    if (members > 0 && !isMember(magic)) return readTail(reader, 'lzip');
    const startBytes = reader.positionBytes;
    const header = await reader.take(HEADER_BYTES);
    if (!magic.equals(MAGIC) || header[4] !== 1) throw damagedStream('lzip header', header.toString('hex'));
    const base = 2 ** checkRange('lzip dictionary', header[5] & 31, 12, 29);
    const dictionaryBytes = base - (base / 16) * (header[5] >>> 5);
    let sum = 0;
    let length = 0;
    for await (const piece of decodeLzma(reader, { ...PROPERTIES, dictionaryBytes })) {
      sum = crc32(piece, sum);
      length += piece.length;
      yield piece;
    }
    const trailer = await reader.take(TRAILER_BYTES);
    const memberBytes = reader.positionBytes - startBytes;
    if (trailer.readUInt32LE(0) !== sum) throw damagedStream('lzip checksum', trailer.readUInt32LE(0));
    if (trailer.readBigUInt64LE(4) !== BigInt(length)) throw damagedStream('lzip data size', length);
    if (trailer.readBigUInt64LE(12) !== BigInt(memberBytes)) throw damagedStream('lzip member size', memberBytes);
  }
}

/** What is nearly a member's beginning is a damaged one, or one that was cut off. */
function isMember(head: Buffer): boolean {
  const equal = [...head].filter((byte, i) => byte === MAGIC[i]).length;
  return equal > 1 || (head.length > 0 && head.length < MAGIC.length && equal === head.length);
}
