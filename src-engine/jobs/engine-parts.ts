/** What jobs are given by the host: the catalog's parts, this machine, the presses. */
import type Database from 'better-sqlite3';
import type { AuditLog } from '../catalog/audit-log.ts';
import type { JobRepository } from '../catalog/job-repository.ts';
import type { Machine } from '../machines/machine.port.ts';
import type { TemplateRepository } from '../catalog/template-repository.ts';
import type { ChunkIndex } from '../store/chunk-index.ts';
import type { Presses } from '../store/press-pool.ts';
import type { SharedWriterLock } from '../store/shared-writer-lock.ts';
import type { StoreLayout } from '../store/store-layout.ts';

export interface EngineParts {
  readonly machine: Machine;
  readonly db: Database.Database;
  readonly layout: StoreLayout;
  readonly templates: TemplateRepository;
  readonly index: ChunkIndex;
  readonly writers: SharedWriterLock;
  readonly audit: AuditLog;
  readonly jobs: JobRepository;
  /** folder of what comes with Diskpress: policies, tables */
  readonly resourcesPath: string;
  readonly presses: Presses;
}
