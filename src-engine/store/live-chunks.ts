/** Which chunks are still referred to: marked in a temporary table, so that memory does not grow with the store. */
import type Database from 'better-sqlite3';
import { CHUNK_ENTRY_BYTES, HASH_BYTES } from './pack-format.ts';
import type { WrittenPack } from './pack-writer.ts';
import { insertPack } from './chunk-index.ts';

/** How much of a pack is alive, in uncompressed bytes. */
export interface PackUse {
  readonly name: string;
  readonly rawBytes: number;
  readonly liveRawBytes: number;
}

export class LiveChunks {
  static #count = 0;
  readonly #db: Database.Database;
  /** of its own: two exports may look at once */
  readonly #live: string;

  constructor(db: Database.Database) {
    this.#db = db;
    const name = `live_${LiveChunks.#count++}`;
    this.#live = `temp.${name}`;
    db.exec(`CREATE TEMP TABLE ${name} (hash BLOB PRIMARY KEY) WITHOUT ROWID`);
  }

  close(): void {
    if (this.#db.open) this.#db.exec(`DROP TABLE IF EXISTS ${this.#live}`);
  }

  mark(hashes: readonly Uint8Array[]): void {
    const add = this.#db.prepare(`INSERT OR IGNORE INTO ${this.#live} (hash) VALUES (?)`);
    this.#db.transaction(() => hashes.forEach((hash) => add.run(hash)))();
  }

  /** @param table of a frame: its chunks are found there, and are not looked for any more */
  unmark(table: Uint8Array): void {
    const remove = this.#db.prepare(`DELETE FROM ${this.#live} WHERE hash = ?`);
    this.#db.transaction(() => {
      for (let at = 0; at < table.length; at += CHUNK_ENTRY_BYTES) remove.run(table.subarray(at, at + HASH_BYTES));
    })();
  }

  /** How many of the chunks that are referred to are in no pack that the index knows. */
  missing(): number {
    return this.#db
      .prepare<[], number>(
        `SELECT count(*) FROM ${this.#live} AS live WHERE NOT EXISTS (
           SELECT 1 FROM chunk JOIN frame ON frame.id = frame_id JOIN pack ON pack.id = pack_id
           WHERE chunk.hash = live.hash AND NOT is_condemned)`,
      )
      .pluck()
      .get()!;
  }

  isLive(hash: Uint8Array): boolean {
    return this.#db.prepare(`SELECT 1 FROM ${this.#live} WHERE hash = ?`).get(hash) !== undefined;
  }

  /** Packs that hold what is referred to, with the length that they must have at least. */
  neededPacks(): { name: string; lengthBytes: number }[] {
    return this.#db
      .prepare<[], { name: string; lengthBytes: number }>(
        `SELECT pack.name AS name, max(frame.offset + head_bytes + stored_bytes) AS lengthBytes
         FROM pack JOIN frame ON pack_id = pack.id WHERE NOT is_condemned AND EXISTS (
           SELECT 1 FROM chunk WHERE frame_id = frame.id AND hash IN (SELECT hash FROM ${this.#live}))
         GROUP BY pack.id`,
      )
      .all();
  }

  packs(): PackUse[] {
    return this.#db
      .prepare<[], PackUse>(
        `SELECT pack.name AS name,
           coalesce((SELECT sum(raw_bytes) FROM frame WHERE pack_id = pack.id), 0) AS rawBytes,
           coalesce((SELECT sum(chunk.length_bytes) FROM chunk JOIN frame ON frame.id = frame_id
             WHERE pack_id = pack.id AND hash IN (SELECT hash FROM ${this.#live})), 0) AS liveRawBytes
         FROM pack WHERE NOT is_condemned`,
      )
      .all();
  }

  /** Offsets of a frame's living chunks, where the index finds them in this frame and not in another. */
  offsetsIn(frameId: number): Uint32Array {
    const offsets = this.#db
      .prepare<[number], number>(
        `SELECT offset FROM chunk WHERE frame_id = ? AND hash IN (SELECT hash FROM ${this.#live})`,
      )
      .pluck()
      .all(frameId);
    return Uint32Array.from(offsets);
  }

  /** Makes a new pack known, its chunks found there from now on. */
  replace(pack: WrittenPack): void {
    this.#db.transaction(() => {
      const remove = this.#db.prepare('DELETE FROM chunk WHERE hash = ?');
      for (const { table } of pack.frames) {
        for (let at = 0; at < table.length; at += CHUNK_ENTRY_BYTES) remove.run(table.subarray(at, at + HASH_BYTES));
      }
      insertPack(this.#db, pack);
    })();
  }

  /** Says which packs are to go. Little is written: on a full disk their files make the room for {@link forgetCondemnedChunks}. */
  condemn(names: readonly string[]): void {
    this.#db.transaction(() => {
      for (const name of names) this.#db.prepare('UPDATE pack SET is_condemned = 1 WHERE name = ?').run(name);
    })();
  }

  condemned(): string[] {
    return condemnedPacks(this.#db);
  }

  forgetPack(name: string): void {
    this.#db.prepare('DELETE FROM pack WHERE name = ?').run(name);
  }
}

function condemnedPacks(db: Database.Database): string[] {
  return db.prepare<[], string>('SELECT name FROM pack WHERE is_condemned').pluck().all();
}

/** The chunks of condemned packs are no longer found. */
export function forgetCondemnedChunks(db: Database.Database): void {
  const frames = 'SELECT frame.id FROM frame JOIN pack ON pack.id = pack_id WHERE name = ?';
  db.transaction(() => {
    for (const name of condemnedPacks(db)) {
      for (const table of ['chunk', 'lost_chunk']) {
        db.prepare(`DELETE FROM ${table} WHERE frame_id IN (${frames})`).run(name);
      }
      db.prepare('DELETE FROM frame WHERE pack_id = (SELECT id FROM pack WHERE name = ?)').run(name);
      db.prepare('UPDATE pack SET length_bytes = 0 WHERE name = ?').run(name);
    }
  })();
}
