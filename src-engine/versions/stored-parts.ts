/** What stored versions are read with: the catalog's rows, the index of its chunks, and where its files lie. */
import type Database from 'better-sqlite3';
import type { AuditLog } from '../catalog/audit-log.ts';
import type { TemplateRepository } from '../catalog/template-repository.ts';
import type { ChunkIndex } from '../store/chunk-index.ts';
import type { SharedWriterLock } from '../store/shared-writer-lock.ts';
import type { StoreLayout } from '../store/store-layout.ts';

export interface StoredParts {
  readonly db: Database.Database;
  readonly layout: StoreLayout;
  readonly templates: TemplateRepository;
  readonly index: ChunkIndex;
  readonly writers: SharedWriterLock;
  readonly audit: AuditLog;
}
