/**
 * What first file systems name of a disk: settings for waking up, devices that are waited for, a copy of fstab. Archives of cpio, one behind
 * the other, the last of them packed. Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
 */
import { EngineError } from '../core/engine-error.ts';
import { piecesOf, type RandomBytes } from '../core/random-bytes.ts';
import {
  CPIO_HEADER_BYTES as HEADER_BYTES,
  CPIO_MAGIC as MAGIC,
  CPIO_TRAILER as TRAILER,
  CpioWalk,
  cpioField,
  MAX_CPIO_NAME_BYTES as MAX_NAME_BYTES,
  type CpioEntry,
  type CpioVisitor,
} from '../archive/cpio.ts';
import { StreamReader } from '../archive/stream-reader.ts';
import type { StreamType } from '../archive/stream-type.ts';
import type { IdForms } from './forms.ts';

/** Settings are short. Modules, firmware and programs name no disk. */
const MAX_SEARCHED_BYTES = 256 * 1024;
const PASSED_OVER = /(?:^|\/)(?:modules|firmware)\/|\.so(?:\.|$)|\.ko(?:\.|$)/;
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

/**
 * @returns null where it is no archive, packed or not
 * @throws EngineError `READ_FAILED`, `ABORTED`; `FORMAT_INVALID` where the content itself cannot be read
 */
export async function searchInitramfs(
  content: RandomBytes,
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
  content: RandomBytes,
  tail: Buffer,
  forms: IdForms,
  signal: AbortSignal,
): Promise<InitramfsSearch | null> {
  const search = new Search(forms);
  const walk = new CpioWalk(search, tail.length > 0, signal);
  try {
    const pieces = piecesOf(content, content.lengthBytes - tail.length);
    const isArchive = await walk.run(new StreamReader(pieces, 'initramfs'));
    if (!isArchive) return null;
    await walk.run(new StreamReader(asPieces(tail), 'initramfs'));
    return search.told(true);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof EngineError) || !/^FORMAT_/.test(error.code)) throw error;
    // padding, or what somebody has put behind the archive: the kernel has what it needs by then
    return { ...search.told(search.isPastArchive), canOverride: false };
  }
}

/** One that this program has put behind another is not longer. */
const MAX_TAIL_BYTES = 256 * 1024;

async function* asPieces(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/**
 * An archive that is not packed behind one that is: nothing says where the packed one ends but what follows it. None
 * where the whole is not packed.
 */
async function plainTail(content: RandomBytes): Promise<Buffer> {
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
    const [fileBytes, nameBytes] = [cpioField(header, 6), cpioField(header, 11)];
    if (!(fileBytes <= bytes.length) || !(nameBytes >= 1 && nameBytes <= MAX_NAME_BYTES)) return false;
    at += HEADER_BYTES + nameBytes + (-(HEADER_BYTES + nameBytes) & 3);
    at += fileBytes + (-fileBytes & 3);
    if (at > bytes.length) return false;
  }
}

class Search implements CpioVisitor {
  isPastArchive = false;
  readonly #found = new Set<number>();
  readonly #files: NamingFile[] = [];
  #canOverride = true;
  readonly #forms: IdForms;

  constructor(forms: IdForms) {
    this.#forms = forms;
  }

  told(isWhole: boolean): InitramfsSearch {
    return { found: this.#found, files: this.#files, canOverride: this.#canOverride, isWhole };
  }

  began(): void {
    this.isPastArchive = false;
  }

  ended(): void {
    this.isPastArchive = true;
  }

  packed(type: StreamType): void {
    this.#canOverride &&= GOES_ON.includes(type);
  }

  wants({ name, fileBytes }: CpioEntry): boolean {
    return fileBytes <= MAX_SEARCHED_BYTES && !PASSED_OVER.test(name.toString('latin1', 0, name.length - 1));
  }

  entry({ header, name, mode }: CpioEntry, content: Buffer | null): void {
    this.#look({ header, name, bytes: content ?? Buffer.alloc(0) }, mode);
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
