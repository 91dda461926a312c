/**
 * Files with holes in a tar, in each of GNU tar's ways: the old one (type `S`), and those in pax headers, versions 0.0, 0.1 and 1.0.
 * "GNU tar", appendix "Storing Sparse Files"; GNU tar, src/tar.h (struct sparse, struct oldgnu_header).
 */
import { checkRange, checkSpan } from '../core/bounds.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import type { PaxFields } from './pax.ts';
import { tarNumber } from './tar-number.ts';

/** A piece of a file that is there; what is between pieces is zeros. */
export interface TarPiece {
  /** in the file */
  readonly offsetBytes: number;
  /** in the archive */
  readonly startBytes: number;
  readonly lengthBytes: number;
}

export interface SparseFile {
  readonly lengthBytes: number;
  readonly pieces: readonly TarPiece[];
  /** of the archive: behind the file's headers and data */
  readonly endBytes: number;
}

/** What the archive holds of the file behind its header. */
interface Stored {
  readonly file: BlockSource;
  readonly startBytes: number;
  readonly lengthBytes: number;
}

const BLOCK_BYTES = 512;
/** A piece for every other block of 8 GiB. */
const MAX_PIECES = 1_000_000;
/** Two numbers of twenty digits for each piece. */
const MAX_MAP_BYTES = 44 * MAX_PIECES;
const MAX_LENGTH_BYTES = Number.MAX_SAFE_INTEGER - BLOCK_BYTES;
const ENTRY_BYTES = 24;

/**
 * @param header of type `S`, of 512 bytes
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for the type `S` of other programs
 */
export async function oldSparseFile(header: Buffer, { file, startBytes, lengthBytes }: Stored): Promise<SparseFile> {
  // star(1) uses the same letter, and other places
  if (header.toString('latin1', 257, 265) !== 'ustar  \0')
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'sparse files in tar by other programs than GNU tar' });
  const numbers = entriesIn(header.subarray(386, 386 + 4 * ENTRY_BYTES));
  let at = startBytes;
  for (let more = header[482] !== 0; more;) {
    checkRange('sparse entries', numbers.length / 2, 0, MAX_PIECES);
    checkSpan('sparse header', at, BLOCK_BYTES, file.lengthBytes);
    const block = await readBytes(file, at, BLOCK_BYTES);
    numbers.push(...entriesIn(block.subarray(0, 21 * ENTRY_BYTES)));
    more = block[504] !== 0;
    at += BLOCK_BYTES;
  }
  const realBytes = checkRange('realsize', tarNumber(header.subarray(483, 495)), 0, MAX_LENGTH_BYTES);
  return sparseFile(numbers, realBytes, { file, startBytes: at, lengthBytes });
}

/** Pairs of offset and length; an empty one ends them. */
function entriesIn(bytes: Buffer): number[] {
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; at += ENTRY_BYTES) {
    numbers.push(tarNumber(bytes.subarray(at, at + 12)), tarNumber(bytes.subarray(at + 12, at + ENTRY_BYTES)));
  }
  return numbers;
}

/** @returns null where the pax header speaks of no holes @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for later versions */
export async function paxSparseFile({ fields, sparseNumbers }: PaxFields, stored: Stored): Promise<SparseFile | null> {
  if (![...fields.keys()].some((key) => key.startsWith('GNU.sparse.'))) return null;
  const field = (name: string, max: number) => {
    const text = fields.get(`GNU.sparse.${name}`) ?? '';
    return checkRange(`GNU.sparse.${name}`, /^\d+$/.test(text) ? Number(text) : NaN, 0, max);
  };
  const version = `${fields.get('GNU.sparse.major') ?? '0'}.${fields.get('GNU.sparse.minor') ?? '0'}`;
  if (version === '1.0') return mapInFront(field('realsize', MAX_LENGTH_BYTES), stored);
  if (version !== '0.0' && version !== '0.1')
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: `sparse files in tar, version ${version}` });
  const map = fields.get('GNU.sparse.map');
  const numbers = map === undefined ? sparseNumbers : map.split(',').filter(Boolean).map(Number);
  const count = field('numblocks', MAX_PIECES);
  checkRange('GNU.sparse.numblocks', numbers.length / 2, count, count);
  return sparseFile(numbers, field('size', MAX_LENGTH_BYTES), stored);
}

/** Version 1.0: how many, then offset and length of each, in decimal digits a line, filled up to whole blocks. */
async function mapInFront(realBytes: number, { file, startBytes, lengthBytes }: Stored): Promise<SparseFile> {
  const numbers: number[] = [];
  let rest = '';
  let at = 0;
  for (let wanted = 1; numbers.length < wanted; at += BLOCK_BYTES) {
    checkRange('sparse map', at, 0, Math.min(lengthBytes, MAX_MAP_BYTES) - 1);
    const length = Math.min(BLOCK_BYTES, lengthBytes - at);
    const lines = (rest + (await readBytes(file, startBytes + at, length)).toString('latin1')).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      if (numbers.length === wanted) break;
      if (!/^\d{1,20}$/.test(line))
        throw new EngineError('FORMAT_INVALID', { field: 'sparse map', value: line.slice(0, 50) });
      numbers.push(Number(line));
      if (numbers.length === 1) wanted = 1 + 2 * checkRange('sparse map', numbers[0], 0, MAX_PIECES);
    }
  }
  const data = { file, startBytes: startBytes + at, lengthBytes: lengthBytes - at };
  return sparseFile(numbers.slice(1), realBytes, data);
}

/** @param numbers offset and length of each piece, in turn; the pieces lie one behind the other in what is stored */
function sparseFile(numbers: readonly number[], realBytes: number, { startBytes, lengthBytes }: Stored): SparseFile {
  const pieces: TarPiece[] = [];
  let endBytes = 0;
  let done = 0;
  for (let i = 0; i < numbers.length; i += 2) {
    const offsetBytes = checkRange('sparse offset', numbers[i], endBytes, realBytes);
    const length = checkRange(
      'sparse length',
      numbers[i + 1],
      0,
      Math.min(realBytes - offsetBytes, lengthBytes - done),
    );
    if (length > 0) pieces.push({ offsetBytes, startBytes: startBytes + done, lengthBytes: length });
    endBytes = offsetBytes + length;
    done += length;
  }
  // what is stored and belongs nowhere would be lost
  checkRange('sparse pieces', done, lengthBytes, lengthBytes);
  return { lengthBytes: realBytes, pieces, endBytes: startBytes + lengthBytes };
}
