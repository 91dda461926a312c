/** Tar archives, read in place: members lie there as they are. POSIX ustar and pax (IEEE 1003.1, "pax"), and GNU's long names and sizes. */
import { EngineError } from '../core/engine-error.ts';
import { checkRange } from '../core/bounds.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';

const BLOCK_BYTES = 512;
const MAX_MEMBERS = 20_000;
/** Long names and pax headers. */
const MAX_HEADER_BYTES = 1024 * 1024;

export interface TarMember {
  /** with '/' between folders; does not lead out of the archive */
  readonly name: string;
  readonly startBytes: number;
  readonly lengthBytes: number;
}

/**
 * @param path of the archive, for errors
 * @returns regular files in order; null where it is no tar. Links and what else there may be are left out
 * @throws EngineError `FORMAT_INVALID`; `FILE_TRUNCATED`; `ARCHIVE_UNSAFE` for names that lead out and too many members
 */
export async function readTar(file: BlockSource, path: string, signal: AbortSignal): Promise<TarMember[] | null> {
  const members: TarMember[] = [];
  let longName: string | null = null;
  let pax = new Map<string, string>();
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
    const ownBytes = sizeIn(header);
    const lengthBytes = 'xgLK'.includes(type) ? ownBytes : Number(pax.get('size') ?? ownBytes);
    const startBytes = at + BLOCK_BYTES;
    checkRange('tar size', lengthBytes, 0, Number.MAX_SAFE_INTEGER - startBytes - BLOCK_BYTES);
    if (startBytes + lengthBytes > file.lengthBytes) {
      const missingBytes = startBytes + lengthBytes - file.lengthBytes;
      throw new EngineError('FILE_TRUNCATED', { path, field: 'length', endBytes: file.lengthBytes, missingBytes });
    }
    const content = () => readBytes(file, startBytes, checkRange('tar header', lengthBytes, 0, MAX_HEADER_BYTES));
    if (type === 'L') longName = text(await content());
    else if (type === 'x') pax = paxFields(await content());
    else {
      if (type === '0' || type === '7') {
        const name = (pax.get('path') ?? longName ?? nameIn(header)).replace(/^(\.\/)+/, '');
        if (isOutside(name))
          throw new EngineError('ARCHIVE_UNSAFE', { path, reason: 'name', value: name.slice(0, 200) });
        if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse'))) {
          throw new EngineError('FORMAT_UNSUPPORTED', { path, feature: 'sparse files in tar' });
        }
        members.push({ name, startBytes, lengthBytes });
      } else if (type === 'S') throw new EngineError('FORMAT_UNSUPPORTED', { path, feature: 'sparse files in tar' });
      if (type !== 'g') {
        longName = null;
        pax = new Map();
      }
    }
    at = startBytes + Math.ceil(lengthBytes / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return members;
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

/** Octal digits, or GNU's binary number where the first bit is set. */
function sizeIn(header: Buffer): number {
  if ((header[124] & 0x80) === 0) return parseInt(text(header.subarray(124, 136)).trim() || '0', 8);
  return header[124] === 0x80 ? Number(header.readBigUInt64BE(128)) : NaN;
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

/** Records of the form `LENGTH KEY=VALUE\n`. */
function paxFields(bytes: Buffer): Map<string, string> {
  const fields = new Map<string, string>();
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, space < 0 ? at : Math.min(space, at + 10)));
    checkRange('pax record', length, 5, bytes.length - at);
    const [, key, value] = /^([^=]*)=([^]*)\n$/.exec(bytes.toString('utf8', space + 1, at + length)) ?? [];
    if (key === undefined) throw new EngineError('FORMAT_INVALID', { field: 'pax record', value: String(at) });
    fields.set(key, value);
    at += length;
  }
  return fields;
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
