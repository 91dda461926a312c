/** Writes one pack file: under a temporary name, synced, then renamed. Only then may the index speak of it. */
import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ioError } from '../core/engine-error.ts';
import { syncFolder } from '../core/durable.ts';
import { encodeFrameHead, PACK_END_MAGIC, PACK_MAGIC, packEnd, packHeader, type Frame } from './pack-format.ts';
import { packPath } from './pack-path.ts';
import type { StoreLayout } from './store-layout.ts';

/** A pack is finished when it has grown past this. */
export const PACK_TARGET_BYTES = 256 * 1024 * 1024;

/** What the index needs to know of a frame; the payload is on the disk by then. */
export interface WrittenFrame {
  /** where the frame's header begins in the pack */
  readonly offset: number;
  readonly codec: number;
  readonly rawBytes: number;
  readonly storedBytes: number;
  readonly payloadCrc: number;
  readonly table: Uint8Array;
}

export interface WrittenPack {
  readonly name: string;
  readonly lengthBytes: number;
  readonly frames: readonly WrittenFrame[];
}

export class PackWriter {
  readonly name: string;
  readonly #layout: StoreLayout;
  readonly #scratchPath: string;
  readonly #handle: FileHandle;
  readonly #frames: WrittenFrame[] = [];
  #offset = 0;

  private constructor(layout: StoreLayout, name: string, scratchPath: string, handle: FileHandle) {
    this.name = name;
    this.#layout = layout;
    this.#scratchPath = scratchPath;
    this.#handle = handle;
  }

  static async create(layout: StoreLayout): Promise<PackWriter> {
    const name = randomUUID();
    const scratchPath = join(layout.scratch, `${name}.pack`);
    const handle = await open(scratchPath, 'wx');
    const writer = new PackWriter(layout, name, scratchPath, handle);
    const header = Buffer.alloc(packHeader.size);
    packHeader.write(header, { magic: PACK_MAGIC, packId: Buffer.from(name.replaceAll('-', ''), 'hex') });
    await writer.#write([header]);
    return writer;
  }

  get lengthBytes(): number {
    return this.#offset;
  }

  /** Appends a frame. Calls must not overlap. @throws EngineError `DISK_FULL`, `WRITE_FAILED` */
  async append(frame: Frame): Promise<void> {
    const offset = this.#offset;
    await this.#write([encodeFrameHead(frame), frame.payload]);
    this.#frames.push({
      offset,
      codec: frame.codec,
      rawBytes: frame.rawBytes,
      storedBytes: frame.payload.length,
      payloadCrc: crc32(frame.payload),
      table: frame.table,
    });
  }

  /** Makes the pack durable under its real name. */
  async finish(): Promise<WrittenPack> {
    const end = Buffer.alloc(packEnd.size);
    packEnd.write(end, { magic: PACK_END_MAGIC, frameCount: this.#frames.length });
    packEnd.write(end, { crc: crc32(end.subarray(0, 12)) });
    await this.#write([end]);
    await this.#handle.sync().catch((error) => {
      throw ioError(error, 'WRITE_FAILED', { path: this.#scratchPath });
    });
    await this.#handle.close();
    const path = packPath(this.#layout, this.name);
    await mkdir(dirname(path), { recursive: true });
    await rename(this.#scratchPath, path);
    await syncFolder(dirname(path));
    await syncFolder(this.#layout.packs);
    return { name: this.name, lengthBytes: this.#offset, frames: this.#frames };
  }

  /** Removes what was written so far. */
  async discard(): Promise<void> {
    await this.#handle.close();
    await rm(this.#scratchPath, { force: true });
  }

  async #write(buffers: Uint8Array[]): Promise<void> {
    for (const bytes of buffers) {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#handle
          .write(bytes, done, bytes.length - done, this.#offset)
          .catch((error) => {
            throw ioError(error, 'WRITE_FAILED', { path: this.#layout.root, offsetBytes: this.#offset });
          });
        done += bytesWritten;
        this.#offset += bytesWritten;
      }
    }
  }
}
