/** Frames of somebody else's packs, taken into packs of our own: those with chunks that the store does not have, each checked by its hashes. */
import { open, rm } from 'node:fs/promises';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { FramePlace } from '../../store/frame-reader.ts';
import { CHUNK_ENTRY_BYTES, frameHeader, HASH_BYTES } from '../../store/pack-format.ts';
import { packPath } from '../../store/pack-path.ts';
import { scanPack } from '../../store/pack-scanner.ts';
import { PACK_TARGET_BYTES, PackWriter, type WrittenFrame } from '../../store/pack-writer.ts';
import type { PressPool } from '../../store/press-pool.ts';
import { recheckPack } from '../../versions/recheck-frames.ts';
import type { EngineParts } from '../engine-parts.ts';

export class AdoptedPacks {
  readonly #parts: EngineParts;
  readonly #pool: PressPool;
  readonly #context: JobContext;
  #pack: PackWriter | null = null;
  #newBytes = 0;
  #verifiedBytes = 0;
  #hasShared = false;

  constructor(parts: EngineParts, pool: PressPool, context: JobContext) {
    this.#parts = parts;
    this.#pool = pool;
    this.#context = context;
  }

  /** pack bytes that were added */
  get newBytes(): number {
    return this.#newBytes;
  }

  get verifiedBytes(): number {
    return this.#verifiedBytes;
  }

  /** whether the store had some of it already */
  get hasShared(): boolean {
    return this.#hasShared;
  }

  /** @param name for errors @throws EngineError `FORMAT_INVALID` where it is no whole pack; `PACK_DAMAGED`, `DISK_FULL` */
  async add(path: string, name: string): Promise<void> {
    const scanned = await scanPack(path, name, this.#context.signal);
    if (scanned.skippedBytes > 0 || scanned.frames.length === 0) {
      throw new EngineError('FORMAT_INVALID', { path: name, field: 'pack', value: String(scanned.skippedBytes) });
    }
    const handle = await open(path, 'r');
    try {
      for (const frame of scanned.frames) {
        this.#context.signal.throwIfAborted();
        if (this.#isKnown(frame)) {
          this.#hasShared = true;
          continue;
        }
        const headBytes = frameHeader.size + frame.table.length;
        const place: FramePlace = { packPath: path, offset: frame.offset, headBytes, storedBytes: frame.storedBytes };
        // it is read once more below
        await this.#pool.request(this.#pool.pickThread(), { kind: 'audit', place, from: 'cache' });
        this.#verifiedBytes += frame.rawBytes;
        const payload = Buffer.alloc(frame.storedBytes);
        await handle.read(payload, 0, payload.length, frame.offset + headBytes);
        this.#pack ??= await PackWriter.create(this.#parts.layout);
        await this.#pack.append({ ...frame, payload });
        if (this.#pack.lengthBytes >= PACK_TARGET_BYTES) await this.finish();
      }
    } finally {
      await handle.close();
    }
  }

  /** Ends the pack that is being written: it is read back, and its chunks are known then. @throws EngineError as {@link recheckPack} */
  async finish(): Promise<void> {
    const pack = this.#pack;
    this.#pack = null;
    if (!pack) return;
    this.#parts.index.expectPack(pack.name);
    const written = await pack.finish();
    await recheckPack(this.#pool, this.#parts.layout, written, this.#context.signal);
    this.#parts.index.addPack(written, this);
    this.#newBytes += written.lengthBytes;
  }

  /** The version exists: what it needs stays. */
  keep(): void {
    this.#parts.index.unfinished.keep(this);
  }

  /** Removes all that was added and that no other job has built on. What cannot be removed stays, unreferenced, until a prune. */
  async takeBack(): Promise<void> {
    await this.#pack?.discard().catch(() => {});
    for (const name of this.#parts.index.unfinished.giveUp(this)) {
      try {
        // first the rows, then the file: nothing may be built on chunks that are gone
        this.#parts.index.removePack(name);
        await rm(packPath(this.#parts.layout, name), { force: true });
      } catch {
        // a prune removes it
      }
    }
  }

  #isKnown({ table }: WrittenFrame): boolean {
    for (let at = 0; at < table.length; at += CHUNK_ENTRY_BYTES) {
      const place = this.#parts.index.place(table.subarray(at, at + HASH_BYTES));
      if (!place) return false;
      this.#parts.index.unfinished.hold(place.frame.pack, this);
    }
    return true;
  }
}
