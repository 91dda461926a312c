/** Reads a manifest: its description at once, its windows in order or one by one. */
import { crc32 } from 'node:zlib';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { checkRange } from '../core/bounds.ts';
import { EngineError, ioError, isLater, toEngineError } from '../core/engine-error.ts';
import {
  decodeRecord,
  indexEntry,
  MANIFEST_END_MAGIC,
  MANIFEST_MAGIC,
  manifestEnd,
  MAX_JSON_BYTES,
  MAX_RECORD_BYTES,
  MAX_RECORDS,
  recordHeader,
  recordLength,
  type WindowRecord,
} from './manifest-format.ts';
import { manifestPath, type StoreLayout } from './store-layout.ts';

const READ_AHEAD_BYTES = 1024 * 1024;
const INDEX_READ_ENTRIES = 256;
/** An index of a disk of some 800 GB: of what is longer, a few entries are read at a time. */
const MAX_INDEX_IN_MEMORY_BYTES = 4 * 1024 * 1024;
/** Most records are no longer. */
const RECORD_READ_BYTES = 4096;

export class ManifestReader {
  /** as it was given to the writer; check it against a schema before use */
  readonly json: unknown;
  readonly recordCount: number;
  /** its file's */
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #recordsEnd: number;
  readonly #indexOffset: number;
  /** all of it, once a window was looked for */
  #wholeIndex: Promise<Buffer> | null = null;

  private constructor(
    handle: FileHandle,
    path: string,
    json: unknown,
    end: { count: number; records: number; index: number },
  ) {
    this.#handle = handle;
    this.path = path;
    this.json = json;
    this.recordCount = end.count;
    this.#recordsEnd = end.records;
    this.#indexOffset = end.index;
  }

  /** @throws EngineError `MANIFEST_DAMAGED` with the file and what is wrong */
  static async open(layout: StoreLayout, name: string): Promise<ManifestReader> {
    const path = manifestPath(layout, name);
    return guarded(path, async () => {
      const handle = await open(path, 'r');
      try {
        const { size } = await handle.stat();
        checkRange('manifest length', size, MANIFEST_MAGIC.length + manifestEnd.size, Number.MAX_SAFE_INTEGER);
        const magic = await readExactly(handle, 0, MANIFEST_MAGIC.length);
        const tail = await readExactly(handle, size - manifestEnd.size, manifestEnd.size);
        const end = manifestEnd.read(tail);
        const version = newerVersion(magic, end.magic);
        if (version !== null) throw new EngineError('CATALOG_TOO_NEW', { path, version, supported: 1 });
        if (
          !magic.equals(MANIFEST_MAGIC) ||
          !end.magic.equals(MANIFEST_END_MAGIC) ||
          crc32(tail.subarray(0, 60)) !== end.crc
        ) {
          throw new EngineError('FORMAT_INVALID', { field: 'manifest trailer' });
        }
        const count = checkRange('record count', Number(end.recordCount), 0, MAX_RECORDS);
        const index = checkRange(
          'index offset',
          Number(end.indexOffset),
          0,
          size - manifestEnd.size - count * indexEntry.size,
        );
        const indexCrc = await crcOf(handle, index, count * indexEntry.size);
        if (indexCrc !== end.indexCrc) throw new EngineError('FORMAT_INVALID', { field: 'index checksum' });
        const records = checkRange('json offset', Number(end.jsonOffset), 0, index);
        const text = await readExactly(
          handle,
          records,
          checkRange('json length', end.jsonBytes, 2, Math.min(MAX_JSON_BYTES, index - records)),
        );
        if (crc32(text) !== end.jsonCrc) throw new EngineError('FORMAT_INVALID', { field: 'json checksum' });
        return new ManifestReader(handle, path, JSON.parse(text.toString()), { count, records, index });
      } catch (error) {
        await handle.close();
        throw error;
      }
    });
  }

  /** Every window in the order of capture, checked. @throws EngineError `MANIFEST_DAMAGED` */
  async *records(): AsyncGenerator<WindowRecord> {
    let buffer: Buffer = Buffer.alloc(0);
    let bufferOffset = MANIFEST_MAGIC.length;
    const need = async (at: number, length: number) => {
      if (at + length > bufferOffset + buffer.length) {
        const wanted = Math.min(Math.max(READ_AHEAD_BYTES, length), this.#recordsEnd - at);
        if (wanted < length) throw new EngineError('FORMAT_INVALID', { field: 'record length' });
        buffer = await readExactly(this.#handle, at, wanted);
        bufferOffset = at;
      }
      return buffer.subarray(at - bufferOffset, at - bufferOffset + length);
    };
    for (let at = MANIFEST_MAGIC.length; at < this.#recordsEnd;) {
      const record = await guarded(this.path, async () => {
        const length = recordLength(await need(at, recordHeader.size));
        const bytes = await need(at, length);
        at += length;
        return decodeRecord(bytes);
      });
      yield record;
    }
  }

  /** The window that covers an offset of a region, or null where nothing in it is used. */
  async find(region: number, window: number): Promise<WindowRecord | null> {
    return guarded(this.path, async () => {
      const at = await this.#offsetOf(region, window);
      if (at === null) return null;
      checkRange('record offset', at, MANIFEST_MAGIC.length, this.#recordsEnd - recordHeader.size);
      const left = this.#recordsEnd - at;
      const first = await readExactly(this.#handle, at, Math.min(RECORD_READ_BYTES, left));
      const length = checkRange('record length', recordLength(first), 1, Math.min(MAX_RECORD_BYTES, left));
      if (length <= first.length) return decodeRecord(first.subarray(0, length));
      return decodeRecord(await readExactly(this.#handle, at, length));
    });
  }

  /** Halves the index, on the disk until what is left can be read in one go. @returns where the record is, or null where there is none */
  async #offsetOf(region: number, window: number): Promise<number | null> {
    let low = 0;
    let end = this.recordCount;
    const order = (bytes: Buffer, i: number) => {
      const entry = indexEntry.read(bytes, i * indexEntry.size);
      return entry.region - region || Number(entry.window) - window;
    };
    while (end - low > (this.#isIndexInMemory ? 1 : INDEX_READ_ENTRIES)) {
      const middle = (low + end) >>> 1;
      if (order(await this.#index(middle, 1), 0) <= 0) low = middle;
      else end = middle;
    }
    const entries = await this.#index(low, end - low);
    for (let i = 0; i < end - low; i++) {
      if (order(entries, i) === 0) return Number(indexEntry.read(entries, i * indexEntry.size).offset);
    }
    return null;
  }

  get #isIndexInMemory(): boolean {
    return this.recordCount * indexEntry.size <= MAX_INDEX_IN_MEMORY_BYTES;
  }

  async #index(first: number, count: number): Promise<Buffer> {
    const from = first * indexEntry.size;
    if (!this.#isIndexInMemory) {
      return readExactly(this.#handle, this.#indexOffset + from, count * indexEntry.size);
    }
    this.#wholeIndex ??= readExactly(this.#handle, this.#indexOffset, this.recordCount * indexEntry.size).catch(
      (error: unknown) => {
        this.#wholeIndex = null;
        throw error;
      },
    );
    return (await this.#wholeIndex).subarray(from, from + count * indexEntry.size);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** @returns the number of a later format of manifests, which no flipped bit makes: both ends have it */
function newerVersion(magic: Buffer, endMagic: Buffer): number | null {
  const isKind = [MANIFEST_MAGIC, MANIFEST_END_MAGIC].every((known, i) =>
    known.subarray(0, 7).equals([magic, endMagic][i].subarray(0, 7)),
  );
  const digits = [magic[7], endMagic[7]];
  return isKind && digits.every((digit) => digit > 0x31 && digit <= 0x39) ? digits[0] - 0x30 : null;
}

/**
 * What a manifest says of its version, for who may not wait.
 * @throws EngineError `CATALOG_TOO_NEW`, `FORMAT_INVALID`; `READ_FAILED`, `PERMISSION_DENIED`, `NOT_FOUND` where nobody can tell just now
 */
export function manifestJsonNow(path: string): unknown {
  try {
    const fd = openSync(path, 'r');
    try {
      const { size } = fstatSync(fd);
      checkRange('manifest length', size, MANIFEST_MAGIC.length + manifestEnd.size, Number.MAX_SAFE_INTEGER);
      const read = (offset: number, length: number) => {
        const bytes = Buffer.alloc(length);
        return bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
      };
      const end = manifestEnd.read(read(size - manifestEnd.size, manifestEnd.size));
      const version = newerVersion(read(0, MANIFEST_MAGIC.length), end.magic);
      if (version !== null) throw new EngineError('CATALOG_TOO_NEW', { path, version, supported: 1 });
      const offset = checkRange('json offset', Number(end.jsonOffset), 0, size);
      const length = checkRange('json length', end.jsonBytes, 2, Math.min(MAX_JSON_BYTES, size - offset));
      const text = read(offset, length);
      if (crc32(text) !== end.jsonCrc) throw new EngineError('FORMAT_INVALID', { path, field: 'json checksum' });
      return JSON.parse(text.toString());
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (error instanceof SyntaxError) throw new EngineError('FORMAT_INVALID', { path, field: 'json' });
    throw toEngineError(error, path);
  }
}

async function readExactly(handle: FileHandle, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await handle.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) throw new EngineError('FORMAT_INVALID', { field: 'file length' });
    done += bytesRead;
  }
  return bytes;
}

async function crcOf(handle: FileHandle, offset: number, length: number): Promise<number> {
  let crc = 0;
  for (let done = 0; done < length; done += READ_AHEAD_BYTES) {
    crc = crc32(await readExactly(handle, offset + done, Math.min(READ_AHEAD_BYTES, length - done)), crc);
  }
  return crc;
}

/** Whatever goes wrong inside is a damaged manifest, named. */
async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // what the system cannot read now it may read tomorrow: that is no damage; a file that is gone is
    if ((cause as NodeJS.ErrnoException).syscall !== undefined && code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw ioError(cause, 'READ_FAILED', { path, offsetBytes: 0 });
    }
    if (isLater(cause)) throw cause;
    const reason =
      code === 'ENOENT'
        ? code
        : cause instanceof EngineError
          ? String(cause.data.field ?? cause.code)
          : String((cause as Error).message);
    throw new EngineError('MANIFEST_DAMAGED', { path, reason }, '', { cause });
  }
}
