/** Where every chunk lies: the tables `pack`, `frame` and `chunk`. Can be rebuilt from the packs alone. */
import type Database from 'better-sqlite3';
import { FrameReader, type FramePlace } from './frame-reader.ts';
import { KeptFrames } from './kept-frames.ts';
import { CHUNK_ENTRY_BYTES, frameHeader, HASH_BYTES } from './pack-format.ts';
import { packPath } from './pack-path.ts';
import type { WrittenPack } from './pack-writer.ts';
import type { StoreLayout } from './store-layout.ts';
import { UnfinishedPacks } from './unfinished-packs.ts';

interface FrameRow {
  id: number;
  pack: string;
  offset: number;
  head_bytes: number;
  stored_bytes: number;
  raw_bytes: number;
}

interface ChunkRow {
  frame_id: number;
  offset: number;
  length_bytes: number;
}

/** A chunk's place, with what it costs. */
export interface IndexedChunk {
  readonly frameId: number;
  readonly offsetInFrame: number;
  readonly lengthBytes: number;
}

export interface IndexedFrame extends FramePlace {
  readonly id: number;
  /** its pack's name */
  readonly pack: string;
  readonly rawBytes: number;
}

const MAX_CACHED_FRAMES = 10_000;
/** Unpacked, of 4 MiB each: whoever jumps about in metadata comes back to the same few. */
const MAX_UNPACKED_FRAMES = 12;

export class ChunkIndex {
  /** of the captures that run in this engine, by their names */
  readonly unfinished = new UnfinishedPacks();
  readonly kept: KeptFrames;
  #timesSetAside = 0;
  #unpacked: FrameReader | null = null;
  #borrowers = 0;
  readonly #db: Database.Database;
  readonly #layout: StoreLayout;
  readonly #findChunk: Database.Statement<[Uint8Array], ChunkRow>;
  readonly #findFrame: Database.Statement<[number], FrameRow>;
  readonly #frames = new Map<number, IndexedFrame>();

  constructor(db: Database.Database, layout: StoreLayout) {
    this.#db = db;
    this.#layout = layout;
    this.kept = new KeptFrames(layout.scratch);
    this.#findChunk = db.prepare('SELECT frame_id, offset, length_bytes FROM chunk WHERE hash = ?');
    this.#findFrame = db.prepare(
      'SELECT frame.id, pack.name AS pack, frame.offset, head_bytes, stored_bytes, raw_bytes FROM frame JOIN pack ON pack.id = pack_id WHERE frame.id = ?',
    );
  }

  find(hash: Uint8Array): IndexedChunk | null {
    const row = this.#findChunk.get(hash);
    return row ? { frameId: row.frame_id, offsetInFrame: row.offset, lengthBytes: row.length_bytes } : null;
  }

  /** Many questions at once: for each that is asked by itself the database is locked and unlocked. */
  together<T>(ask: () => T): T {
    return this.#db.transaction(ask).deferred();
  }

  /** A chunk with the frame that holds it. Asks twice: another process may prune, and move it between both questions. */
  place(hash: Uint8Array): { chunk: IndexedChunk; frame: IndexedFrame } | null {
    for (let tries = 0; tries < 2; tries++) {
      const chunk = this.find(hash);
      const frame = chunk && this.frame(chunk.frameId);
      if (chunk && frame) return { chunk, frame };
    }
    return null;
  }

  frame(id: number): IndexedFrame | null {
    const cached = this.#frames.get(id);
    if (cached) return cached;
    const row = this.#findFrame.get(id);
    if (!row) return null;
    const frame = toFrame(this.#layout, row);
    if (this.#frames.size >= MAX_CACHED_FRAMES) this.#frames.clear();
    this.#frames.set(id, frame);
    return frame;
  }

  /** Frames may have moved: a prune ran. */
  forgetFrames(): void {
    this.#frames.clear();
    this.#unpacked?.close();
  }

  /** For whoever reads single chunks in the engine's thread: all of them share the same few unpacked frames. */
  borrowFrames(): FrameReader {
    this.#borrowers++;
    return (this.#unpacked ??= new FrameReader(MAX_UNPACKED_FRAMES));
  }

  returnFrames(): void {
    if (--this.#borrowers > 0) return;
    this.#unpacked?.close();
    this.#unpacked = null;
  }

  /** Compressed bytes in the store. */
  storedBytes(): number {
    return this.#db.prepare<[], number>('SELECT coalesce(sum(length_bytes), 0) FROM pack').pluck().get()!;
  }

  /**
   * Makes a finished pack's chunks known, in one transaction. A chunk that is known already keeps its older place.
   * @param maker of a version that does not exist yet: it counts on the pack, and on those that have such chunks; null: it is there for good
   */
  addPack(pack: WrittenPack, maker: object | null = null): void {
    if (maker) this.unfinished.add(pack.name, maker);
    const elsewhere = this.#db.transaction(() => insertPack(this.#db, pack))();
    for (const hash of maker ? elsewhere : []) {
      const place = this.place(hash);
      if (place) this.unfinished.hold(place.frame.pack, maker!);
    }
  }

  /** How often chunks were set aside since this was opened. */
  get timesSetAside(): number {
    return this.#timesSetAside;
  }

  /** Forgets a pack with all that is in it; its file may go then. */
  removePack(name: string): void {
    this.#db.transaction(() => {
      this.#db
        .prepare(
          'DELETE FROM chunk WHERE frame_id IN (SELECT frame.id FROM frame JOIN pack ON pack.id = pack_id WHERE name = ?)',
        )
        .run(name);
      this.#db
        .prepare(
          'DELETE FROM lost_chunk WHERE frame_id IN (SELECT frame.id FROM frame JOIN pack ON pack.id = pack_id WHERE name = ?)',
        )
        .run(name);
      this.#db.prepare('DELETE FROM pack WHERE name = ?').run(name);
      // where the process dies before the file is gone, the next writer removes it
      this.expectPack(name);
    })();
    this.forgetFrames();
  }

  /** Says that a pack is about to get its name: until {@link addPack} speaks of it, it is nobody's. */
  expectPack(name: string): void {
    this.#db.prepare('INSERT OR IGNORE INTO expected_pack (name) VALUES (?)').run(name);
  }

  /** Packs that were announced, or given up, and whose rows are not there. */
  expectedPacks(): string[] {
    return this.#db
      .prepare<[], string>('SELECT name FROM expected_pack WHERE name NOT IN (SELECT name FROM pack)')
      .pluck()
      .all();
  }

  forgetExpected(): void {
    this.#db.exec('DELETE FROM expected_pack');
  }

  /**
   * The chunks of a frame that cannot be read are not found any more: a capture that meets their content again stores it anew.
   * Where they were is kept, for {@link takeBack}.
   */
  setAside(frameId: number): void {
    this.#timesSetAside++;
    this.#db.transaction(() => {
      this.#db
        .prepare(
          `INSERT OR IGNORE INTO lost_chunk (frame_id, hash, offset, length_bytes)
           SELECT frame_id, hash, offset, length_bytes FROM chunk WHERE frame_id = ?`,
        )
        .run(frameId);
      this.#db.prepare('DELETE FROM chunk WHERE frame_id = ?').run(frameId);
    })();
  }

  /** Frames whose chunks were set aside. */
  framesSetAside(): IndexedFrame[] {
    return this.#db
      .prepare<[], FrameRow>(
        `SELECT frame.id, pack.name AS pack, frame.offset, head_bytes, stored_bytes, raw_bytes
         FROM frame JOIN pack ON pack.id = pack_id
         WHERE NOT is_condemned AND frame.id IN (SELECT DISTINCT frame_id FROM lost_chunk) ORDER BY pack.name, frame.offset`,
      )
      .all()
      .map((row) => toFrame(this.#layout, row));
  }

  /** Packs that have rows. */
  packNames(): string[] {
    return this.#db.prepare<[], string>('SELECT name FROM pack').pluck().all();
  }

  /** Frames of the packs in use. */
  framePlaces(): { id: number; pack: string; offset: number; isSetAside: number }[] {
    return this.#db
      .prepare<[], { id: number; pack: string; offset: number; isSetAside: number }>(
        `SELECT frame.id, pack.name AS pack, offset, EXISTS (SELECT 1 FROM lost_chunk WHERE frame_id = frame.id) AS isSetAside
         FROM frame JOIN pack ON pack.id = pack_id WHERE NOT is_condemned`,
      )
      .all();
  }

  /** A frame that was set aside is whole: its chunks are found again, but for those that were stored anew since. */
  takeBack(frameId: number): void {
    this.#db.transaction(() => {
      this.#db
        .prepare(
          `INSERT OR IGNORE INTO chunk (hash, frame_id, offset, length_bytes)
           SELECT hash, frame_id, offset, length_bytes FROM lost_chunk WHERE frame_id = ?`,
        )
        .run(frameId);
      this.#db.prepare('DELETE FROM lost_chunk WHERE frame_id = ?').run(frameId);
    })();
  }

  /** Whether what the index says of a frame's chunks is what the frame's own table says. */
  agreesWith(frameId: number, table: Uint8Array): boolean {
    const places = new Map<number, { hash: Uint8Array; lengthBytes: number }>();
    const bytes = Buffer.from(table.buffer, table.byteOffset, table.byteLength);
    for (let at = 0, offset = 0; at < bytes.length; at += CHUNK_ENTRY_BYTES) {
      const lengthBytes = bytes.readUInt32LE(at + HASH_BYTES);
      places.set(offset, { hash: bytes.subarray(at, at + HASH_BYTES), lengthBytes });
      offset += lengthBytes;
    }
    return this.#db
      .prepare<[number], { hash: Uint8Array; offset: number; length_bytes: number }>(
        'SELECT hash, offset, length_bytes FROM chunk WHERE frame_id = ?',
      )
      .all(frameId)
      .every(({ hash, offset, length_bytes }) => {
        const place = places.get(offset);
        return place?.lengthBytes === length_bytes && Buffer.compare(place.hash, hash) === 0;
      });
  }

  /** Every frame of the packs in use, in their order on disk; with a pack's name, only its frames. */
  *frames(pack?: string): Generator<IndexedFrame> {
    let after = { pack: '', offset: -1 };
    const page = this.#db.prepare<[string, string, number, string | null, string | null], FrameRow>(
      `SELECT frame.id, pack.name AS pack, frame.offset, head_bytes, stored_bytes, raw_bytes
       FROM frame JOIN pack ON pack.id = pack_id
       WHERE NOT is_condemned AND (pack.name > ? OR (pack.name = ? AND frame.offset > ?)) AND (? IS NULL OR pack.name = ?)
       ORDER BY pack.name, frame.offset LIMIT 1000`,
    );
    for (;;) {
      const rows = page.all(after.pack, after.pack, after.offset, pack ?? null, pack ?? null);
      if (rows.length === 0) return;
      for (const row of rows) yield toFrame(this.#layout, row);
      after = rows[rows.length - 1];
    }
  }
}

function toFrame(layout: StoreLayout, row: FrameRow): IndexedFrame {
  return {
    id: row.id,
    pack: row.pack,
    packPath: packPath(layout, row.pack),
    offset: row.offset,
    headBytes: row.head_bytes,
    storedBytes: row.stored_bytes,
    rawBytes: row.raw_bytes,
  };
}

/**
 * The rows of a pack; the caller holds the transaction.
 * @param hasRow whether it may have one already, for frames that are kept of what could be read in part only
 * @returns names of chunks that are found elsewhere already
 */
export function insertPack(db: Database.Database, pack: WrittenPack, hasRow = false): Uint8Array[] {
  const elsewhere: Uint8Array[] = [];
  const addFrame = db.prepare(
    'INSERT INTO frame (pack_id, offset, head_bytes, stored_bytes, raw_bytes) VALUES (?, ?, ?, ?, ?)',
  );
  const addChunk = db.prepare('INSERT OR IGNORE INTO chunk (hash, frame_id, offset, length_bytes) VALUES (?, ?, ?, ?)');
  db.prepare('DELETE FROM expected_pack WHERE name = ?').run(pack.name);
  const packId = db
    .prepare<[string, number], number>(
      `INSERT INTO pack (name, length_bytes) VALUES (?, ?)
       ${hasRow ? 'ON CONFLICT (name) DO UPDATE SET length_bytes = excluded.length_bytes' : ''} RETURNING id`,
    )
    .pluck()
    .get(pack.name, pack.lengthBytes)!;
  for (const { offset, storedBytes, rawBytes, table } of pack.frames) {
    const frameId = addFrame.run(
      packId,
      offset,
      frameHeader.size + table.length,
      storedBytes,
      rawBytes,
    ).lastInsertRowid;
    let chunkOffset = 0;
    for (let at = 0; at < table.length; at += CHUNK_ENTRY_BYTES) {
      const lengthBytes = Buffer.from(table.buffer, table.byteOffset + at + HASH_BYTES, 4).readUInt32LE();
      const hash = table.subarray(at, at + HASH_BYTES);
      if (addChunk.run(hash, frameId, chunkOffset, lengthBytes).changes === 0) elsewhere.push(hash);
      chunkOffset += lengthBytes;
    }
  }
  return elsewhere;
}
