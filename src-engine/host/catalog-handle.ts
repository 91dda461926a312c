/** The open catalog, with what jobs need of it. A damaged database leaves everything closed but repair. */
import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import type Database from 'better-sqlite3';
import { AuditLog } from '../catalog/audit-log.ts';
import { openDatabase } from '../catalog/database.ts';
import { JobRepository } from '../catalog/job-repository.ts';
import { TemplateRepository } from '../catalog/template-repository.ts';
import { EngineError } from '../core/engine-error.ts';
import type { EngineParts } from '../jobs/engine-parts.ts';
import { openMachine } from '../machines/open-machine.ts';
import { ChunkIndex } from '../store/chunk-index.ts';
import { storeLayout, type StoreLayout } from '../store/store-layout.ts';

export class CatalogHandle {
  readonly layout: StoreLayout;
  readonly #pressUrl: URL;
  readonly #machine = openMachine();
  #db: Database.Database | null = null;
  #parts: EngineParts | null = null;
  #jobs: JobRepository | null = null;
  #damage: EngineError | null = null;

  /** Makes the folder where it does not exist. @throws EngineError `CATALOG_TOO_NEW`, `PERMISSION_DENIED` */
  constructor(root: string, pressUrl: URL) {
    this.layout = storeLayout(root);
    this.#pressUrl = pressUrl;
    for (const folder of [root, this.layout.packs, this.layout.manifests, this.layout.scratch]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
    try {
      this.#open();
    } catch (error) {
      if (!(error instanceof EngineError) || error.code !== 'CATALOG_DAMAGED') throw error;
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

  /** Before a repair: a database that cannot be opened is put aside, never deleted, and an empty one takes its place. */
  replaceIfDamaged(): void {
    if (!this.#damage) return;
    const suffix = `damaged-${new Date().toISOString().replaceAll(':', '-')}`;
    for (const name of readdirSync(this.layout.root)) {
      if (/^catalog\.db(-wal|-shm)?$/.test(name)) {
        renameSync(`${this.layout.root}/${name}`, `${this.layout.root}/${name}.${suffix}`);
      }
    }
    this.#open();
    this.#damage = null;
  }

  close(): void {
    this.#db?.close();
  }

  #open(): void {
    const db = openDatabase(this.layout.database);
    this.#db = db;
    this.#jobs = new JobRepository(db);
    this.#parts = {
      db,
      layout: this.layout,
      machine: this.#machine,
      templates: new TemplateRepository(db),
      index: new ChunkIndex(db, this.layout),
      audit: new AuditLog(db),
      pressUrl: this.#pressUrl,
    };
  }
}
