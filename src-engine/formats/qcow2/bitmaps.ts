/**
 * What a qcow2 image keeps of writes to it: QEMU, docs/interop/qcow2.txt, "Bitmaps extension" and "Bitmaps". Limits are QEMU's (block/qcow2-bitmap.c)
 * but for the directory, which is smaller here.
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { KeptBitmap } from '../disk-image.port.ts';
import { checkInFile } from '../truncated.ts';
import { findExtension, type Qcow2Header } from './header.ts';
import { bitmapEntry, bitmapsExtension, EXTENSION_BITMAPS } from './struct.ts';

const MAX_BITMAPS = 65535;
const MAX_DIRECTORY_BYTES = 1024 * 1024;
const MAX_NAME_BYTES = 1023;
const MAX_TABLE_ENTRIES = 2 ** 24;
const MIN_GRANULARITY_BITS = 9;
const MAX_GRANULARITY_BITS = 31;
const DIRTY_TRACKING = 1;
const IN_USE = 1;
const AUTO = 2;
const EXTRA_DATA_COMPATIBLE = 4;
/** Bit 0 of autoclear_features: whoever wrote to the image and did not know bitmaps has cleared it. */
const BITMAPS_ARE_CONSISTENT = 1n;
/** Bits 9 to 55 of a table's entry; of the others only the lowest says something, where there is no place. */
const PLACE = 0x00fffffffffffe00n;
const ALL_ONES = 1n;
/** So much of a bitmap is read at once. */
const PIECE_BYTES = 64 * 1024;

/**
 * Reads the directory; bitmaps themselves are read as they are asked for.
 * @param file of the image @returns in the order of the directory, the oldest first; none where it keeps none
 * @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `READ_FAILED`
 */
export async function readBitmaps(file: BlockSource, header: Qcow2Header): Promise<KeptBitmap[]> {
  const extension = await findExtension(file, header.extensions, EXTENSION_BITMAPS);
  if (!extension) return [];
  checkRange('bitmaps extension', extension.length, bitmapsExtension.size, bitmapsExtension.size);
  const fields = bitmapsExtension.read(extension);
  const count = checkRange('nb_bitmaps', fields.nb_bitmaps, 1, MAX_BITMAPS);
  const size = checkRange('bitmap_directory_size', Number(fields.bitmap_directory_size), 1, MAX_DIRECTORY_BYTES);
  const offset = checkRange(
    'bitmap_directory_offset',
    Number(fields.bitmap_directory_offset),
    header.clusterBytes,
    Number.MAX_SAFE_INTEGER,
  );
  checkInFile('bitmap_directory_offset', file, offset, size);
  const directory = await readBytes(file, offset, size, MAX_DIRECTORY_BYTES);
  const isKept = (header.autoclear & BITMAPS_ARE_CONSISTENT) !== 0n;
  const found: KeptBitmap[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    checkSpan('bitmap directory', at, bitmapEntry.size, size);
    const entry = bitmapEntry.read(directory, at);
    const nameAt = at + bitmapEntry.size + entry.extra_data_size;
    checkRange('name_size', entry.name_size, 1, MAX_NAME_BYTES);
    checkSpan('bitmap name', nameAt, entry.name_size, size);
    at += Math.ceil((bitmapEntry.size + entry.extra_data_size + entry.name_size) / 8) * 8;
    const isKnown =
      entry.type === DIRTY_TRACKING &&
      (entry.flags & ~(IN_USE | AUTO | EXTRA_DATA_COMPATIBLE)) === 0 &&
      (entry.extra_data_size === 0 || (entry.flags & EXTRA_DATA_COMPATIBLE) !== 0);
    found.push({
      name: directory.toString('utf8', nameAt, nameAt + entry.name_size),
      isConsistent: isKept && isKnown && (entry.flags & IN_USE) === 0,
      isRecording: (entry.flags & AUTO) !== 0,
      written: writtenIn(file, header, entry),
    });
  }
  return found;
}

type Entry = ReturnType<typeof bitmapEntry.read>;

function writtenIn(file: BlockSource, header: Qcow2Header, entry: Entry): KeptBitmap['written'] {
  const { clusterBytes, lengthBytes } = header;
  const clusterBits = clusterBytes * 8;

  return async (startBytes, wantedBytes) => {
    checkSpan('written', startBytes, wantedBytes, lengthBytes);
    const bits = checkRange('granularity_bits', entry.granularity_bits, MIN_GRANULARITY_BITS, MAX_GRANULARITY_BITS);
    const granularityBytes = 2 ** bits;
    const entries = Math.ceil(Math.ceil(lengthBytes / granularityBytes) / clusterBits);
    checkRange('bitmap_table_size', entry.bitmap_table_size, entries, Math.min(entries, MAX_TABLE_ENTRIES));
    const tableOffset = Number(entry.bitmap_table_offset);
    if (tableOffset % clusterBytes !== 0) checkRange('bitmap_table_offset', Number.NaN, 0, 0);
    checkInFile('bitmap_table_offset', file, tableOffset, entries * 8);
    const runs = new Runs(startBytes, startBytes + wantedBytes, granularityBytes);
    const end = Math.ceil((startBytes + wantedBytes) / granularityBytes);
    for (let bit = Math.floor(startBytes / granularityBytes); bit < end;) {
      const cluster = Math.floor(bit / clusterBits);
      const until = Math.min(end, (cluster + 1) * clusterBits);
      const at = (await readBytes(file, tableOffset + cluster * 8, 8)).readBigUInt64BE(0);
      const place = at & PLACE;
      if ((at & ~(PLACE | ALL_ONES)) !== 0n || (place !== 0n && (at & ALL_ONES) !== 0n)) throw misplaced(at);
      if (place === 0n) {
        if ((at & ALL_ONES) !== 0n) runs.add(bit, until);
        bit = until;
        continue;
      }
      if (Number(place) % clusterBytes !== 0) throw misplaced(at);
      bit = await addBits(runs, Number(place), bit, until, cluster * clusterBits);
    }
    return runs.extents;
  };

  /** @param place of a cluster of the bitmap, whose first bit is `origin` @returns the first bit that was not looked at */
  async function addBits(runs: Runs, place: number, from: number, until: number, origin: number): Promise<number> {
    const firstByte = Math.floor((from - origin) / 8);
    const bytes = Math.min(PIECE_BYTES, Math.ceil((until - origin) / 8) - firstByte);
    checkInFile('bitmap', file, place + firstByte, bytes);
    const piece = await readBytes(file, place + firstByte, bytes, PIECE_BYTES);
    const end = Math.min(until, origin + (firstByte + bytes) * 8);
    for (let bit = from; bit < end; bit++) {
      const inPiece = bit - origin - firstByte * 8;
      const byte = piece[inPiece >>> 3];
      // the lowest bit of a byte comes first
      if (byte === 0 && inPiece % 8 === 0) bit += Math.min(7, end - bit - 1);
      else if ((byte >>> (inPiece & 7)) & 1) runs.add(bit, bit + 1);
    }
    return end;
  }
}

/** Bits that are set, as runs of the disk within what was asked for. */
class Runs {
  readonly extents: Extent[] = [];
  readonly #startBytes: number;
  readonly #endBytes: number;
  readonly #granularityBytes: number;

  constructor(startBytes: number, endBytes: number, granularityBytes: number) {
    this.#startBytes = startBytes;
    this.#endBytes = endBytes;
    this.#granularityBytes = granularityBytes;
  }

  add(from: number, until: number): void {
    const startBytes = Math.max(this.#startBytes, from * this.#granularityBytes);
    const endBytes = Math.min(this.#endBytes, until * this.#granularityBytes);
    const last = this.extents.at(-1);
    if (last && last.startBytes + last.lengthBytes === startBytes)
      this.extents[this.extents.length - 1] = { ...last, lengthBytes: endBytes - last.startBytes };
    else this.extents.push({ startBytes, lengthBytes: endBytes - startBytes });
  }
}

function misplaced(entry: bigint): EngineError {
  return new EngineError('FORMAT_INVALID', { field: 'bitmap table', value: `0x${entry.toString(16)}` });
}
