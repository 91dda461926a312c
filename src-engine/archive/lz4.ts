/**
 * Unpacks LZ4 frames, which 7-Zip does not know and Clonezilla writes. Sources: lz4, doc/lz4_Frame_format.md 1.6.4 and
 * doc/lz4_Block_format.md.
 */
import { EngineError } from '../core/engine-error.ts';
import { checkRange } from '../core/bounds.ts';
import { damagedStream, type StreamReader } from './stream-reader.ts';
import { XxHash32, xxHash32 } from './xxhash32.ts';

const FRAME_MAGIC = 0x184d2204;
const LEGACY_MAGIC = 0x184c2102;
const SKIPPABLE_MAGIC = 0x184d2a50;
const LEGACY_BLOCK_BYTES = 8 * 1024 * 1024;
/** A block of the legacy format that could not be packed is a little longer than what is in it; a larger number begins something else. */
const MAX_LEGACY_BYTES = LEGACY_BLOCK_BYTES + Math.floor(LEGACY_BLOCK_BYTES / 255) + 16;
/** A match reaches this far back. */
const DICTIONARY_BYTES = 65_536;

/**
 * @returns the content, in pieces of at most 8 MiB; where the generator ends, how many bytes lie behind the stream: none, since lz4 takes none
 * @throws EngineError `FORMAT_INVALID` where it is no LZ4, damaged or cut off; `FORMAT_UNSUPPORTED` for dictionaries
 */
export async function* unpackLz4(reader: StreamReader): AsyncGenerator<Buffer, number> {
  for (let frames = 0; ; frames++) {
    const head = await reader.takeOrEnd(4);
    if (head === null) {
      if (frames > 0) return 0;
      throw invalid('magic', 'none');
    }
    const magic = head.readUInt32LE(0);
    if (magic === FRAME_MAGIC) yield* frame(reader);
    else if (magic === LEGACY_MAGIC) yield* legacy(reader);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) await reader.skip((await reader.take(4)).readUInt32LE(0));
    else throw damagedStream('behind the lz4 stream', head.toString('hex'));
  }
}

const invalid = (field: string, value: string | number) => damagedStream(`lz4 ${field}`, value);

function checkSum(field: string, bytes: Buffer, sum: number): void {
  if (bytes.readUInt32LE(0) !== sum) throw invalid(field, bytes.readUInt32LE(0));
}

async function* frame(reader: StreamReader): AsyncGenerator<Buffer> {
  const start = await reader.take(2);
  const [flags, descriptor] = start;
  if (flags >>> 6 !== 1) throw invalid('version', flags >>> 6);
  if (flags & 2 || descriptor & 0x8f) throw invalid('reserved bits', flags);
  if (flags & 1) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'lz4 dictionary' });
  const isLinked = (flags & 0x20) === 0;
  const hasBlockSum = (flags & 0x10) !== 0;
  const maxBlockBytes = 2 ** (8 + 2 * checkRange('lz4 block size', (descriptor >>> 4) & 7, 4, 7));
  const contentBytes = await reader.take(flags & 8 ? 8 : 0);
  const headerSum = (xxHash32(Buffer.concat([start, contentBytes])) >>> 8) & 0xff;
  if ((await reader.take(1))[0] !== headerSum) throw invalid('header checksum', headerSum);
  const contentSum = new XxHash32();
  let length = 0;
  let history = Buffer.alloc(0);
  for (;;) {
    const size = (await reader.take(4)).readUInt32LE(0);
    if (size === 0) break;
    const isStored = size >>> 31 === 1;
    const block = await reader.take(checkRange('lz4 block', size & 0x7fffffff, 0, maxBlockBytes));
    if (hasBlockSum) checkSum('block checksum', await reader.take(4), xxHash32(block));
    const content = isStored ? block : unpackBlock(block, history, maxBlockBytes);
    if (isLinked) history = tail(history, content);
    if (flags & 4) contentSum.update(content);
    length += content.length;
    yield content;
  }
  // a length of 0 counts as none told
  const told = contentBytes.length > 0 ? Number(contentBytes.readBigUInt64LE(0)) : 0;
  if (told !== 0 && told !== length) throw invalid('content size', told);
  if (flags & 4) checkSum('content checksum', await reader.take(4), contentSum.digest());
}

/** The format before frames: blocks of 8 MiB until the input ends, or another frame begins. */
async function* legacy(reader: StreamReader): AsyncGenerator<Buffer> {
  for (;;) {
    const head = await reader.peek(4);
    if (head.length === 4 && head.readUInt32LE(0) > MAX_LEGACY_BYTES) return;
    if ((await reader.takeOrEnd(4)) === null) return;
    const size = checkRange('lz4 block', head.readUInt32LE(0), 1, MAX_LEGACY_BYTES);
    yield unpackBlock(await reader.take(size), Buffer.alloc(0), LEGACY_BLOCK_BYTES);
  }
}

function tail(history: Buffer, content: Buffer): Buffer<ArrayBuffer> {
  if (content.length >= DICTIONARY_BYTES) return Buffer.from(content.subarray(content.length - DICTIONARY_BYTES));
  return Buffer.concat([history, content]).subarray(-DICTIONARY_BYTES);
}

/** @param history what came before, at most 64 KiB: matches may begin there */
function unpackBlock(block: Buffer, history: Buffer, maxBytes: number): Buffer {
  const out = Buffer.allocUnsafe(history.length + maxBytes);
  out.set(history);
  let to = history.length;
  let at = 0;

  const length = (nibble: number): number => {
    if (nibble < 15) return nibble;
    let sum = nibble;
    for (;;) {
      if (at >= block.length) throw invalid('length', 'cut off');
      const byte = block[at++];
      sum += byte;
      if (byte < 255) return sum;
    }
  };

  for (;;) {
    // the last thing in a block is literals
    if (at >= block.length) throw invalid('block', 'no end');
    const token = block[at++];
    const literals = length(token >>> 4);
    if (literals > block.length - at || literals > out.length - to) throw invalid('literals', literals);
    block.copy(out, to, at, at + literals);
    at += literals;
    to += literals;
    if (at === block.length) break;
    if (at + 2 > block.length) throw invalid('offset', 'cut off');
    const offset = block.readUInt16LE(at);
    at += 2;
    const match = length(token & 15) + 4;
    if (offset === 0 || offset > to || match > out.length - to) throw invalid('match', offset);
    // a match may overlap what it writes: then it repeats the bytes between
    if (offset >= match) out.copyWithin(to, to - offset, to - offset + match);
    else for (let i = 0; i < match; i++) out[to + i] = out[to + i - offset];
    to += match;
  }
  return out.subarray(history.length, to);
}
