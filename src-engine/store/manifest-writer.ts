/** Writes a manifest: records as the capture goes, the rest at its end. It has its name only once it is whole and synced. */
import { crc32 } from 'node:zlib';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ioError } from '../core/engine-error.ts';
import { syncFolder } from '../core/durable.ts';
import {
  encodeRecord,
  indexEntry,
  MANIFEST_END_MAGIC,
  MANIFEST_MAGIC,
  manifestEnd,
  type WindowRecord,
} from './manifest-format.ts';
import { manifestPath, type StoreLayout } from './store-layout.ts';

const FLUSH_BYTES = 1024 * 1024;

export class ManifestWriter {
  readonly #layout: StoreLayout;
  readonly #name: string;
  readonly #scratchPath: string;
  readonly #handle: FileHandle;
  readonly #index: { region: number; window: number; offset: number }[] = [];
  #pending: Buffer[] = [MANIFEST_MAGIC];
  #pendingBytes = MANIFEST_MAGIC.length;
  #offset = 0;

  private constructor(layout: StoreLayout, name: string, scratchPath: string, handle: FileHandle) {
    this.#layout = layout;
    this.#name = name;
    this.#scratchPath = scratchPath;
    this.#handle = handle;
  }

  /** @param name the file's name in the folder of manifests, without its ending */
  static async create(layout: StoreLayout, name: string): Promise<ManifestWriter> {
    const scratchPath = join(layout.scratch, `${name}.manifest`);
    return new ManifestWriter(layout, name, scratchPath, await open(scratchPath, 'wx'));
  }

  /** Adds a window. Calls must not overlap. */
  async add(record: WindowRecord): Promise<void> {
    this.#index.push({ region: record.region, window: record.window, offset: this.#offset + this.#pendingBytes });
    await this.#append(encodeRecord(record));
  }

  /** @param json what is known of the version: enough to rebuild its rows */
  async finish(json: unknown): Promise<void> {
    const text = Buffer.from(JSON.stringify(json));
    const jsonOffset = this.#offset + this.#pendingBytes;
    await this.#append(text);
    const index = Buffer.alloc(this.#index.length * indexEntry.size);
    this.#index.forEach(({ region, window, offset }, i) =>
      indexEntry.write(index, { region, window: BigInt(window), offset: BigInt(offset) }, i * indexEntry.size),
    );
    const indexOffset = this.#offset + this.#pendingBytes;
    await this.#append(index);
    const end = Buffer.alloc(manifestEnd.size);
    manifestEnd.write(end, {
      magic: MANIFEST_END_MAGIC,
      jsonOffset: BigInt(jsonOffset),
      jsonBytes: text.length,
      jsonCrc: crc32(text),
      indexOffset: BigInt(indexOffset),
      recordCount: BigInt(this.#index.length),
      indexCrc: crc32(index),
    });
    manifestEnd.write(end, { crc: crc32(end.subarray(0, 60)) });
    await this.#append(end);
    await this.#flush();
    await this.#handle.sync().catch((error) => {
      throw ioError(error, 'WRITE_FAILED', { path: this.#scratchPath });
    });
    await this.#handle.close();
    await mkdir(this.#layout.manifests, { recursive: true });
    await rename(this.#scratchPath, manifestPath(this.#layout, this.#name));
    await syncFolder(this.#layout.manifests);
  }

  async discard(): Promise<void> {
    await this.#handle.close();
    await rm(this.#scratchPath, { force: true });
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= FLUSH_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    this.#pendingBytes = 0;
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await this.#handle
        .write(bytes, done, bytes.length - done, this.#offset)
        .catch((error) => {
          throw ioError(error, 'WRITE_FAILED', { path: this.#layout.root });
        });
      done += bytesWritten;
      this.#offset += bytesWritten;
    }
  }
}
