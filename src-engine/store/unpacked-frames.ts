/**
 * Frames for whoever reads a version at random for long: each is unpacked once, beside the engine's thread, and then kept in a file that has
 * no name. What is in packs is checked when it is unpacked; the file is ours alone, and gone with its process.
 */
import { randomUUID } from 'node:crypto';
import { readSync } from 'node:fs';
import { mkdir, open, rm, statfs, type FileHandle } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdDecompress } from 'node:zlib';
import { EngineError, ioError } from '../core/engine-error.ts';
import { releaseMemory } from '../core/release-memory.ts';
import { checkedPayload, unpackOptions } from './frame-codec.ts';
import { damagedFrame, isPossibleFrame, type FramePlace } from './frame-reader.ts';
import {
  CHUNK_ENTRY_BYTES,
  CODEC_STORED,
  decodeFrameHead,
  decodeFrameTable,
  frameHeader,
  HASH_BYTES,
  MAX_FRAME_RAW_BYTES,
} from './pack-format.ts';

/** In memory, of 4 MiB each: those that were unpacked last. */
const MAX_IN_MEMORY = 8;
/** More at once take memory, and are no faster than there are processors: one is read meanwhile. */
const MAX_UNDER_WAY = Math.min(4, availableParallelism() + 1);
/** Of the same threads, what nobody has asked for yet takes so many: the others are for who waits. */
const MAX_AHEAD = 2;
/** So much of a frame is read by whoever goes through a disk in order. */
const READ_ONCE_SHARE = 0.75;
/** So little of it by whoever jumps about; and so many such frames in turn are no chance. */
const JUMPED_SHARE = 0.25;
const JUMPS = 16;
/** So little is copied from the system's memory in less time than another thread takes to begin. */
const SMALL_BYTES = 64 * 1024;
/** A read that takes longer waited for the disk: so many that come next do that without the engine's thread. */
const SLOW_MS = 3;
const READS_ELSEWHERE = 256;
const MAX_OPEN_PACKS = 64;
const MAX_FILE_BYTES = 64 * 1024 * 1024 * 1024;
/** Of what is free where the file lies. */
const SHARE_OF_ROOM = 0.5;

const unpack = promisify(zstdDecompress);

interface Unpacked {
  readonly key: string;
  /** of its chunks, as the pack has it: {@link CHUNK_ENTRY_BYTES} each */
  readonly table: Uint8Array;
  /** null: it is in the file alone */
  bytes: Buffer | null;
  /** its place in the file; null: it is in memory alone, or nowhere any more */
  slot: number | null;
  /** that read its place in the file just now */
  readers: number;
  /** what was read of it since it was unpacked */
  readBytes: number;
}

export class UnpackedFrames {
  /** the first is the one that was not used longest */
  readonly #frames = new Map<string, Unpacked>();
  readonly #inMemory = new Set<Unpacked>();
  readonly #underWay = new Map<string, Promise<Unpacked>>();
  readonly #packs = new Map<string, Promise<FileHandle>>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  /** that unpack ahead: they come after all who wait for something */
  readonly #waitingAhead: (() => void)[] = [];
  #free: number[] = [];
  #slots = 0;
  #turns = 0;
  /** frames in turn of which little was read */
  #jumps = 0;
  #readsElsewhere = 0;
  #file: FileHandle | null;
  readonly #maxSlots: number;
  #isClosed = false;

  private constructor(file: FileHandle | null, maxSlots: number) {
    this.#file = file;
    this.#maxSlots = maxSlots;
  }

  /** @param folder where the file lies; where none can be made, memory alone is used @param maxBytes of it */
  static async open(folder: string, maxBytes = MAX_FILE_BYTES): Promise<UnpackedFrames> {
    try {
      await mkdir(folder, { recursive: true });
      const path = join(folder, `unpacked-${randomUUID()}`);
      const file = await open(path, 'wx+', 0o600);
      // a writer that clears up may have been faster
      await rm(path, { force: true });
      const { bavail, bsize } = await statfs(folder);
      const roomBytes = Math.min(maxBytes, bavail * bsize * SHARE_OF_ROOM);
      return new UnpackedFrames(file, Math.floor(roomBytes / MAX_FRAME_RAW_BYTES));
    } catch {
      return new UnpackedFrames(null, 0);
    }
  }

  /**
   * Fills `into` from a chunk of a frame, which must say itself that the chunk is there.
   * @param from where in the chunk
   * @throws EngineError `PACK_DAMAGED`, `CHUNK_MISSING`, `READ_FAILED`; `CATALOG_DAMAGED` where index and frame disagree
   */
  async readInto(place: FramePlace, offset: number, hash: Uint8Array, from: number, into: Uint8Array): Promise<void> {
    let frame: Unpacked;
    // where there is little room, its place may be another's by the time that it is here
    do frame = await this.#frame(place);
    while (!frame.bytes && frame.slot === null);
    if (from + into.length > lengthOfChunk(frame.table, offset, hash)) {
      throw new EngineError('CATALOG_DAMAGED', { path: place.packPath, reason: 'index' }, 'Run: diskpress repair');
    }
    const { bytes, slot } = frame;
    frame.readBytes += into.length;
    if (bytes) return void into.set(bytes.subarray(offset + from, offset + from + into.length));
    const at = slot! * MAX_FRAME_RAW_BYTES + offset + from;
    if (into.length <= SMALL_BYTES && this.#readNow(into, at)) return;
    frame.readers++;
    try {
      await readWhole(this.#file!, into, at);
    } finally {
      frame.readers--;
    }
  }

  /** @returns false where it is to be read by another thread */
  #readNow(into: Uint8Array, at: number): boolean {
    if (this.#readsElsewhere > 0) {
      this.#readsElsewhere--;
      return false;
    }
    const began = performance.now();
    const bytesRead = readSync(this.#file!.fd, into, 0, into.length, at);
    if (performance.now() - began > SLOW_MS) this.#readsElsewhere = READS_ELSEWHERE;
    return bytesRead === into.length;
  }

  /** Whether somebody jumps about: the rest of what is read will be asked for, too, and each first time is slow. */
  get isReadAtRandom(): boolean {
    return this.#jumps >= JUMPS;
  }

  /**
   * Unpacks a frame before somebody asks for it.
   * @returns whether there is room for more
   * @throws EngineError as {@link readInto}
   */
  async unpackAhead(place: FramePlace): Promise<boolean> {
    while (this.#turns + this.#leaving.size >= MAX_AHEAD) {
      await new Promise<void>((resolve) => this.#waitingAhead.push(resolve));
    }
    try {
      if (this.#isClosed || this.#slots >= this.#maxSlots) return false;
      await this.#frame(place);
      return true;
    } finally {
      // who had nothing to unpack ends no work that would wake the next
      this.#wake();
    }
  }

  /** One that was in memory or in the file just now. */
  async #frame(place: FramePlace): Promise<Unpacked> {
    const key = `${place.packPath}:${place.offset}`;
    const frame = this.#frames.get(key) ?? (await this.#load(key, place));
    if (this.#frames.delete(key)) this.#frames.set(key, frame);
    return frame;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([...this.#underWay.values(), ...this.#leaving]);
    this.#frames.clear();
    for (const { bytes } of this.#inMemory) if (bytes) releaseMemory(bytes);
    this.#inMemory.clear();
    for (const pack of await Promise.allSettled(this.#packs.values())) {
      if (pack.status === 'fulfilled') await pack.value.close();
    }
    this.#packs.clear();
    await this.#file?.close();
    this.#file = null;
  }

  #load(key: string, place: FramePlace): Promise<Unpacked> {
    let loading = this.#underWay.get(key);
    if (!loading) {
      loading = this.#inTurn(() => this.#unpack(key, place)).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, loading);
    }
    return loading;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    while (this.#turns >= MAX_UNDER_WAY) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#turns++;
    try {
      return await work();
    } finally {
      this.#turns--;
      this.#wake();
    }
  }

  #wake(): void {
    (this.#waiting.shift() ?? this.#waitingAhead.shift())?.();
  }

  async #unpack(key: string, place: FramePlace): Promise<Unpacked> {
    if (!isPossibleFrame(place)) throw damagedFrame(place, 'frame place');
    const whole = Buffer.allocUnsafeSlow(place.headBytes + place.storedBytes);
    try {
      await readWhole(await this.#pack(place.packPath), whole, place.offset);
      const head = decodeFrameHead(whole);
      if (head.headBytes !== place.headBytes || head.storedBytes !== place.storedBytes) {
        throw new EngineError('FORMAT_INVALID', { field: 'frame header' });
      }
      decodeFrameTable(whole.subarray(0, head.headBytes));
      const table = Uint8Array.from(whole.subarray(frameHeader.size, head.headBytes));
      const payload = checkedPayload(head, whole.subarray(head.headBytes));
      let bytes = payload;
      if (head.codec !== CODEC_STORED) {
        bytes = await unpack(payload, unpackOptions(head)).catch((cause) => {
          throw new EngineError('FORMAT_INVALID', { field: 'frame compression' }, '', { cause });
        });
        releaseMemory(whole);
      }
      if (bytes.length !== head.rawBytes) throw new EngineError('FORMAT_INVALID', { field: 'frame length' });
      const frame: Unpacked = { key, table, bytes, slot: null, readers: 0, readBytes: 0 };
      if (!this.#isClosed) this.#remember(key, frame);
      return frame;
    } catch (cause) {
      // it may be another file tomorrow
      const pack = this.#packs.get(place.packPath);
      this.#packs.delete(place.packPath);
      void pack?.then((file) => file.close()).catch(() => {});
      const { code, syscall } = cause as NodeJS.ErrnoException;
      if (syscall === 'open' && (code === 'ENOENT' || code === 'ENOTDIR'))
        throw new EngineError('CHUNK_MISSING', { path: place.packPath }, '', { cause });
      if (syscall !== undefined)
        throw ioError(cause, 'READ_FAILED', { path: place.packPath, offsetBytes: place.offset });
      throw damagedFrame(place, cause instanceof EngineError ? String(cause.data.field) : String(cause), cause);
    }
  }

  /** @returns its place in the file; null where there is no room */
  async #keep(bytes: Buffer): Promise<number | null> {
    if (!this.#file) return null;
    const slot = this.#free.pop() ?? (this.#slots < this.#maxSlots ? this.#slots++ : this.#evict());
    if (slot === null) return null;
    try {
      const { bytesWritten } = await this.#file.write(bytes, 0, bytes.length, slot * MAX_FRAME_RAW_BYTES);
      if (bytesWritten < bytes.length) throw new EngineError('WRITE_FAILED');
      return slot;
    } catch {
      // a disk that is full: memory is enough
      this.#free.push(slot);
      return null;
    }
  }

  /** The frame that was not used longest gives its place away. */
  #evict(): number | null {
    for (const [key, frame] of this.#frames) {
      const { slot } = frame;
      if (slot === null || frame.bytes || frame.readers > 0) continue;
      this.#frames.delete(key);
      frame.slot = null;
      return slot;
    }
    return null;
  }

  #remember(key: string, frame: Unpacked): void {
    this.#frames.set(key, frame);
    this.#inMemory.add(frame);
    for (const oldest of this.#inMemory) {
      if (this.#inMemory.size <= MAX_IN_MEMORY) break;
      this.#inMemory.delete(oldest);
      const leaving = this.#leave(oldest).finally(() => {
        this.#leaving.delete(leaving);
        this.#wake();
      });
      this.#leaving.add(leaving);
    }
  }

  /** From memory to the file, but for one that was read in order: nobody comes back to it. */
  async #leave(frame: Unpacked): Promise<void> {
    const bytes = frame.bytes!;
    const isReadOnce = frame.readBytes >= bytes.length * READ_ONCE_SHARE;
    if (isReadOnce) this.#jumps = 0;
    else if (frame.readBytes > 0 && frame.readBytes < bytes.length * JUMPED_SHARE) this.#jumps++;
    if (!isReadOnce && this.#leaving.size < MAX_UNDER_WAY) frame.slot = await this.#keep(bytes);
    frame.bytes = null;
    if (frame.slot === null && this.#frames.get(frame.key) === frame) this.#frames.delete(frame.key);
    // whoever waited for it copies first
    setImmediate(() => setImmediate(() => releaseMemory(bytes)));
  }

  #pack(path: string): Promise<FileHandle> {
    const file = this.#packs.get(path) ?? open(path, 'r');
    this.#packs.delete(path);
    this.#packs.set(path, file);
    if (this.#packs.size > MAX_OPEN_PACKS) {
      const [oldest, oldestFile] = this.#packs.entries().next().value!;
      this.#packs.delete(oldest);
      // nobody reads it: so many others were asked for since
      void oldestFile.then((one) => one.close()).catch(() => {});
    }
    return file;
  }
}

/** @returns the length of the chunk that begins there; less than nothing where none does, or another */
function lengthOfChunk(table: Uint8Array, offset: number, hash: Uint8Array): number {
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  for (let at = 0, start = 0; at < table.length && start <= offset; at += CHUNK_ENTRY_BYTES) {
    const lengthBytes = view.getUint32(at + HASH_BYTES, true);
    if (start === offset) {
      const isSame = Buffer.compare(table.subarray(at, at + HASH_BYTES), hash) === 0;
      return isSame ? lengthBytes : -1;
    }
    start += lengthBytes;
  }
  return -1;
}

async function readWhole(file: FileHandle, into: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await file.read(into, done, into.length - done, offset + done);
    if (bytesRead === 0) throw new EngineError('FORMAT_INVALID', { field: 'pack length' });
    done += bytesRead;
  }
}
