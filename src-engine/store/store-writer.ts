/**
 * Takes the windows of one capture into the store: cut, compared with what is known, compressed, written to packs, and
 * recorded in manifests, one for each disk. The version exists when {@link StoreWriter.finish} has returned and the catalog has its row.
 */
import { rm } from 'node:fs/promises';
import { toEngineError } from '../core/engine-error.ts';
import { releaseMemory } from '../core/release-memory.ts';
import type { ChunkIndex, IndexedChunk, IndexedFrame } from './chunk-index.ts';
import { ManifestWriter } from './manifest-writer.ts';
import { CHUNK_ENTRY_BYTES, HASH_BYTES, type Frame } from './pack-format.ts';
import { packPath } from './pack-path.ts';
import { PACK_TARGET_BYTES, PackWriter, type WrittenFrame } from './pack-writer.ts';
import type { PressPool } from './press-pool.ts';
import type { CutResult } from './press.ts';
import type { StoreLayout } from './store-layout.ts';
import { isZeroHash, type WindowRecord } from './manifest-format.ts';

/** Compressed bytes that may wait for the disk, of all captures of an engine together. */
const MAX_BACKLOG_BYTES = 16 * 1024 * 1024;

export interface StoreTotals {
  /** pack bytes that this capture added */
  readonly newBytes: number;
  /** compressed bytes that the version refers to, about: chunks share frames */
  readonly storedBytes: number;
}

/** A chunk that an earlier version has: all zeros for one of zeros. */
export interface KnownChunk {
  readonly hash: Uint8Array;
  readonly lengthBytes: number;
}

/** A part of what is used of a window: it is known, or it is read. */
export type WindowPart = KnownChunk | { readonly runs: readonly number[] };

interface Recorded {
  readonly manifest: ManifestWriter;
  readonly record: WindowRecord;
}

/** @param pressed the chunks of what was read, none of which goes over the end of its part */
function joinParts(parts: readonly WindowPart[], pressed: CutResult | null): Pick<WindowRecord, 'lengths' | 'hashes'> {
  const lengths: number[] = [];
  const hashes: Uint8Array[] = [];
  let next = 0;
  for (const part of parts) {
    if ('hash' in part) {
      lengths.push(part.lengthBytes);
      hashes.push(part.hash);
      continue;
    }
    let left = 0;
    for (let i = 1; i < part.runs.length; i += 2) left += part.runs[i];
    for (; left > 0; next++) {
      lengths.push(pressed!.lengths[next]);
      hashes.push(pressed!.hashes.subarray(next * HASH_BYTES, (next + 1) * HASH_BYTES));
      left -= pressed!.lengths[next];
    }
  }
  return { lengths: Uint32Array.from(lengths), hashes: Buffer.concat(hashes) };
}

export class StoreWriter {
  /** how many write at the moment */
  static #writing = 0;
  readonly #layout: StoreLayout;
  readonly #index: ChunkIndex;
  readonly #pool: PressPool;
  readonly #level: number;
  /** chunks that this capture has taken and the index does not know yet, by the pack that they will be in */
  readonly #taken = new Set<string>();
  /** the last is of the disk that windows come from now */
  readonly #manifests: ManifestWriter[] = [];
  /** null: nothing of that window is kept */
  readonly #records = new Map<number, Recorded | null>();
  #nextRecord = 0;
  #pack: PackWriter | null = null;
  #packTail: Promise<void> = Promise.resolve();
  #recordTail: Promise<void> = Promise.resolve();
  readonly #finishing: Promise<void>[] = [];
  /** this capture's packs that are durable, indexed or not, with the `headSum` of each frame */
  readonly #finished = new Map<string, Uint32Array>();
  #backlogBytes = 0;
  #newBytes = 0;
  #sharedBytes = 0;
  #addedBytes = 0;
  #failure: Error | null = null;
  #isWriting = true;

  /** Is told of each pack that is durable and indexed; where it fails, the capture does. */
  onPack: (name: string) => Promise<void> = () => Promise.resolve();

  /** @param level zstd's */
  constructor(layout: StoreLayout, index: ChunkIndex, pool: PressPool, level: number) {
    this.#layout = layout;
    this.#index = index;
    this.#pool = pool;
    this.#level = level;
    StoreWriter.#writing++;
    pool.onLeftover = (frames) => this.#enqueue(frames);
  }

  /** What is added from now on is of another disk. @param name of its manifest */
  async beginDisk(name: string): Promise<void> {
    this.#manifests.push(await ManifestWriter.create(this.#layout, name));
  }

  get #maxBacklogBytes(): number {
    return MAX_BACKLOG_BYTES / Math.max(1, StoreWriter.#writing);
  }

  /** Whether the disk that holds the catalog is what the capture waits for. */
  get isBehind(): boolean {
    return this.#backlogBytes > this.#maxBacklogBytes / 2;
  }

  /**
   * Takes one window; many may be under way. Resolves when `memory` may be reused.
   * @param order 0, 1, 2…, through all disks: the manifests list the windows in this order
   * @param extents used runs, pairs (start, length) relative to the window
   */
  async add(
    order: number,
    region: number,
    window: number,
    memory: SharedArrayBuffer,
    extents: Uint32Array,
    unitBytes: number,
  ): Promise<void> {
    if (this.#failure) throw this.#failure;
    const manifest = this.#manifests.at(-1)!;
    const { lengths, hashes } = await this.#press(order, memory, extents, unitBytes);
    await this.#record(order, manifest, { region, window, extents, lengths, hashes });
  }

  /**
   * Takes one window of which a part is known by the names of its chunks: what they hold is not in `memory`.
   * @param parts all that is used of it, in order; those that are read have their runs, pairs (start, length), the others are of {@link takeKnown}
   * @param memory null where nothing was read @param order, extents as in {@link add}
   */
  async addKnown(
    order: number,
    region: number,
    window: number,
    memory: SharedArrayBuffer | null,
    extents: Uint32Array,
    parts: readonly WindowPart[],
    unitBytes: number,
  ): Promise<void> {
    if (this.#failure) throw this.#failure;
    const manifest = this.#manifests.at(-1)!;
    const read = parts.flatMap((part) => ('runs' in part ? [part.runs] : []));
    const lots = Uint32Array.from(read, (runs) => runs.length / 2);
    const pressed = memory && (await this.#press(order, memory, Uint32Array.from(read.flat()), unitBytes, lots));
    await this.#record(order, manifest, { region, window, extents, ...joinParts(parts, pressed) });
  }

  async #press(
    order: number,
    memory: SharedArrayBuffer,
    extents: Uint32Array,
    unitBytes: number,
    lots?: Uint32Array,
  ): Promise<CutResult> {
    const thread = this.#pool.pickThread();
    const cut = { kind: 'cut', window: order, memory, extents, unitBytes, ...(lots && { lots }) } as const;
    const { result } = await this.#pool.request(thread, cut);
    const wanted = this.#index.together(() => this.#claim(result));
    const kept = this.#pool.request(thread, { kind: 'keep', window: order, wanted, level: this.#level });
    // where all is known, the press only forgets the window: nobody waits for its turn
    if (wanted.includes(1)) this.#enqueue((await kept).frames);
    return result;
  }

  async #record(order: number, manifest: ManifestWriter, record: WindowRecord): Promise<void> {
    this.#records.set(order, { manifest, record });
    this.#writeRecords();
    if (this.#backlogBytes > this.#maxBacklogBytes) await this.#packTail;
    if (this.#failure) throw this.#failure;
  }

  /** Counts on chunks that an earlier version has, from now on. @returns those that the store has still: the others are to be read */
  takeKnown<T extends KnownChunk>(chunks: readonly T[]): T[] {
    return this.#index.together(() =>
      chunks.filter(({ hash, lengthBytes }) => {
        if (isZeroHash(hash, 0)) return true;
        const known = this.#index.find(hash);
        if (known !== null) this.#share(known, lengthBytes);
        return known !== null;
      }),
    );
  }

  /** Another capture's pack goes with it, unless somebody says that they count on it. */
  #share({ frameId }: IndexedChunk, lengthBytes: number): void {
    const frame = this.#index.frame(frameId)!;
    if (this.#finished.has(frame.pack)) return;
    this.#index.unfinished.hold(frame.pack, this);
    this.#sharedBytes += (lengthBytes * frame.storedBytes) / frame.rawBytes;
  }

  /** Takes one window of which all that is used is known to be zeros: nothing is hashed. @param order, extents as in {@link add} */
  async addZeros(order: number, region: number, window: number, extents: Uint32Array): Promise<void> {
    if (this.#failure) throw this.#failure;
    let lengthBytes = 0;
    for (let i = 1; i < extents.length; i += 2) lengthBytes += extents[i];
    const hashes = new Uint8Array(HASH_BYTES);
    const record = { region, window, extents, lengths: Uint32Array.of(lengthBytes), hashes };
    this.#records.set(order, { manifest: this.#manifests.at(-1)!, record });
    this.#writeRecords();
  }

  /** Says that nothing of a window is kept. @param order as in {@link add} */
  async skip(order: number): Promise<void> {
    if (this.#failure) throw this.#failure;
    this.#records.set(order, null);
    this.#writeRecords();
  }

  /**
   * Ends the capture: everything is on the disk and in the index, the manifests have their names.
   * @param json goes into the manifests, one for each disk, made from the totals
   */
  async finish(json: (totals: StoreTotals) => readonly unknown[]): Promise<StoreTotals> {
    const threads = Array.from({ length: this.#pool.threadCount }, (_, thread) => thread);
    const flush = { kind: 'flush', level: this.#level } as const;
    for (const { frames } of await Promise.all(threads.map((thread) => this.#pool.request(thread, flush))))
      this.#enqueue(frames);
    await this.#packTail;
    this.#finishPack();
    await Promise.all(this.#finishing);
    await this.#recordTail;
    if (this.#failure) throw this.#failure;
    this.#stop();
    const totals = { newBytes: this.#newBytes, storedBytes: this.#newBytes + Math.round(this.#sharedBytes) };
    for (const [disk, text] of json(totals).entries()) await this.#manifests[disk].finish(text);
    return totals;
  }

  /** Gives up, and takes back what was written: a disk that has become full has room again. */
  async discard(): Promise<void> {
    this.#failure ??= new Error('discarded');
    this.#stop();
    await this.#packTail;
    await this.#recordTail;
    await Promise.allSettled(this.#finishing);
    await this.#pack?.discard();
    for (const manifest of this.#manifests) await manifest.discard();
    // what another capture has built on meanwhile is its own to take back
    for (const name of this.#index.unfinished.giveUp(this)) await this.#takeBack(name);
  }

  #stop(): void {
    if (this.#isWriting) StoreWriter.#writing--;
    this.#isWriting = false;
  }

  /** The version exists: what it needs stays. */
  keep(): void {
    this.#index.unfinished.keep(this);
  }

  /** The frames of a pack that this capture has added. */
  *framesOf(pack: string): Generator<IndexedFrame & Pick<WrittenFrame, 'headSum'>> {
    const sums = this.#finished.get(pack)!;
    let i = 0;
    for (const frame of this.#index.frames(pack)) yield { ...frame, headSum: sums[i++] };
  }

  /** what this capture has added, unpacked */
  get addedBytes(): number {
    return this.#addedBytes;
  }

  async #takeBack(pack: string): Promise<void> {
    try {
      // first the rows, then the file: nothing may be built on chunks that are gone
      this.#index.removePack(pack);
      await rm(packPath(this.#layout, pack), { force: true });
    } catch {
      // it stays, unreferenced, until a prune
    }
  }

  /** Which chunks are new: neither in the index nor taken by another window of this capture. */
  #claim({ hashes, lengths, zeros }: CutResult): Uint8Array {
    const wanted = new Uint8Array(lengths.length);
    for (let i = 0; i < lengths.length; i++) {
      if (zeros[i]) continue;
      const hash = Buffer.from(hashes.buffer, hashes.byteOffset + i * HASH_BYTES, HASH_BYTES);
      const key = hash.toString('latin1');
      if (this.#taken.has(key)) continue;
      const known = this.#index.find(hash);
      if (known === null) {
        this.#taken.add(key);
        wanted[i] = 1;
      } else this.#share(known, lengths[i]);
    }
    return wanted;
  }

  #enqueue(frames: readonly Frame[]): void {
    for (const frame of frames) {
      const storedBytes = frame.payload.length;
      this.#backlogBytes += storedBytes;
      this.#packTail = this.#packTail.then(async () => {
        try {
          if (this.#failure) return;
          this.#pack ??= await PackWriter.create(this.#layout);
          await this.#pack.append(frame);
          if (this.#pack.lengthBytes >= PACK_TARGET_BYTES) this.#finishPack();
        } catch (error) {
          this.#failure ??= toEngineError(error);
        } finally {
          this.#backlogBytes -= storedBytes;
          releaseMemory(frame.payload);
        }
      });
    }
  }

  /** Syncs and indexes a pack while the next one is already written to. */
  #finishPack(): void {
    const pack = this.#pack;
    this.#pack = null;
    if (!pack) return;
    this.#finishing.push(
      this.#publishPack(pack).catch(async (error) => {
        this.#failure ??= toEngineError(error);
        await pack.discard();
      }),
    );
  }

  async #publishPack(pack: PackWriter): Promise<void> {
    this.#index.expectPack(pack.name);
    const written = await pack.finish();
    this.#finished.set(
      written.name,
      Uint32Array.from(written.frames, ({ headSum }) => headSum),
    );
    this.#index.addPack(written, this);
    this.onPack(written.name).catch((error: unknown) => (this.#failure ??= toEngineError(error)));
    this.#newBytes += written.lengthBytes;
    for (const { table, rawBytes } of written.frames) {
      this.#addedBytes += rawBytes;
      for (let at = 0; at < table.length; at += CHUNK_ENTRY_BYTES) {
        this.#taken.delete(Buffer.from(table.buffer, table.byteOffset + at, HASH_BYTES).toString('latin1'));
      }
    }
  }

  #writeRecords(): void {
    for (
      let ready = this.#records.get(this.#nextRecord);
      ready !== undefined;
      ready = this.#records.get(this.#nextRecord)
    ) {
      this.#records.delete(this.#nextRecord++);
      if (!ready) continue;
      const { manifest, record } = ready;
      this.#recordTail = this.#recordTail.then(() =>
        manifest.add(record).catch((error) => {
          this.#failure ??= toEngineError(error);
        }),
      );
    }
  }
}
