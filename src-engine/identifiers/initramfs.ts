/**
 * What first file systems name of a disk: settings for waking up, devices that are waited for, a copy of fstab. Archives of cpio, one behind
 * the other, the last of them packed. Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 */
import { EngineError } from '../core/engine-error.ts';
import { StreamReader } from '../archive/stream-reader.ts';
import { HEAD_BYTES, streamTypeOf, type StreamType } from '../archive/stream-type.ts';
import { unpackStream } from '../archive/unpack-stream.ts';
import type { IdForms } from './forms.ts';

const HEADER_BYTES = 110;
const MAGIC = /^07070[12]/;
const TRAILER = 'TRAILER!!!';
/** Settings are short. Modules, firmware and programs name no disk. */
const MAX_SEARCHED_BYTES = 256 * 1024;
const PASSED_OVER = /(?:^|\/)(?:modules|firmware)\/|\.so(?:\.|$)|\.ko(?:\.|$)/;
const MAX_NAME_BYTES = 4096;
const MAX_FILE_BYTES = 0xffffffff;
/** Of one that is unpacked; a larger one is not looked through. */
const MAX_CONTENT_BYTES = 2 * 1024 * 1024 * 1024;
const MAX_ENTRIES = 200_000;
/** So many files that name identifiers are replaced; nobody has as many. */
const MAX_FILES = 100;
/** Numbers of inodes, for files that no other archive has. */
const OWN_INODES = 0x64700000;
/** inode(7) */
const [FILE_TYPE, REGULAR] = [0o170000, 0o100000];
/** Behind these the kernel finds a further archive. Its reader of LZ4 takes what follows for more of the same (lib/decompress_unlz4.c). */
const GOES_ON: readonly StreamType[] = ['gzip', 'zstd', 'xz'];

/** A file in a first file system that names identifiers. */
export interface NamingFile {
  /** the header of its entry, as it stands there */
  readonly header: Buffer;
  /** with the zero at its end */
  readonly name: Buffer;
  readonly bytes: Buffer;
}

export interface InitramfsSearch {
  readonly found: ReadonlySet<number>;
  readonly files: readonly NamingFile[];
  /** whether what names them are files, and an archive behind the last may have others in their place */
  readonly canOverride: boolean;
  /** whether all of it could be read: where not, it may name anything */
  readonly isWhole: boolean;
}

/** What is read of one: a file, or part of one. */
export interface InitramfsContent {
  readonly lengthBytes: number;
  readInto(offsetBytes: number, into: Uint8Array): Promise<void>;
}

/**
 * @returns null where it is no archive, packed or not
 * @throws EngineError `READ_FAILED`, `ABORTED`; `FORMAT_INVALID` where the content itself cannot be read
 */
export async function searchInitramfs(
  content: InitramfsContent,
  forms: IdForms,
  signal: AbortSignal,
): Promise<InitramfsSearch | null> {
  const tail = await plainTail(content);
  const parted = await searchParted(content, tail, forms, signal);
  // of one that is not packed at all, what looks like a tail is its end
  const isCut = tail.length > 0 && parted !== null && !parted.isWhole;
  return isCut ? searchParted(content, Buffer.alloc(0), forms, signal) : parted;
}

async function searchParted(
  content: InitramfsContent,
  tail: Buffer,
  forms: IdForms,
  signal: AbortSignal,
): Promise<InitramfsSearch | null> {
  const search = new Search(forms, tail.length > 0, signal);
  try {
    const pieces = piecesOf(content, content.lengthBytes - tail.length);
    const isArchive = await search.run(new StreamReader(pieces, 'initramfs'));
    if (!isArchive) return null;
    await search.run(new StreamReader(asPieces(tail), 'initramfs'));
    return search.told(true);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError) || !/^FORMAT_/.test(error.code)) throw error;
    // padding, or what somebody has put behind the archive: the kernel has what it needs by then
    return { ...search.told(search.isPastArchive), canOverride: false };
  }
}

const PIECE_BYTES = 1024 * 1024;
/** One that this program has put behind another is not longer. */
const MAX_TAIL_BYTES = 256 * 1024;

async function* piecesOf(content: InitramfsContent, endBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < endBytes; at += PIECE_BYTES) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, endBytes - at));
    await content.readInto(at, piece);
    yield piece;
  }
}

async function* asPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * An archive that is not packed behind one that is: nothing says where the packed one ends but what follows it. None
 * where the whole is not packed.
 */
async function plainTail(content: InitramfsContent): Promise<Buffer> {
  const lengthBytes = Math.min(MAX_TAIL_BYTES, content.lengthBytes);
  const from = content.lengthBytes - lengthBytes;
  const bytes = Buffer.alloc(lengthBytes);
  await content.readInto(from, bytes);
  for (let at = bytes.indexOf('070701', 1); at > 0; at = bytes.indexOf('070701', at + 1)) {
    if ((from + at) % 4 !== 0 || !isWholeArchive(bytes, at)) continue;
    return bytes.subarray(at);
  }
  return Buffer.alloc(0);
}

/** Whether archives lie from there to the end, but for zeros. */
function isWholeArchive(bytes: Buffer, from: number): boolean {
  for (let at = from; ;) {
    while (at < bytes.length && bytes[at] === 0) at++;
    if (at === bytes.length) return true;
    const header = bytes.toString('latin1', at, at + HEADER_BYTES);
    if (header.length < HEADER_BYTES || !MAGIC.test(header)) return false;
    const field = (index: number) => parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);
    const [fileBytes, nameBytes] = [field(6), field(11)];
    if (!(fileBytes <= bytes.length) || !(nameBytes >= 1 && nameBytes <= MAX_NAME_BYTES)) return false;
    at += HEADER_BYTES + nameBytes + (-(HEADER_BYTES + nameBytes) & 3);
    at += fileBytes + (-fileBytes & 3);
    if (at > bytes.length) return false;
  }
}

class Search {
  isPastArchive = false;
  readonly #found = new Set<number>();
  readonly #files: NamingFile[] = [];
  #canOverride = true;
  readonly #forms: IdForms;
  readonly #isPadded: boolean;
  readonly #signal: AbortSignal;
  #contentBytes = 0;
  #entries = 0;

  /** @param isPadded another archive follows what is read, so zeros may stand at its end */
  constructor(forms: IdForms, isPadded: boolean, signal: AbortSignal) {
    this.#forms = forms;
    this.#isPadded = isPadded;
    this.#signal = signal;
  }

  told(isWhole: boolean): InitramfsSearch {
    return { found: this.#found, files: this.#files, canOverride: this.#canOverride, isWhole };
  }

  async run(reader: StreamReader, isUnpacked = false): Promise<boolean> {
    for (let archives = 0; ; archives++) {
      await skipZeros(reader);
      const head = Buffer.from(await reader.peek(HEAD_BYTES));
      if (head.length === 0) return archives > 0;
      if (MAGIC.test(head.toString('latin1'))) {
        await this.#archive(reader);
        continue;
      }
      const type = isUnpacked ? null : streamTypeOf(head);
      if (type === null) {
        if (archives === 0) return false;
        throw new EngineError('FORMAT_INVALID', { field: 'archive', value: head.toString('hex') });
      }
      this.#canOverride &&= GOES_ON.includes(type);
      // the others pass over zeros by themselves
      const packed = type === 'zstd' && this.#isPadded ? unpadded(rest(reader)) : rest(reader);
      const about = { type, path: '', leftOut: () => {} };
      return this.run(new StreamReader(unpackStream(about, packed, this.#signal), 'cpio'), true);
    }
  }

  async #archive(reader: StreamReader): Promise<void> {
    this.isPastArchive = false;
    for (;;) {
      this.#signal.throwIfAborted();
      const headerBytes = Buffer.from(await reader.take(HEADER_BYTES));
      const header = headerBytes.toString('latin1');
      if (!MAGIC.test(header)) throw new EngineError('FORMAT_INVALID', { field: 'cpio header', value: '' });
      const field = (index: number) => parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);
      const [fileBytes, nameBytes] = [field(6), field(11)];
      if (!(fileBytes <= MAX_FILE_BYTES) || !(nameBytes >= 1 && nameBytes <= MAX_NAME_BYTES)) {
        throw new EngineError('FORMAT_INVALID', { field: 'cpio header', value: '' });
      }
      const ended = Buffer.from(await reader.take(nameBytes));
      const name = ended.subarray(0, -1);
      await reader.skip(-(HEADER_BYTES + nameBytes) & 3);
      if (name.toString('latin1') === TRAILER) break;
      this.#contentBytes += fileBytes;
      if (this.#contentBytes > MAX_CONTENT_BYTES || ++this.#entries > MAX_ENTRIES) {
        throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'a first file system of that length' });
      }
      const isSearched = fileBytes <= MAX_SEARCHED_BYTES && !PASSED_OVER.test(name.toString('latin1'));
      const bytes = isSearched ? Buffer.from(await reader.take(fileBytes)) : null;
      if (!bytes) await reader.skip(fileBytes);
      this.#look({ header: headerBytes, name: ended, bytes: bytes ?? Buffer.alloc(0) }, field(1));
      await reader.skip(-fileBytes & 3);
    }
    this.isPastArchive = true;
  }

  #look(file: NamingFile, mode: number): void {
    const inside = this.#forms.find(file.bytes, nameOf(file));
    const byName = this.#forms.find(file.name.subarray(0, -1));
    for (const one of [...inside, ...byName]) this.#found.add(one);
    // a script may be called by an old name; a unit, or a link, is what it is called
    const isFree =
      (mode & FILE_TYPE) === REGULAR && [...byName].every((one) => inside.has(one)) && isScript(file, byName);
    if (!isFree && (inside.size > 0 || byName.size > 0)) this.#canOverride = false;
    // what stands behind replaces what stands before
    const before = this.#files.findIndex(({ name }) => name.equals(file.name));
    if (before >= 0) this.#files.splice(before, 1);
    if (inside.size > 0) this.#files.push(file);
    if (this.#files.length > MAX_FILES) this.#canOverride = false;
  }
}

/** Without its folder, and without the zero at its end. */
export const nameOf = ({ name }: Pick<NamingFile, 'name'>): string =>
  name.toString('latin1', 0, name.length - 1).replace(/^.*\//s, '');

const isScript = ({ name }: NamingFile, byName: ReadonlySet<number>) =>
  byName.size === 0 || name.toString('latin1').endsWith('.sh\0');

/** Sets a field of a header, in eight hexadecimal digits. */
function withField(header: Buffer, index: number, value: number): Buffer {
  const changed = Buffer.from(header);
  changed.write(value.toString(16).toUpperCase().padStart(8, '0'), 6 + 8 * index, 'latin1');
  return changed;
}

const padded = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

/**
 * An archive that stands behind a first file system and has files in the place of those in it: the kernel unpacks one after the other.
 * @param lengthBytes of what it stands behind @returns what is to be added, with the zeros before it
 */
export function overridingArchive(lengthBytes: number, files: readonly NamingFile[]): Buffer {
  const entries = files.flatMap(({ header, name, bytes }, i) => {
    // of its own, and linked to nothing
    const own = withField(withField(withField(header, 0, OWN_INODES + i), 4, 1), 6, bytes.length);
    return [padded(Buffer.concat([withField(own, 11, name.length), name])), padded(bytes)];
  });
  const trailer = Buffer.from(`${TRAILER}\0`, 'latin1');
  const none = Buffer.from(`070701${'0'.repeat(HEADER_BYTES - 6)}`, 'latin1');
  const end = padded(Buffer.concat([withField(withField(none, 4, 1), 11, trailer.length), trailer]));
  return Buffer.concat([Buffer.alloc(-lengthBytes & 3), ...entries, end]);
}

async function skipZeros(reader: StreamReader): Promise<void> {
  for (let piece = await reader.some(); piece !== null; piece = await reader.some()) {
    const start = piece.findIndex((byte) => byte !== 0);
    if (start < 0) continue;
    return reader.putBack(piece.subarray(start));
  }
}

async function* rest(reader: StreamReader): AsyncGenerator<Uint8Array> {
  for (let piece = await reader.some(); piece !== null; piece = await reader.some()) yield piece;
}

/** Without the zeros at the end that bring what follows to a multiple of four. */
async function* unpadded(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let end: Buffer = Buffer.alloc(0);
  for await (const piece of pieces) {
    const bytes = Buffer.concat([end, piece]);
    end = bytes.subarray(Math.max(0, bytes.length - 3));
    yield bytes.subarray(0, bytes.length - end.length);
  }
  yield end.subarray(0, end.findLastIndex((byte) => byte !== 0) + 1);
}
