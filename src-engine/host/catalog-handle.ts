/** The open catalog, with what jobs need of it. A damaged database leaves everything closed but repair. */
import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { AuditLog } from '../catalog/audit-log.ts';
import { openDatabase } from '../catalog/database.ts';
import { JobRepository } from '../catalog/job-repository.ts';
import { TemplateRepository } from '../catalog/template-repository.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { EngineParts } from '../jobs/engine-parts.ts';
import { openMachine } from '../machines/open-machine.ts';
import { ChunkIndex } from '../store/chunk-index.ts';
import { lockWriter } from '../store/locks.ts';
import { manifestNames, manifestPath, storeLayout, type StoreLayout } from '../store/store-layout.ts';

export class CatalogHandle {
  readonly layout: StoreLayout;
  readonly #pressUrl: URL;
  readonly #resourcesPath: string;
  readonly #machine = openMachine();
  #db: Database.Database | null = null;
  #parts: EngineParts | null = null;
  #jobs: JobRepository | null = null;
  #damage: EngineError | null = null;

  /** Makes the folder where it does not exist. @throws EngineError `CATALOG_TOO_NEW`, `PERMISSION_DENIED` */
  constructor(root: string, pressUrl: URL, resourcesPath: string) {
    this.layout = storeLayout(root);
    this.#pressUrl = pressUrl;
    this.#resourcesPath = resourcesPath;
    for (const folder of [root, this.layout.packs, this.layout.manifests, this.layout.scratch]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    try {
      this.#open();
    } catch (thrown) {
      const error = toEngineError(thrown);
      if (error.code !== 'CATALOG_DAMAGED') throw error;
      this.#damage = error;
    }
  }

  get machine(): EngineParts['machine'] {
    return this.#machine;
  }

  /** @throws EngineError `CATALOG_DAMAGED` */
  get parts(): EngineParts {
    if (!this.#parts) throw this.#damage!;
    return this.#parts;
  }

  /** @throws EngineError `CATALOG_DAMAGED` */
  get jobs(): JobRepository {
    if (!this.#jobs) throw this.#damage!;
    return this.#jobs;
  }

  /**
   * Before a repair: a database that cannot be read is put aside, never deleted, and an empty one takes its place. One that only
   * lacks rows stays. Nothing may run that uses the catalog.
   * @throws EngineError `CATALOG_BUSY`
   */
  prepareRepair(): void {
    const lock = lockWriter(this.layout, 'repair');
    try {
      if (this.#db?.open && !isSound(this.#db)) this.#db.close();
      if (!this.#db?.open) this.#replace();
      this.#useParts();
    } finally {
      lock.release();
    }
  }

  close(): void {
    this.#db?.close();
  }

  #replace(): void {
    const suffix = `damaged-${new Date().toISOString().replaceAll(':', '-')}`;
    for (const name of readdirSync(this.layout.root)) {
      if (/^catalog\.db(-wal|-shm)?$/.test(name)) {
        renameSync(`${this.layout.root}/${name}`, `${this.layout.root}/${name}.${suffix}`);
      }
    }
    this.#db = openDatabase(this.layout.database);
  }

  /** @throws EngineError `CATALOG_DAMAGED` where the database is gone, cannot be read, or lacks versions that are there */
  #open(): void {
    const manifests = manifestNames(this.layout);
    if (manifests.length > 0 && !existsSync(this.layout.database)) {
      throw new EngineError(
        'CATALOG_DAMAGED',
        { path: this.layout.database, reason: 'missing' },
        'Run: diskpress repair',
      );
    }
    this.#db = openDatabase(this.layout.database);
    // a repair that did not end, a database from an old backup; what a prune has removed meanwhile is not lost
    const unknown = new TemplateRepository(this.#db)
      .unknownManifests(manifests)
      .find((name) => existsSync(manifestPath(this.layout, name)));
    if (unknown !== undefined) {
      const path = manifestPath(this.layout, unknown);
      throw new EngineError('CATALOG_DAMAGED', { path, reason: 'unknown manifest' }, 'Run: diskpress repair');
    }
    this.#useParts();
  }

  #useParts(): void {
    const db = this.#db!;
    this.#damage = null;
    this.#jobs = new JobRepository(db);
    this.#parts = {
      db,
      layout: this.layout,
      machine: this.#machine,
      templates: new TemplateRepository(db),
      index: new ChunkIndex(db, this.layout),
      audit: new AuditLog(db),
      pressUrl: this.#pressUrl,
      resourcesPath: this.#resourcesPath,
    };
  }
}

function isSound(db: Database.Database): boolean {
  try {
    return db.pragma('quick_check(1)', { simple: true }) === 'ok';
  } catch {
    return false;
  }
}
