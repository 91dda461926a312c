/** The open catalog, with what jobs need of it. A damaged database leaves everything closed but repair. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { AuditLog } from '../catalog/audit-log.ts';
import { isSound, openDatabase } from '../catalog/database.ts';
import { damageOfLog } from '../catalog/log-check.ts';
import { JobRepository } from '../catalog/job-repository.ts';
import { TemplateRepository } from '../catalog/template-repository.ts';
import type { Warning } from '../contract/warnings.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { EngineParts } from '../jobs/engine-parts.ts';
import { PledgeBook } from '../jobs/pledge-book.ts';
import { removeUnfinished, unfinishedFiles } from '../versions/leftovers.ts';
import { isUntoldManifest } from '../versions/manifest-json.ts';
import { thisMachine } from '../machines/this-machine.ts';
import { ChunkIndex } from '../store/chunk-index.ts';
import { lockWriter, refuseUnwritable } from '../store/locks.ts';
import { Presses } from '../store/press-pool.ts';
import { keepReserve, releaseReserve } from '../store/reserve.ts';
import { RunnerLock } from '../store/runner-lock.ts';
import { SharedWriterLock } from '../store/shared-writer-lock.ts';
import { manifestNames, manifestPath, storeLayout, type StoreLayout } from '../store/store-layout.ts';
import { isCatalog, type IfNoCatalog } from './catalog-place.ts';
import { mayWrite, openCopy, type DatabaseCopy } from './read-only-copy.ts';

export class CatalogHandle {
  readonly layout: StoreLayout;
  /** files beside the database: they are there also where that is damaged, or there is none */
  readonly pledges: PledgeBook;
  readonly #presses: Presses;
  readonly #resourcesPath: string;
  readonly #ifNone: IfNoCatalog;
  readonly #machine = thisMachine();
  readonly #writers = new SharedWriterLock();
  /** held as long as this engine may run jobs */
  readonly runner: RunnerLock;
  #db: Database.Database | null = null;
  #parts: EngineParts | null = null;
  #jobs: JobRepository | null = null;
  #damage: EngineError | null = null;

  /** as they were when another process had last changed anything */
  #listed = { version: -1, state: '' };
  #copy: DatabaseCopy | null = null;
  #refusal: StoreLayout['refusal'];
  /** for who only looks, where there is no catalog */
  #empty: EngineParts | null = null;

  /**
   * @throws EngineError `CATALOG_TOO_NEW`, `PERMISSION_DENIED`; `CATALOG_NOT_FOUND` where none can be made
   */
  constructor(root: string, pressUrl: URL, resourcesPath: string, ifNone: IfNoCatalog) {
    this.layout = storeLayout(root);
    this.runner = new RunnerLock(this.layout);
    this.pledges = new PledgeBook(this.layout, this.runner);
    this.#presses = new Presses(pressUrl);
    this.#resourcesPath = resourcesPath;
    this.#ifNone = ifNone;
    if (isCatalog(root)) this.#openOrTell();
    else if (ifNone === 'make') this.make();
    else this.#damage = new EngineError('CATALOG_NOT_FOUND', { path: root, reason: 'nothing there' });
  }

  /** Makes a catalog where there is none. @throws EngineError `PERMISSION_DENIED`, `DISK_FULL` */
  make(): EngineParts {
    if (this.#damage?.code === 'CATALOG_NOT_FOUND' || (!this.#db && !this.#damage)) {
      makeFolders(this.layout);
      this.#damage = null;
      this.#openOrTell();
    }
    return this.parts;
  }

  #openOrTell(): void {
    try {
      this.#open();
    } catch (thrown) {
      const error = toEngineError(thrown);
      if (error.code !== 'CATALOG_DAMAGED') throw error;
      this.#damage = error;
    }
  }

  /** The catalog, or an empty one that is nowhere: for looking at what is no template. @throws EngineError `CATALOG_DAMAGED` */
  get looking(): EngineParts {
    if (this.#damage?.code !== 'CATALOG_NOT_FOUND') return this.parts;
    return (this.#empty ??= this.#partsOf(openDatabase(':memory:')));
  }

  /** The catalog for lists, which may be empty. @throws EngineError `CATALOG_DAMAGED`, `CATALOG_NOT_FOUND` */
  get listed(): EngineParts {
    return this.#ifNone === 'empty' ? this.looking : this.parts;
  }

  get machine(): EngineParts['machine'] {
    return this.#machine;
  }

  /** @throws EngineError `CATALOG_DAMAGED`; `CATALOG_NOT_FOUND` also where it is there no more; `READ_FAILED` */
  get parts(): EngineParts {
    if (!this.#parts) throw this.#damage!;
    this.#refuseGone();
    return this.#parts;
  }

  /** A disk may be unmounted while its files are open: what is open still answers, and what is asked by name is another folder's. */
  #refuseGone(): void {
    const { root, database } = this.layout;
    if (!isThere(database)) throw new EngineError('CATALOG_NOT_FOUND', { path: root, reason: 'gone' });
  }

  /**
   * Another one once another program has changed what lists show; the code of the error where the catalog is away. What this
   * process changes need not count.
   */
  get stateForOthers(): string {
    try {
      const { db } = this.parts;
      const version = Number(db.pragma('data_version', { simple: true }));
      // a capture writes every second, and its lists stay
      if (version !== this.#listed.version) this.#listed = { version, state: stateOfLists(db) };
      return this.#listed.state;
    } catch (error) {
      return toEngineError(error).code;
    }
  }

  /** Opens the catalog anew, after it was away. Nothing may run and nothing be open that uses it. @throws EngineError */
  reopen(): void {
    this.runner.release();
    try {
      if (this.#copy) this.#copy.close();
      else this.#db?.close();
    } catch {
      // its disk is gone
    }
    this.#copy = null;
    this.#refusal = undefined;
    this.#listed = { version: -1, state: '' };
    this.#openOrTell();
  }

  /**
   * The catalog for what writes to it, before anything is planned or begun.
   * @throws EngineError as {@link parts}; `PERMISSION_DENIED`, `DISK_FULL`, `WRITE_FAILED` with the place
   */
  toWrite(): EngineParts {
    refuseUnwritable(this.parts.layout);
    return this.parts;
  }

  /** What whoever runs a job is told, where it cannot be written down: the job itself is not touched by that. */
  get jobWarnings(): Warning[] {
    return this.#copy ? [{ code: 'JOB_NOT_KEPT', data: { path: this.layout.root } }] : [];
  }

  /** @throws EngineError `CATALOG_DAMAGED`, `CATALOG_NOT_FOUND` */
  get jobs(): JobRepository {
    return this.#jobs ?? this.listed.jobs;
  }

  /**
   * Before a repair: a database that cannot be read is put aside, never deleted, and an empty one takes its place. One that only
   * lacks rows stays. Nothing may run that uses the catalog.
   * @throws EngineError `CATALOG_BUSY`, `CATALOG_NOT_FOUND`; `PERMISSION_DENIED`, `DISK_FULL` where nothing can be written;
   *   `READ_FAILED` where the database cannot be read just now: nothing is put aside then
   */
  prepareRepair(): void {
    if (this.#damage?.code === 'CATALOG_NOT_FOUND') throw this.#damage;
    if (this.#parts) this.#refuseGone();
    makeFolders(this.layout);
    const lock = lockWriter(this.layout, 'repair');
    try {
      if (!this.#db?.open || !isSound(this.#db)) this.#replaceDatabase();
      this.#useParts();
    } finally {
      lock.release();
    }
  }

  /** Whether its disk is so full that a copy of the database is looked at: what is written down there is lost. */
  get isFull(): boolean {
    return this.#copy !== null && this.#refusal === 'DISK_FULL';
  }

  /**
   * Before what frees room: on a full disk the room that was set by is given up for it.
   * @param isUnused nothing runs and nothing is open that uses the catalog: where its database is a copy, that is given up
   */
  makeRoom(isUnused: boolean): void {
    releaseReserve(this.layout);
    if (!isUnused || !this.isFull) return;
    const copy = this.#copy!;
    try {
      this.#db = openDatabase(this.layout.database);
    } catch {
      // not even that is enough: writers are told why
      return;
    }
    this.#copy = null;
    this.#refusal = undefined;
    copy.close();
    this.#useParts();
  }

  #replaceDatabase(): void {
    this.#db?.close();
    try {
      this.#db = this.#openForRepair();
    } catch (thrown) {
      // nothing may ask a database that is closed
      this.#damage = toEngineError(thrown, this.layout.database);
      this.#parts = null;
      this.#jobs = null;
      throw this.#damage;
    }
  }

  async close(): Promise<void> {
    await this.#presses.close();
    this.runner.release();
    this.#empty?.db.close();
    if (this.#copy) this.#copy.close();
    else this.#db?.close();
  }

  /** What is sound of the database, without what a damaged log would have added; or else an empty one. */
  #openForRepair(): Database.Database {
    const { root, database } = this.layout;
    const suffix = `damaged-${new Date().toISOString().replaceAll(':', '-')}`;
    const log = `${database}-wal`;
    if (isThere(database) && damageOfLog(log) !== null) {
      copyFileSync(log, `${log}.${suffix}`);
      try {
        const db = openDatabase(database, true);
        if (isSound(db)) return db;
        db.close();
      } catch (error) {
        // not only its log is damaged; what cannot be read just now may be sound
        if (toEngineError(error).code !== 'CATALOG_DAMAGED') throw error;
      }
    }
    for (const name of readdirSync(root)) {
      if (/^catalog\.db(-wal|-shm)?$/.test(name)) renameSync(join(root, name), join(root, `${name}.${suffix}`));
    }
    return openDatabase(database);
  }

  /** @throws EngineError `CATALOG_DAMAGED` where the database is gone, cannot be read, or lacks versions that are there */
  #open(): void {
    this.#clearUp();
    const manifests = manifestNames(this.layout);
    if (manifests.length > 0 && !isThere(this.layout.database)) {
      throw new EngineError(
        'CATALOG_DAMAGED',
        { path: this.layout.database, reason: 'missing' },
        'Run: diskpress repair',
      );
    }
    this.#db = this.#openDatabase();
    // a repair that did not end, a database from an old backup; what a prune has removed meanwhile is not lost
    const unknown = new TemplateRepository(this.#db)
      .unknownManifests(manifests)
      .find((name) => existsSync(manifestPath(this.layout, name)) && !isUntoldManifest(this.layout, name));
    if (unknown !== undefined) {
      const path = manifestPath(this.layout, unknown);
      throw new EngineError('CATALOG_DAMAGED', { path, reason: 'unknown manifest' }, 'Run: diskpress repair');
    }
    this.#useParts();
  }

  /** On a full or read-only disk, or without leave to write, a copy is worked with; writers are refused before they begin. */
  #openDatabase(): Database.Database {
    const { database } = this.layout;
    if (isThere(database) && !mayWrite(database)) return this.#openCopy('PERMISSION_DENIED');
    try {
      return openDatabase(database);
    } catch (thrown) {
      const { code } = toEngineError(thrown);
      if (!existsSync(database) || !['PERMISSION_DENIED', 'DISK_FULL', 'WRITE_FAILED'].includes(code)) throw thrown;
      return this.#openCopy(code as StoreLayout['refusal']);
    }
  }

  #openCopy(refusal: StoreLayout['refusal']): Database.Database {
    this.#refusal = refusal;
    this.#copy = openCopy(this.layout.database);
    return this.#copy.db;
  }

  /** What a writer that died has left; nothing where one is at work, or where nothing can be removed. */
  #clearUp(): void {
    try {
      if (unfinishedFiles(this.layout).length === 0) return;
      const lock = lockWriter(this.layout, 'clearing up');
      try {
        removeUnfinished(this.layout);
      } finally {
        lock.release();
      }
    } catch {
      // the next writer does it
    }
  }

  #useParts(): void {
    this.#damage = null;
    this.#parts = { ...this.#partsOf(this.#db!), layout: { ...this.layout, refusal: this.#refusal } };
    this.#jobs = this.#parts.jobs;
    if (!this.#copy) keepReserve(this.layout);
  }

  #partsOf(db: Database.Database): EngineParts {
    return {
      db,
      // what is looked at in a copy runs nothing that others would ask for
      jobs: this.#copy || db.memory ? new JobRepository(db) : new JobRepository(db, this.runner),
      pledges: this.pledges,
      layout: this.layout,
      machine: this.#machine,
      templates: new TemplateRepository(db),
      index: new ChunkIndex(db, this.layout),
      writers: this.#writers,
      audit: new AuditLog(db),
      presses: this.#presses,
      resourcesPath: this.#resourcesPath,
    };
  }
}

/** What is cheap to ask and another one whenever a template, a verification or the list of jobs is. */
function stateOfLists(db: Database.Database): string {
  const row = db.prepare(`SELECT
    (SELECT count(*) || ' ' || coalesce(sum(revision), 0) FROM template) || ' ' ||
    (SELECT count(*) || ' ' || coalesce(max(verified_at), '') FROM disk) || ' ' ||
    (SELECT count(*) || ' ' || coalesce(sum(is_ended), 0) FROM job) || ' ' ||
    (SELECT coalesce(max(id), 0) FROM audit)`);
  return String(row.pluck().get());
}

/** @throws EngineError `READ_FAILED`, `PERMISSION_DENIED` where the system cannot tell */
function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw toEngineError(error, path);
  }
}

function makeFolders(layout: StoreLayout): void {
  try {
    for (const folder of [layout.root, layout.packs, layout.manifests, layout.scratch]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  } catch (error) {
    throw toEngineError(error);
  }
}
