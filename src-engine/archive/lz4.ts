/**
 * Unpacks LZ4 frames, which 7-Zip does not know and Clonezilla writes. Sources: lz4, doc/lz4_Frame_format.md 1.6.4 and
 * doc/lz4_Block_format.md. Checksums (xxHash-32) are not computed: what is unpacked has checksums of its own.
 */
import { EngineError } from '../core/engine-error.ts';
import { checkRange } from '../core/bounds.ts';

const FRAME_MAGIC = 0x184d2204;
const LEGACY_MAGIC = 0x184c2102;
const SKIPPABLE_MAGIC = 0x184d2a50;
const LEGACY_BLOCK_BYTES = 8 * 1024 * 1024;
/** A match reaches this far back. */
const DICTIONARY_BYTES = 65_536;

/**
 * @param input packed bytes, cut anywhere
 * @returns the content, in pieces of at most 8 MiB
 * @throws EngineError `FORMAT_INVALID` where it is no LZ4, damaged or cut off
 */
export async function* unpackLz4(input: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const bytes = new ByteReader(input);
  for (let frames = 0; ; frames++) {
    const head = await bytes.takeOrEnd(4);
    if (head === null) {
      if (frames > 0) return;
      throw invalid('magic', 'none');
    }
    const magic = head.readUInt32LE(0);
    if (magic === FRAME_MAGIC) yield* frame(bytes);
    else if (magic === LEGACY_MAGIC) return yield* legacy(bytes);
    else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) await bytes.skip((await bytes.take(4)).readUInt32LE(0));
    else throw invalid('magic', magic.toString(16));
  }
}

const invalid = (field: string, value: string | number) =>
  new EngineError('FORMAT_INVALID', { field: `lz4 ${field}`, value: String(value) });

async function* frame(bytes: ByteReader): AsyncGenerator<Buffer> {
  const [flags, descriptor] = await bytes.take(2);
  if (flags >>> 6 !== 1) throw invalid('version', flags >>> 6);
  if (flags & 1) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'lz4 dictionary' });
  const isLinked = (flags & 0x20) === 0;
  const hasBlockSum = (flags & 0x10) !== 0;
  const maxBlockBytes = 2 ** (8 + 2 * checkRange('lz4 block size', (descriptor >>> 4) & 7, 4, 7));
  // content size, where it is told, and the header's checksum
  await bytes.skip((flags & 8 ? 8 : 0) + 1);
  let history = Buffer.alloc(0);
  for (;;) {
    const size = (await bytes.take(4)).readUInt32LE(0);
    if (size === 0) break;
    const isStored = size >>> 31 === 1;
    const block = await bytes.take(checkRange('lz4 block', size & 0x7fffffff, 1, maxBlockBytes));
    if (hasBlockSum) await bytes.skip(4);
    const content = isStored ? block : unpackBlock(block, history, maxBlockBytes);
    if (isLinked) history = tail(history, content);
    yield content;
  }
  if (flags & 4) await bytes.skip(4);
}

/** The format before frames: blocks of 8 MiB until the input ends. */
async function* legacy(bytes: ByteReader): AsyncGenerator<Buffer> {
  for (;;) {
    const head = await bytes.takeOrEnd(4);
    if (head === null) return;
    const size = checkRange('lz4 block', head.readUInt32LE(0), 1, 2 * LEGACY_BLOCK_BYTES);
    yield unpackBlock(await bytes.take(size), Buffer.alloc(0), LEGACY_BLOCK_BYTES);
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

  while (at < block.length) {
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

/** Exact amounts out of pieces of any size. */
class ByteReader {
  readonly #input: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#input = input[Symbol.asyncIterator]();
  }

  /** @throws EngineError `FORMAT_INVALID` where the input ends before */
  async take(length: number): Promise<Buffer> {
    const bytes = await this.takeOrEnd(length);
    if (bytes === null) throw invalid('length', 'cut off');
    return bytes;
  }

  /** @returns null where the input has ended exactly here */
  async takeOrEnd(length: number): Promise<Buffer | null> {
    const pieces = [this.#rest];
    let have = this.#rest.length;
    while (have < length) {
      const { value, done } = await this.#input.next();
      if (done) {
        if (have === 0) return null;
        throw invalid('length', 'cut off');
      }
      pieces.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      have += value.byteLength;
    }
    const all = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    this.#rest = all.subarray(length);
    return all.subarray(0, length);
  }

  async skip(length: number): Promise<void> {
    for (let left = length; left > 0;) left -= (await this.take(Math.min(left, 1024 * 1024))).length;
  }
}
