/**
 * Unpacks LZMA streams: those of the old `lzma` format, and what lzip keeps in its members. Source: LZMA specification (7-Zip's SDK,
 * lzma-specification.txt), and xz, doc/lzma-file-format.txt.
 */
import { EngineError } from '../core/engine-error.ts';
import { damagedStream, type StreamReader } from './stream-reader.ts';

export interface LzmaProperties {
  readonly literalContextBits: number;
  readonly literalPositionBits: number;
  readonly positionBits: number;
  readonly dictionaryBytes: number;
  /** null: a marker says where the end is */
  readonly lengthBytes: number | null;
}

const HEADER_BYTES = 13;
const MAX_CONTENT_BYTES = 2 ** 38;
const MIN_DICTIONARY_BYTES = 4096;
/** `lzma -9` has 64 MiB, lzip at most 512. */
const MAX_DICTIONARY_BYTES = 2 ** 30;
const UNKNOWN_LENGTH = 0xffffffffffffffffn;

/** The format has no signature: what its fields may be is as good as one. As xz tells it. */
export function isLzmaHeader(head: Buffer): boolean {
  if (head.length <= HEADER_BYTES || propertiesIn(head) === null) return false;
  const dictionary = head.readUInt32LE(1);
  const bit = 2 ** Math.floor(Math.log2(dictionary || 1));
  const isRound = dictionary === 0xffffffff || dictionary === bit || dictionary === bit + bit / 2;
  // the range coder begins with a zero
  return dictionary >= MIN_DICTIONARY_BYTES && isRound && head[HEADER_BYTES] === 0;
}

function propertiesIn(head: Buffer): LzmaProperties | null {
  const [positionBits, rest] = [Math.floor(head[0] / 45), head[0] % 45];
  const [literalPositionBits, literalContextBits] = [Math.floor(rest / 9), rest % 9];
  const length = head.readBigUInt64LE(5);
  const lengthBytes = length === UNKNOWN_LENGTH ? null : Number(length);
  const isPossible =
    positionBits <= 4 && literalContextBits + literalPositionBits <= 4 && (lengthBytes ?? 0) < MAX_CONTENT_BYTES;
  const dictionaryBytes = Math.max(head.readUInt32LE(1), MIN_DICTIONARY_BYTES);
  return isPossible ? { literalContextBits, literalPositionBits, positionBits, dictionaryBytes, lengthBytes } : null;
}

/**
 * @returns the content; where the generator ends, how many bytes lie behind the stream: none, since nothing may follow it
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for dictionaries that need too much memory
 */
export async function* unpackLzma(reader: StreamReader): AsyncGenerator<Buffer, number> {
  const properties = propertiesIn(await reader.take(HEADER_BYTES));
  if (!properties) throw damagedStream('lzma header', 'properties');
  yield* decodeLzma(reader, properties);
  const behind = await reader.peek(1);
  if (behind.length > 0) throw damagedStream('behind the lzma stream', behind.toString('hex'));
  return 0;
}

/** Bytes that one symbol takes at most. */
const SYMBOL_BYTES = 24;
const MAX_MATCH_BYTES = 273;
const OUTPUT_BYTES = 256 * 1024;
const [FULL_DISTANCES, END_MARKER] = [128, 0xffffffff];
const STATES = 12;

/** Where the probabilities of each kind begin in the one table of them. */
const IS_MATCH = 0;
const IS_REP = IS_MATCH + (STATES << 4);
const IS_REP_0 = IS_REP + STATES;
const IS_REP_1 = IS_REP_0 + STATES;
const IS_REP_2 = IS_REP_1 + STATES;
const IS_REP_0_LONG = IS_REP_2 + STATES;
const SLOTS = IS_REP_0_LONG + (STATES << 4);
const SPECIAL = SLOTS + 4 * 64;
const ALIGN = SPECIAL + 1 + FULL_DISTANCES - 14;
const LENGTHS = ALIGN + 16;
/** choices, 16 low trees of 8, 16 middle trees of 8, one high tree of 256 */
const [LENGTH_LOW, LENGTH_MIDDLE, LENGTH_HIGH, LENGTH_SIZE] = [2, 130, 258, 514];
const REP_LENGTHS = LENGTHS + LENGTH_SIZE;
const LITERALS = REP_LENGTHS + LENGTH_SIZE;

/**
 * Reads to the very end of the stream: what follows is left to the reader.
 * @throws as {@link unpackLzma}
 */
export async function* decodeLzma(reader: StreamReader, properties: LzmaProperties): AsyncGenerator<Buffer> {
  const { dictionaryBytes, lengthBytes } = properties;
  const windowBytes = Math.min(dictionaryBytes, Math.max(lengthBytes ?? Infinity, MIN_DICTIONARY_BYTES));
  if (windowBytes > MAX_DICTIONARY_BYTES) {
    throw new EngineError('FORMAT_UNSUPPORTED', {
      feature: `lzma dictionary of ${Math.ceil(windowBytes / 2 ** 20)} MiB`,
    });
  }
  const decoder = new Decoder(properties, windowBytes);
  decoder.begin(await reader.take(5));
  for (;;) {
    const piece = await reader.some();
    decoder.feed(piece);
    for (let content = decoder.run(); content !== null; content = decoder.run()) yield content;
    if (decoder.isAtEnd) return reader.putBack(decoder.left());
    if (piece === null) throw damagedStream('lzma stream', 'cut off');
  }
}

class Decoder {
  isAtEnd = false;
  readonly #probabilities: Uint16Array;
  readonly #window: Buffer;
  readonly #lengthBytes: number;
  readonly #hasLength: boolean;
  readonly #literalMask: number;
  readonly #literalBits: number;
  readonly #contextBits: number;
  readonly #positionMask: number;
  #input: Buffer = Buffer.alloc(0);
  #at = 0;
  #hasMore = true;
  #range = 0xffffffff;
  #code = 0;
  #state = 0;
  #reps = [0, 0, 0, 0];
  /** content so far, and how much of it was handed over */
  #written = 0;
  #given = 0;
  #to = 0;

  constructor(properties: LzmaProperties, windowBytes: number) {
    this.#contextBits = properties.literalContextBits;
    this.#literalBits = properties.literalPositionBits;
    this.#literalMask = (1 << properties.literalPositionBits) - 1;
    this.#positionMask = (1 << properties.positionBits) - 1;
    this.#hasLength = properties.lengthBytes !== null;
    this.#lengthBytes = properties.lengthBytes ?? Infinity;
    this.#window = Buffer.alloc(windowBytes);
    this.#probabilities = new Uint16Array(LITERALS + (0x300 << (this.#contextBits + this.#literalBits))).fill(1024);
  }

  begin(bytes: Buffer): void {
    this.#code = bytes.readUInt32BE(1);
    if (bytes[0] !== 0 || this.#code === 0xffffffff) throw damagedStream('lzma stream', 'first bytes');
  }

  /** @param piece null: there is no more */
  feed(piece: Buffer | null): void {
    if (piece === null) this.#hasMore = false;
    else this.#input = this.#at === this.#input.length ? piece : Buffer.concat([this.left(), piece]);
    if (piece !== null) this.#at = 0;
  }

  left(): Buffer {
    return this.#input.subarray(this.#at);
  }

  /** @returns more of the content; null where it is at its end, or wants to be fed */
  run(): Buffer | null {
    const { length: windowBytes } = this.#window;
    const untilEnd = windowBytes - (this.#given % windowBytes);
    // the last match may go on past this: it must not reach what was not handed over
    const stopAt = this.#given + Math.min(OUTPUT_BYTES, untilEnd, windowBytes - MAX_MATCH_BYTES);
    while (!this.isAtEnd && this.#written < stopAt) {
      if (this.#hasMore && this.#input.length - this.#at < SYMBOL_BYTES) break;
      if (this.#written === this.#lengthBytes && this.#code === 0) this.isAtEnd = true;
      else this.#symbol();
    }
    const from = this.#given % this.#window.length;
    const length = Math.min(this.#written - this.#given, this.#window.length - from);
    if (length === 0) return null;
    this.#given += length;
    return Buffer.from(this.#window.subarray(from, from + length));
  }

  #symbol(): void {
    const position = this.#written & this.#positionMask;
    const state = this.#state;
    if (this.#bit(IS_MATCH + (state << 4) + position) === 0) return this.#literal();
    let length: number;
    if (this.#bit(IS_REP + state) === 0) {
      length = this.#length(LENGTHS, position);
      const distance = this.#distance(Math.min(length, 3));
      if (distance === END_MARKER) return this.#end();
      this.#reps = [distance, this.#reps[0], this.#reps[1], this.#reps[2]];
      this.#state = state < 7 ? 7 : 10;
    } else {
      if (this.#bit(IS_REP_0 + state) === 0) {
        if (this.#bit(IS_REP_0_LONG + (state << 4) + position) === 0) {
          this.#state = state < 7 ? 9 : 11;
          return this.#copy(1);
        }
      } else this.#takeRep(this.#bit(IS_REP_1 + state) === 0 ? 1 : 2 + this.#bit(IS_REP_2 + state));
      length = this.#length(REP_LENGTHS, position);
      this.#state = state < 7 ? 8 : 11;
    }
    this.#copy(length + 2);
  }

  #takeRep(index: number): void {
    const [distance] = this.#reps.splice(index, 1);
    this.#reps.unshift(distance);
  }

  #end(): void {
    if (this.#code !== 0 || (this.#hasLength && this.#written !== this.#lengthBytes)) {
      throw damagedStream('lzma stream', 'end marker');
    }
    this.isAtEnd = true;
  }

  #literal(): void {
    const before = this.#written === 0 ? 0 : this.#back(0);
    const context = ((this.#written & this.#literalMask) << this.#contextBits) + (before >>> (8 - this.#contextBits));
    const base = LITERALS + 0x300 * context;
    let symbol = 1;
    if (this.#state >= 7) {
      let match = this.#back(this.#reps[0]);
      while (symbol < 0x100) {
        const expected = (match >>> 7) & 1;
        match <<= 1;
        const bit = this.#bit(base + ((1 + expected) << 8) + symbol);
        symbol = (symbol << 1) | bit;
        if (expected !== bit) break;
      }
    }
    while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(base + symbol);
    this.#state = this.#state < 4 ? 0 : this.#state - (this.#state < 10 ? 3 : 6);
    this.#put(symbol & 0xff);
  }

  #length(base: number, position: number): number {
    if (this.#bit(base) === 0) return this.#tree(base + LENGTH_LOW + (position << 3), 3);
    if (this.#bit(base + 1) === 0) return 8 + this.#tree(base + LENGTH_MIDDLE + (position << 3), 3);
    return 16 + this.#tree(base + LENGTH_HIGH, 8);
  }

  #distance(lengthState: number): number {
    const slot = this.#tree(SLOTS + (lengthState << 6), 6);
    if (slot < 4) return slot;
    const bits = (slot >>> 1) - 1;
    const base = (2 | (slot & 1)) * 2 ** bits;
    if (slot < 14) return base + this.#reverseTree(SPECIAL + base - slot, bits);
    let direct = 0;
    for (let i = bits - 4; i > 0; i--) {
      this.#range >>>= 1;
      const isSet = this.#code >= this.#range;
      if (isSet) this.#code -= this.#range;
      direct = direct * 2 + (isSet ? 1 : 0);
      this.#normalise();
    }
    return base + direct * 16 + this.#reverseTree(ALIGN, 4);
  }

  #tree(base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(base: number, bits: number): number {
    let [symbol, result] = [1, 0];
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(base + symbol);
      symbol = (symbol << 1) | bit;
      result |= bit << i;
    }
    return result;
  }

  #bit(index: number): 0 | 1 {
    const probability = this.#probabilities[index];
    const bound = (this.#range >>> 11) * probability;
    let bit: 0 | 1 = 0;
    if (this.#code < bound) {
      this.#range = bound;
      this.#probabilities[index] = probability + ((2048 - probability) >>> 5);
    } else {
      this.#range -= bound;
      this.#code -= bound;
      this.#probabilities[index] = probability - (probability >>> 5);
      bit = 1;
    }
    this.#normalise();
    return bit;
  }

  #normalise(): void {
    if (this.#range >= 0x1000000) return;
    if (this.#at >= this.#input.length) throw damagedStream('lzma stream', 'cut off');
    this.#range = (this.#range << 8) >>> 0;
    this.#code = ((this.#code << 8) | this.#input[this.#at++]) >>> 0;
  }

  /** The byte that was written `distance` bytes before the last. */
  #back(distance: number): number {
    const at = this.#to - distance - 1;
    return this.#window[at < 0 ? at + this.#window.length : at];
  }

  #put(byte: number): void {
    if (this.#written >= this.#lengthBytes) throw damagedStream('lzma length', this.#lengthBytes);
    this.#window[this.#to] = byte;
    this.#to = this.#to + 1 === this.#window.length ? 0 : this.#to + 1;
    this.#written++;
  }

  #copy(length: number): void {
    const distance = this.#reps[0];
    if (distance >= this.#written || distance >= this.#window.length) throw damagedStream('lzma distance', distance);
    for (let i = 0; i < length; i++) this.#put(this.#back(distance));
  }
}
