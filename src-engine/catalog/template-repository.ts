/** Templates and their versions in the database. Every change also writes the template's record file, for repair. */
import { randomUUID } from 'node:crypto';
import type Database from 'better-sqlite3';
import { EngineError } from '../core/engine-error.ts';
import {
  TemplateViewSchema,
  type TemplateSummary,
  type TemplateView,
  type VersionView,
} from '../contract/template.contract.ts';
import { userName } from './audit-log.ts';
import { VersionRecordSchema, type TemplateRecord, type VersionRecord } from './records.ts';

interface TemplateRow {
  id: string;
  name: string;
  note: string;
  tags: string;
  kind: string;
  status: string;
  visibility: string;
  licence: string;
  owner: string;
  shared_with: string;
  policy: string | null;
  created_at: string;
  updated_at: string;
  deleted_at: string | null;
}

interface VersionRow {
  template_id: string;
  number: number;
  manifest: string;
  record: string;
  health: VersionView['health'];
  verified_at: string | null;
  deleted_at: string | null;
}

/** What a TEMPLATE on the command line or in a call names. */
export interface FoundVersion {
  readonly template: TemplateView;
  readonly version: VersionView;
  readonly manifest: string;
}

export type TemplateChanges = Partial<
  Pick<TemplateView, 'name' | 'note' | 'tags' | 'status' | 'visibility' | 'licence' | 'owner' | 'sharedWith' | 'policy'>
>;

export class TemplateRepository {
  readonly #db: Database.Database;

  constructor(db: Database.Database) {
    this.#db = db;
  }

  /** Newest change first. @param deleted the bin instead of the catalog */
  list(deleted: boolean): TemplateView[] {
    return this.#rows(deleted).map((row) => this.#toView(row));
  }

  /**
   * A page of {@link list}, without what only a template's own page shows. Ten thousand take a fifth of a second: what was checked
   * when it was written is not checked again but for its shape, when it crosses the contract.
   */
  summaries(deleted: boolean, offset = 0, limit = -1): TemplateSummary[] {
    const rows = this.#rows(deleted, offset, limit);
    const versions = Map.groupBy(
      this.#db
        .prepare<[string], VersionRow>(
          `SELECT template_id, number, json_remove(record, '$.guest', '$.machine') AS record, health, verified_at, deleted_at
           FROM version WHERE template_id IN (SELECT value FROM json_each(?)) ORDER BY number DESC`,
        )
        .all(JSON.stringify(rows.map(({ id }) => id))),
      (version) => version.template_id,
    );
    return rows.map((row) => ({
      ...fieldsOf(row),
      versions: versions
        .get(row.id)!
        .filter((version) => row.deleted_at !== null || version.deleted_at === null)
        .map((version) => ({ ...JSON.parse(version.record), health: version.health, verifiedAt: version.verified_at })),
    }));
  }

  /**
   * @param reference name or id, either with `@version`
   * @returns the template, and the version named or the newest
   * @throws EngineError `TEMPLATE_NOT_FOUND`
   */
  find(reference: string, options: { deleted?: boolean } = {}): FoundVersion {
    const { name, number } = parseReference(reference);
    const row = this.#findRow(name, options.deleted ?? false);
    if (!row) throw new EngineError('TEMPLATE_NOT_FOUND', { template: reference });
    const version = this.#db
      .prepare<[string, number | null, number | null], VersionRow>(
        `SELECT * FROM version WHERE template_id = ? AND (? IS NULL OR number = ?)
         ${options.deleted ? '' : 'AND deleted_at IS NULL'} ORDER BY number DESC LIMIT 1`,
      )
      .get(row.id, number, number);
    if (!version) throw new EngineError('TEMPLATE_NOT_FOUND', { template: reference });
    return { template: this.#toView(row), version: toVersionView(version), manifest: version.manifest };
  }

  /** The template of that exact name that is not in the bin. */
  findByName(name: string): TemplateView | null {
    const row = this.#findRow(name, false);
    return row && row.name === name ? this.#toView(row) : null;
  }

  byId(id: string): TemplateView {
    return this.#toView(this.#db.prepare<[string], TemplateRow>('SELECT * FROM template WHERE id = ?').get(id)!);
  }

  nextVersionNumber(templateId: string): number {
    return this.#db
      .prepare<[string], number>('SELECT coalesce(max(number), 0) + 1 FROM version WHERE template_id = ?')
      .pluck()
      .get(templateId)!;
  }

  /**
   * Says that a manifest is about to appear: until {@link addVersion} speaks of it, nobody takes it for the manifest of a lost
   * version, and the next writer removes it.
   */
  expectManifest(manifest: string): void {
    this.#db.prepare('INSERT INTO doomed_manifest (name) VALUES (?)').run(manifest);
  }

  /**
   * Makes a version exist, and its template where it is the first; a template that exists keeps what people have written in
   * the meantime. One transaction.
   * @param deletedAt of a version that waits in the bin by itself
   */
  addVersion(
    template: TemplateRecord,
    version: VersionRecord,
    manifest: string,
    deletedAt: string | null = null,
  ): void {
    this.#db.transaction(() => {
      const { changes } = this.#db
        .prepare('UPDATE template SET updated_at = ? WHERE id = ?')
        .run(template.updatedAt, template.id);
      if (changes === 0) this.#upsert(template);
      this.#db
        .prepare('INSERT INTO version (template_id, number, manifest, record, deleted_at) VALUES (?, ?, ?, ?, ?)')
        .run(template.id, version.number, manifest, JSON.stringify(version), deletedAt);
      this.#db.prepare('DELETE FROM doomed_manifest WHERE name = ?').run(manifest);
    })();
  }

  /**
   * After a repair that could not bring every version back: a template whose versions are all in the bin goes there itself, and
   * they with it.
   */
  deleteWithoutVersions(): void {
    const isEmpty =
      'NOT EXISTS (SELECT 1 FROM version AS v WHERE v.template_id = template.id AND v.deleted_at IS NULL)';
    this.#db.transaction(() => {
      this.#db
        .prepare(`UPDATE template SET deleted_at = coalesce(deleted_at, ?) WHERE ${isEmpty}`)
        .run(new Date().toISOString());
      this.#db.exec(
        `UPDATE version SET deleted_at = NULL WHERE template_id IN (SELECT id FROM template WHERE ${isEmpty})`,
      );
    })();
  }

  /** @throws EngineError `NAME_TAKEN`, `TEMPLATE_NOT_FOUND`, `LICENCE_NOT_PUBLIC` */
  edit(reference: string, changes: TemplateChanges): TemplateView {
    const { template } = this.find(reference);
    const taken = changes.name === undefined ? null : this.findByName(changes.name);
    if (taken && taken.id !== template.id) throw new EngineError('NAME_TAKEN', { name: taken.name });
    const edited = { ...this.record(template.id), ...changes };
    if (edited.licence === 'own' && edited.visibility === 'public') {
      throw new EngineError('LICENCE_NOT_PUBLIC', { template: template.name });
    }
    this.#upsert({ ...edited, updatedAt: new Date().toISOString() });
    return this.byId(template.id);
  }

  /** Puts a template, or the version that is named, into the bin. The last version takes its template along. */
  delete(reference: string): TemplateView {
    const remove = this.#db.transaction(() => {
      const { template, version } = this.find(reference);
      const now = new Date().toISOString();
      if (parseReference(reference).number !== null && template.versions.length > 1) {
        this.#db
          .prepare('UPDATE version SET deleted_at = ? WHERE template_id = ? AND number = ?')
          .run(now, template.id, version.number);
      } else {
        this.#db.prepare('UPDATE template SET deleted_at = ? WHERE id = ?').run(now, template.id);
      }
      return this.byId(template.id);
    });
    // two processes that each take one of two last versions would leave a template with none
    return remove.immediate();
  }

  /** Takes it out of the bin again. @throws EngineError `NAME_TAKEN`, `TEMPLATE_NOT_FOUND` */
  undelete(reference: string): TemplateView {
    const { number } = parseReference(reference);
    const live = number === null ? null : this.#findRow(parseReference(reference).name, false);
    if (live) {
      const { changes } = this.#db
        .prepare('UPDATE version SET deleted_at = NULL WHERE template_id = ? AND number = ?')
        .run(live.id, number);
      if (changes === 0) throw new EngineError('TEMPLATE_NOT_FOUND', { template: reference });
      return this.byId(live.id);
    }
    const { template } = this.find(reference, { deleted: true });
    if (this.findByName(template.name)) throw new EngineError('NAME_TAKEN', { name: template.name });
    this.#db.prepare('UPDATE template SET deleted_at = NULL WHERE id = ?').run(template.id);
    return this.byId(template.id);
  }

  setHealth(manifest: string, health: VersionView['health'], at: string): void {
    this.#db.prepare('UPDATE version SET health = ?, verified_at = ? WHERE manifest = ?').run(health, at, manifest);
  }

  /** Versions of a template, or the one that is named by `@version`; none that is in the bin. @throws EngineError `TEMPLATE_NOT_FOUND` */
  versionsOf(reference: string) {
    const { template, version } = this.find(reference);
    const isOne = parseReference(reference).number !== null;
    return this.manifests().filter(
      (row) => row.templateId === template.id && !row.isDeleted && (!isOne || row.number === version.number),
    );
  }

  /** Manifests of every version, those in the bin too. */
  manifests(): { manifest: string; templateId: string; templateName: string; number: number; isDeleted: boolean }[] {
    return this.#db
      .prepare<[], { manifest: string; templateId: string; templateName: string; number: number; deleted: number }>(
        `SELECT manifest, template_id AS templateId, template.name AS templateName, number,
           (template.deleted_at IS NOT NULL OR version.deleted_at IS NOT NULL) AS deleted
         FROM version JOIN template ON template.id = template_id ORDER BY template.name, number`,
      )
      .all()
      .map(({ deleted, ...row }) => ({ ...row, isDeleted: deleted === 1 }));
  }

  /** Empties the bin for good. The manifests' names are kept as doomed until their files are gone. */
  emptyBin(): void {
    this.#db.transaction(() => {
      for (const { manifest, isDeleted } of this.manifests()) {
        if (isDeleted) this.#db.prepare('INSERT OR IGNORE INTO doomed_manifest (name) VALUES (?)').run(manifest);
      }
      this.#db
        .prepare(
          'DELETE FROM version WHERE deleted_at IS NOT NULL OR template_id IN (SELECT id FROM template WHERE deleted_at IS NOT NULL)',
        )
        .run();
      this.#db.prepare('DELETE FROM template WHERE deleted_at IS NOT NULL').run();
    })();
  }

  /** Manifests whose versions are gone, or not there yet, and whose files may be there. */
  doomedManifests(): string[] {
    return this.#db.prepare<[], string>('SELECT name FROM doomed_manifest').pluck().all();
  }

  /** Which of these names of manifests belong to no version that the database knows or has given up. */
  unknownManifests(names: readonly string[]): string[] {
    const known = new Set([...this.manifests().map((row) => row.manifest), ...this.doomedManifests()]);
    return names.filter((name) => !known.has(name));
  }

  forgetDoomed(): void {
    this.#db.prepare('DELETE FROM doomed_manifest').run();
  }

  /** The record that goes into the template's file. */
  record(id: string): TemplateRecord {
    const { versions: _, ...template } = this.byId(id);
    const deletedVersions = this.#db
      .prepare<[string], number>('SELECT number FROM version WHERE template_id = ? AND deleted_at IS NOT NULL')
      .pluck()
      .all(id);
    return { ...template, deletedVersions };
  }

  #upsert(template: TemplateRecord): void {
    this.#db
      .prepare(
        `INSERT INTO template (id, name, note, tags, kind, status, visibility, licence, owner, shared_with, policy, created_at, updated_at,
           deleted_at)
         VALUES (@id, @name, @note, @tags, @kind, @status, @visibility, @licence, @owner, @sharedWith, @policy, @createdAt,
           @updatedAt, @deletedAt)
         ON CONFLICT (id) DO UPDATE SET name = @name, note = @note, tags = @tags, status = @status,
           visibility = @visibility, licence = @licence, owner = @owner, shared_with = @sharedWith, policy = @policy,
           updated_at = @updatedAt, deleted_at = @deletedAt`,
      )
      .run({
        ...template,
        tags: JSON.stringify(template.tags),
        sharedWith: JSON.stringify(template.sharedWith),
        deletedVersions: undefined,
      });
  }

  /** @param limit -1: all */
  #rows(deleted: boolean, offset = 0, limit = -1): TemplateRow[] {
    return this.#db
      .prepare<[number, number], TemplateRow>(
        `SELECT * FROM template WHERE deleted_at IS ${deleted ? 'NOT NULL' : 'NULL'}
         ORDER BY updated_at DESC, name, id LIMIT ? OFFSET ?`,
      )
      .all(limit, offset);
  }

  #findRow(nameOrId: string, deleted: boolean): TemplateRow | undefined {
    return this.#db
      .prepare<[string, string], TemplateRow>(
        `SELECT * FROM template WHERE (name = ? OR id = ?) AND deleted_at IS ${deleted ? 'NOT NULL' : 'NULL'}
         ORDER BY deleted_at DESC LIMIT 1`,
      )
      .get(nameOrId, nameOrId);
  }

  #toView(row: TemplateRow): TemplateView {
    const versions = this.#db
      .prepare<[string], VersionRow>('SELECT * FROM version WHERE template_id = ? ORDER BY number DESC')
      .all(row.id)
      .filter((version) => row.deleted_at !== null || version.deleted_at === null);
    return TemplateViewSchema.parse({ ...fieldsOf(row), versions: versions.map(toVersionView) });
  }
}

function fieldsOf(row: TemplateRow): Omit<TemplateView, 'versions'> {
  return {
    id: row.id,
    name: row.name,
    note: row.note,
    tags: JSON.parse(row.tags),
    kind: row.kind as TemplateView['kind'],
    status: row.status as TemplateView['status'],
    visibility: row.visibility as TemplateView['visibility'],
    licence: row.licence as TemplateView['licence'],
    owner: row.owner,
    sharedWith: JSON.parse(row.shared_with),
    policy: row.policy,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    deletedAt: row.deleted_at,
  };
}

function toVersionView(row: VersionRow): VersionView {
  return { ...VersionRecordSchema.parse(JSON.parse(row.record)), health: row.health, verifiedAt: row.verified_at };
}

function parseReference(reference: string): { name: string; number: number | null } {
  const match = /^(.*)@(\d{1,9})$/su.exec(reference);
  return match ? { name: match[1], number: Number(match[2]) } : { name: reference, number: null };
}

/** A template that does not exist yet. */
export function newTemplateRecord(
  fields: Pick<TemplateView, 'name' | 'note' | 'tags' | 'kind'> &
    Partial<Pick<TemplateView, 'licence' | 'policy' | 'owner'>>,
  createdAt: string,
): TemplateRecord {
  return {
    licence: 'none',
    policy: null,
    owner: userName(),
    sharedWith: [],
    ...fields,
    id: randomUUID(),
    status: 'active',
    visibility: 'private',
    createdAt,
    updatedAt: createdAt,
    deletedAt: null,
    deletedVersions: [],
  };
}
