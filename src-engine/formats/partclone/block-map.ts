/** Which blocks of a file system a partclone image holds, and where: the n-th used block is the n-th in the image. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { bitmapEndV1, partcloneCrc, type PartcloneHeader } from './header.ts';

/** Counts are kept for groups of this many blocks. */
const GROUP_BLOCKS = 65_536;
const PIECE_BYTES = 4 * 1024 * 1024;
const MAGIC_V1 = Buffer.from('BiTmAgIc', 'latin1');

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length);

export class BlockMap {
  /** where the first block begins in the image */
  readonly dataBytes: number;
  readonly #bits: Uint8Array;
  readonly #before: Float64Array;
  readonly #blockCount: number;

  private constructor(bits: Uint8Array, blockCount: number, dataBytes: number) {
    this.#bits = bits;
    this.#blockCount = blockCount;
    this.dataBytes = dataBytes;
    this.#before = new Float64Array(Math.ceil(blockCount / GROUP_BLOCKS) + 1);
    for (let group = 0; group < this.#before.length - 1; group++) {
      const from = (group * GROUP_BLOCKS) / 8;
      this.#before[group + 1] = this.#before[group] + ones(bits, from, Math.min(from + GROUP_BLOCKS / 8, bits.length));
    }
  }

  /** @throws EngineError `FORMAT_INVALID` where the map is cut off, damaged, or says another count than the header */
  static async read(image: BlockSource, header: PartcloneHeader): Promise<BlockMap> {
    const bits = new Uint8Array(Math.ceil(header.blockCount / 8));
    const dataBytes = header.version === 1 ? await readV1(image, header, bits) : await readV2(image, header, bits);
    // what stands behind the last block in its byte is nobody's
    if (header.blockCount % 8 > 0) bits[bits.length - 1] &= (1 << (header.blockCount % 8)) - 1;
    const map = new BlockMap(bits, header.blockCount, dataBytes);
    const counted = map.#before.at(-1)!;
    if (counted !== header.usedBlocks) {
      throw new EngineError('FORMAT_INVALID', { field: 'used blocks', value: String(counted), min: header.usedBlocks });
    }
    return map;
  }

  isUsed(block: number): boolean {
    return ((this.#bits[block >>> 3] >>> (block & 7)) & 1) === 1;
  }

  /** How many used blocks come before `block`. */
  usedBefore(block: number): number {
    const group = Math.floor(block / GROUP_BLOCKS);
    const whole = ones(this.#bits, (group * GROUP_BLOCKS) / 8, block >>> 3);
    const rest = (block & 7) === 0 ? 0 : ONES[this.#bits[block >>> 3] & ((1 << (block & 7)) - 1)];
    return this.#before[group] + whole + rest;
  }

  /** The end of the run of blocks that are all used, or all unused, as `block` is. @param limit no further than this */
  runEnd(block: number, limit: number): number {
    const isUsed = this.isUsed(block);
    const whole = isUsed ? 0xff : 0;
    const end = Math.min(limit, this.#blockCount);
    let at = block + 1;
    while (at < end) {
      if ((at & 7) === 0 && this.#bits[at >>> 3] === whole) at += 8;
      else if (this.isUsed(at) === isUsed) at++;
      else break;
    }
    return Math.min(at, end);
  }
}

function ones(bits: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let i = from; i < to; i++) count += ONES[bits[i]];
  return count;
}

async function readV2(image: BlockSource, header: PartcloneHeader, bits: Uint8Array): Promise<number> {
  const end = header.headerBytes + bits.length;
  for (let at = 0; at < bits.length; at += PIECE_BYTES) {
    bits.set(await readBytes(image, header.headerBytes + at, Math.min(PIECE_BYTES, bits.length - at)), at);
  }
  const sum = (await readBytes(image, end, 4)).readUInt32LE(0);
  if (partcloneCrc(bits) !== sum) throw new EngineError('FORMAT_INVALID', { field: 'bitmap checksum' });
  return end + 4;
}

/** A byte for each block. Values other than 0 and 1 were written by a fault of partclone's, and are not stored, as it reads them itself. */
async function readV1(image: BlockSource, header: PartcloneHeader, bits: Uint8Array): Promise<number> {
  for (let at = 0; at < header.blockCount; at += PIECE_BYTES) {
    const piece = await readBytes(image, header.headerBytes + at, Math.min(PIECE_BYTES, header.blockCount - at));
    for (let i = 0; i < piece.length; i++) if (piece[i] === 1) bits[(at + i) >>> 3] |= 1 << (i & 7);
  }
  const end = header.headerBytes + header.blockCount;
  const { magic } = bitmapEndV1.read(await readBytes(image, end, bitmapEndV1.size));
  if (!magic.equals(MAGIC_V1)) throw new EngineError('FORMAT_INVALID', { field: 'bitmap signature' });
  return end + bitmapEndV1.size;
}
