/**
 * Tar archives, read in place: members lie there as they are. POSIX ustar and pax (IEEE 1003.1, "pax"), and GNU's long names, sizes and
 * holes.
 */
import { EngineError } from '../core/engine-error.ts';
import { checkRange } from '../core/bounds.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { composedSource } from '../disk/composed-source.ts';
import { readBytes } from '../disk/read.ts';
import { slice } from '../disk/slice.ts';
import { NO_PAX, paxFields } from './pax.ts';
import { oldSparseFile, paxSparseFile, type TarPiece } from './sparse-tar.ts';
import { tarNumber } from './tar-number.ts';

const BLOCK_BYTES = 512;
const MAX_MEMBERS = 20_000;
const MAX_NAME_BYTES = 1024 * 1024;
/** A pax header may list the pieces of a file with holes. */
const MAX_PAX_BYTES = 32 * 1024 * 1024;

export interface TarMember {
  /** with '/' between folders; does not lead out of the archive */
  readonly name: string;
  /** holes included */
  readonly lengthBytes: number;
  /** where it lies in the archive; what no piece tells of is zeros */
  readonly pieces: readonly TarPiece[];
}

/** @returns the content of a member; closing it leaves the archive open */
export function openMember(file: BlockSource, { lengthBytes, pieces }: TarMember): BlockSource {
  const parts = pieces.map((piece) => ({
    startBytes: piece.offsetBytes,
    source: slice(file, piece.startBytes, piece.lengthBytes),
  }));
  const [part] = parts;
  return part?.source.lengthBytes === lengthBytes ? part.source : composedSource(parts, lengthBytes);
}

/**
 * @param path of the archive, for errors
 * @returns regular files in order; null where it is no tar. Links and what else there may be are left out
 * @throws EngineError `FORMAT_INVALID`; `FILE_TRUNCATED`; `ARCHIVE_UNSAFE` for names that lead out and too many members
 */
export async function readTar(file: BlockSource, path: string, signal: AbortSignal): Promise<TarMember[] | null> {
  const members: TarMember[] = [];
  let longName: string | null = null;
  let pax = NO_PAX;
  for (let at = 0, headers = 0; at + BLOCK_BYTES <= file.lengthBytes; headers++) {
    signal.throwIfAborted();
    const header = await readBytes(file, at, BLOCK_BYTES);
    if (header.every((byte) => byte === 0)) break;
    if (!isHeader(header)) {
      if (at === 0) return null;
      throw new EngineError('FORMAT_INVALID', { path, field: 'tar header', value: String(at) });
    }
    if (headers > 3 * MAX_MEMBERS || members.length > MAX_MEMBERS) {
      throw new EngineError('ARCHIVE_UNSAFE', { path, reason: 'entries', value: MAX_MEMBERS });
    }
    const type = String.fromCharCode(header[156] || 0x30);
    const ownBytes = tarNumber(header.subarray(124, 136));
    const lengthBytes = 'xgLK'.includes(type) ? ownBytes : Number(pax.fields.get('size') ?? ownBytes);
    const startBytes = at + BLOCK_BYTES;
    checkRange('tar size', lengthBytes, 0, Number.MAX_SAFE_INTEGER - startBytes - BLOCK_BYTES);
    refuseCutOff(file, startBytes + lengthBytes, path);
    const content = (max: number) => readBytes(file, startBytes, checkRange('tar header', lengthBytes, 0, max));
    let endBytes = startBytes + lengthBytes;
    if (type === 'L') longName = text(await content(MAX_NAME_BYTES));
    else if (type === 'x') pax = paxFields(await content(MAX_PAX_BYTES));
    else {
      if (['0', '7', 'S'].includes(type)) {
        const { fields } = pax;
        const told = fields.get('GNU.sparse.name') ?? fields.get('path') ?? longName ?? nameIn(header);
        const name = told.replace(/^(\.\/)+/, '');
        if (isOutside(name))
          throw new EngineError('ARCHIVE_UNSAFE', { path, reason: 'name', value: name.slice(0, 200) });
        const stored = { file, startBytes, lengthBytes };
        const sparse = await withPath(path, type === 'S' ? oldSparseFile(header, stored) : paxSparseFile(pax, stored));
        if (sparse) {
          endBytes = sparse.endBytes;
          refuseCutOff(file, endBytes, path);
          members.push({ name, lengthBytes: sparse.lengthBytes, pieces: sparse.pieces });
        } else members.push({ name, lengthBytes, pieces: [{ offsetBytes: 0, startBytes, lengthBytes }] });
      }
      if (type !== 'g') {
        longName = null;
        pax = NO_PAX;
      }
    }
    at = Math.ceil(endBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return members;
}

function refuseCutOff(file: BlockSource, endBytes: number, path: string): void {
  const missingBytes = endBytes - file.lengthBytes;
  if (missingBytes > 0)
    throw new EngineError('FILE_TRUNCATED', { path, field: 'length', endBytes: file.lengthBytes, missingBytes });
}

/** @returns the same; what it throws says of which archive */
async function withPath<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof EngineError) || !error.code.startsWith('FORMAT_')) throw error;
    throw new EngineError(error.code, { path, ...error.data }, error.hint, { cause: error });
  }
}

/** Its sum is right: with every byte of the sum itself taken for a space. */
function isHeader(header: Buffer): boolean {
  const told = parseInt(text(header.subarray(148, 156)).trim(), 8);
  return told === sumOf(header);
}

/**
 * Version 7's headers have no mark: a name, numbers in octal digits, and a sum that is right. A boot sector ends otherwise.
 * @param head of the file
 */
export function isOldTarHeader(head: Buffer): boolean {
  if (head.length < BLOCK_BYTES || head[0] === 0 || !isHeader(head)) return false;
  const numbers = [100, 108, 116, 124, 136].map((at) => head.toString('latin1', at, at < 124 ? at + 8 : at + 12));
  const isPlainType = head[156] === 0 || (head[156] >= 0x30 && head[156] <= 0x35);
  const isBootSector = head.readUInt16LE(510) === 0xaa55;
  return isPlainType && !isBootSector && numbers.every((one) => /^ *[0-7]+[ \0]*$/.test(one));
}

function sumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  header.forEach((byte, i) => (sum += i >= 148 && i < 156 ? 0 : byte));
  return sum;
}

function nameIn(header: Buffer): string {
  const prefix = header.toString('latin1', 257, 263) === 'ustar\0' ? text(header.subarray(345, 500)) : '';
  return (prefix ? `${prefix}/` : '') + text(header.subarray(0, 100));
}

function isOutside(name: string): boolean {
  return name.startsWith('/') || name.includes('\\') || /^[a-z]:/i.test(name) || name.split('/').includes('..');
}

function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** @returns the header of a regular file @param name at most 100 bytes */
export function tarHeader(name: string, lengthBytes: number, modifiedAt: Date): Buffer {
  const header = Buffer.alloc(BLOCK_BYTES);
  const octal = (value: number, at: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, at);
  if (header.write(name, 0, 100) !== Buffer.byteLength(name)) throw new RangeError('name is too long for tar');
  octal(0o644, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  if (lengthBytes < 8 ** 11) octal(lengthBytes, 124, 11);
  else {
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(lengthBytes), 128);
  }
  octal(Math.floor(modifiedAt.getTime() / 1000), 136, 11);
  header.write('0', 156);
  header.write('ustar\x0000', 257, 'latin1');
  header.write(`${sumOf(header).toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

/** Two blocks of zeros end an archive. */
export const TAR_END_BYTES = 2 * BLOCK_BYTES;

/** @returns where the next header goes behind content of that length */
export function tarPadded(lengthBytes: number): number {
  return Math.ceil(lengthBytes / BLOCK_BYTES) * BLOCK_BYTES;
}
