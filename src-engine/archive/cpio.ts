/**
 * First file systems of Linux: archives of cpio, one behind the other, the last of them packed. Linux,
 * Documentation/driver-api/early-userspace/buffer-format.rst. Read in a stream: nothing is held but what is asked for.
 */
import { EngineError } from '../core/engine-error.ts';
import { StreamReader } from './stream-reader.ts';
import { HEAD_BYTES, streamTypeOf, type StreamType } from './stream-type.ts';
import { unpackStream } from './unpack-stream.ts';

export const CPIO_HEADER_BYTES = 110;
export const CPIO_MAGIC = /^07070[12]/;
export const CPIO_TRAILER = 'TRAILER!!!';
export const MAX_CPIO_NAME_BYTES = 4096;
const MAX_FILE_BYTES = 0xffffffff;
/** Of one that is unpacked; a larger one is not looked through. */
const MAX_CONTENT_BYTES = 2 * 1024 * 1024 * 1024;
const MAX_ENTRIES = 200_000;

export interface CpioEntry {
  /** as it stands in the archive */
  readonly header: Buffer;
  /** with the zero at its end */
  readonly name: Buffer;
  /** kind and permissions: inode(7) */
  readonly mode: number;
  readonly fileBytes: number;
}

export interface CpioVisitor {
  /** Whether the content of a file is wanted: it is held in memory then. */
  wants(entry: CpioEntry): boolean;
  /** @param content null where it was not wanted */
  entry(entry: CpioEntry, content: Buffer | null): void;
  /** An archive has ended: the kernel has all that is in it. */
  ended(): void;
  /** An archive begins. */
  began(): void;
  /** What follows is packed so. */
  packed?(type: StreamType): void;
}

/** The numbers in a header of the "new" format, eight hexadecimal digits each: cpio(5). */
export const cpioField = (header: string, index: number): number =>
  parseInt(header.slice(6 + 8 * index, 14 + 8 * index), 16);

/** Walks over a first file system, with limits for files, names and bytes. */
export class CpioWalk {
  readonly #visitor: CpioVisitor;
  readonly #isPadded: boolean;
  readonly #signal: AbortSignal;
  #contentBytes = 0;
  #entries = 0;

  /** @param isPadded another archive follows what is read, so zeros may stand at its end */
  constructor(visitor: CpioVisitor, isPadded: boolean, signal: AbortSignal) {
    this.#visitor = visitor;
    this.#isPadded = isPadded;
    this.#signal = signal;
  }

  /**
   * @returns false where it is no archive, packed or not
   * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `ABORTED`
   */
  async run(reader: StreamReader, isUnpacked = false): Promise<boolean> {
    for (let archives = 0; ; archives++) {
      await skipZeros(reader);
      const head = Buffer.from(await reader.peek(HEAD_BYTES));
      if (head.length === 0) return archives > 0;
      if (CPIO_MAGIC.test(head.toString('latin1'))) {
        await this.#archive(reader);
        continue;
      }
      const type = isUnpacked ? null : streamTypeOf(head);
      if (type === null) {
        if (archives === 0) return false;
        throw new EngineError('FORMAT_INVALID', { field: 'archive', value: head.toString('hex') });
      }
      this.#visitor.packed?.(type);
      // the others pass over zeros by themselves
      const packed = type === 'zstd' && this.#isPadded ? unpadded(rest(reader)) : rest(reader);
      const about = { type, path: '', leftOut: () => {} };
      return this.run(new StreamReader(unpackStream(about, packed, this.#signal), 'cpio'), true);
    }
  }

  async #archive(reader: StreamReader): Promise<void> {
    this.#visitor.began();
    for (;;) {
      this.#signal.throwIfAborted();
      const header = Buffer.from(await reader.take(CPIO_HEADER_BYTES));
      const text = header.toString('latin1');
      if (!CPIO_MAGIC.test(text)) throw new EngineError('FORMAT_INVALID', { field: 'cpio header', value: '' });
      const [mode, fileBytes, nameBytes] = [1, 6, 11].map((index) => cpioField(text, index));
      if (!(fileBytes <= MAX_FILE_BYTES) || !(nameBytes >= 1 && nameBytes <= MAX_CPIO_NAME_BYTES)) {
        throw new EngineError('FORMAT_INVALID', { field: 'cpio header', value: '' });
      }
      const name = Buffer.from(await reader.take(nameBytes));
      await reader.skip(-(CPIO_HEADER_BYTES + nameBytes) & 3);
      if (name.toString('latin1', 0, nameBytes - 1) === CPIO_TRAILER) break;
      this.#contentBytes += fileBytes;
      if (this.#contentBytes > MAX_CONTENT_BYTES || ++this.#entries > MAX_ENTRIES) {
        throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'a first file system of that length' });
      }
      const entry = { header, name, mode, fileBytes };
      const content = this.#visitor.wants(entry) ? Buffer.from(await reader.take(fileBytes)) : null;
      if (!content) await reader.skip(fileBytes);
      this.#visitor.entry(entry, content);
      await reader.skip(-fileBytes & 3);
    }
    this.#visitor.ended();
  }
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
