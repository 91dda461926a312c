/** Writes one pack file: under a temporary name, synced, then renamed. Only then may the index speak of it. */
import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '../core/durable.ts';
import { AppendedFile } from './appended-file.ts';
import {
  encodeFrameHead,
  headSum,
  PACK_END_MAGIC,
  PACK_MAGIC,
  packEnd,
  packHeader,
  type Frame,
} from './pack-format.ts';
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
  /** of its header and table, and so of `payloadCrc` */
  readonly headSum: number;
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
  readonly #file: AppendedFile;
  readonly #frames: WrittenFrame[] = [];

  private constructor(layout: StoreLayout, name: string, scratchPath: string, file: AppendedFile) {
    this.name = name;
    this.#layout = layout;
    this.#scratchPath = scratchPath;
    this.#file = file;
  }

  static async create(layout: StoreLayout): Promise<PackWriter> {
    const name = randomUUID();
    const scratchPath = join(layout.scratch, `${name}.pack`);
    const file = await AppendedFile.create(scratchPath, layout.root);
    const writer = new PackWriter(layout, name, scratchPath, file);
    const header = Buffer.alloc(packHeader.size);
    packHeader.write(header, { magic: PACK_MAGIC, packId: Buffer.from(name.replaceAll('-', ''), 'hex') });
    await file.append(header);
    return writer;
  }

  get lengthBytes(): number {
    return this.#file.lengthBytes;
  }

  /** Appends a frame. Calls must not overlap. @throws EngineError `DISK_FULL`, `WRITE_FAILED` */
  async append(frame: Frame): Promise<void> {
    const offset = this.#file.lengthBytes;
    const head = encodeFrameHead(frame);
    await this.#file.append(head);
    await this.#file.append(frame.payload);
    this.#frames.push({
      offset,
      codec: frame.codec,
      rawBytes: frame.rawBytes,
      storedBytes: frame.payload.length,
      payloadCrc: frame.payloadCrc,
      headSum: headSum(head),
      table: frame.table,
    });
  }

  /** Makes the pack durable under its real name. */
  async finish(): Promise<WrittenPack> {
    const end = Buffer.alloc(packEnd.size);
    packEnd.write(end, { magic: PACK_END_MAGIC, frameCount: this.#frames.length });
    packEnd.write(end, { crc: crc32(end.subarray(0, 12)) });
    await this.#file.append(end);
    const { lengthBytes } = this.#file;
    await this.#file.finish();
    const path = packPath(this.#layout, this.name);
    await mkdir(dirname(path), { recursive: true });
    await rename(this.#scratchPath, path);
    await syncFolder(dirname(path));
    await syncFolder(this.#layout.packs);
    return { name: this.name, lengthBytes, frames: this.#frames };
  }

  /** Removes what was written so far. */
  discard(): Promise<void> {
    return this.#file.discard();
  }
}
