/** Templates and their versions in the database. Every change also writes the template's record file, for repair. */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type Database from 'better-sqlite3';
import { EngineError, isLater } from '../core/engine-error.ts';
import {
  EDITED_FIELDS,
  type EditedField,
  type Health,
  type TemplateSummary,
  type TemplateView,
  type VersionView,
} from '../contract/template.contract.ts';
import { userName } from './audit-log.ts';
import { damagedRow, damagedTemplate } from './damaged-rows.ts';
import { versionJson, type AttachmentRecord, type TemplateRecord, type VersionRecord } from './records/index.ts';
import { signRows, soundness, updateRows } from './row-sum.ts';
import { templateView } from './views/template-view.ts';
import {
  type TemplateRow,
  type VersionRow,
  type DiskRow,
  TEMPLATES,
  VERSIONS,
  DISKS,
  rawFields,
  fieldsOf,
  recordOf,
  toVersionView,
  shownVersion,
  summaryOf,
  noVersion,
} from './template-rows.ts';

/** What a TEMPLATE on the command line or in a call names. */
export interface FoundVersion {
  readonly template: TemplateView;
  readonly version: VersionView;
  /** names of its disks' manifests, in their order */
  readonly manifests: readonly string[];
}

/** A manifest, and whose it is. */
export interface ListedManifest {
  readonly manifest: string;
  readonly templateId: string;
  readonly templateName: string;
  readonly number: number;
  /** which disk of the version it is of, from 1, of how many */
  readonly disk: number;
  readonly disks: number;
  readonly isDeleted: boolean;
}

export type TemplateChanges = Partial<
  Pick<
    TemplateRecord,
    'name' | 'note' | 'tags' | 'status' | 'visibility' | 'licence' | 'owner' | 'sharedWith' | 'policy'
  >
>;

/** Fields as a person has seen them. */
type SeenFields = Partial<Record<EditedField, string | string[] | null>>;

/** What a version's row says that is not what was written: anything. */
export interface DamagedVersion {
  readonly templateId: unknown;
  readonly number: unknown;
  readonly manifests: readonly unknown[];
}

const manifestsOf = (disks: readonly { manifest: unknown }[]) => disks.map(({ manifest }) => manifest);

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
   * A page of {@link list}, without what only a template's own page shows.
   */
  summaries(deleted: boolean, offset = 0, limit = -1): TemplateSummary[] {
    const rows = this.#rows(deleted, offset, limit);
    const versions = Map.groupBy(
      this.#db
        .prepare<[string], VersionRow>(
          `SELECT template_id, number, deleted_at, ${soundness('version')} AS is_sound,
             CASE WHEN json_valid(record) THEN json_remove(record, '$.guest', '$.machine', '$.definition') ELSE '' END AS record
           FROM version WHERE template_id IN (SELECT value FROM json_each(?)) ORDER BY number DESC`,
        )
        .all(JSON.stringify(rows.map(({ id }) => id))),
      (version) => version.template_id,
    );
    const disks = this.#disksOf(rows.map(({ id }) => id));
    return rows.map((row) => {
      const own = (versions.get(row.id) ?? []).filter(
        (version) => row.deleted_at !== null || version.deleted_at === null,
      );
      const fields = fieldsOf(row);
      const shown = own.map((version) => summaryOf({ row: version, disks: disks(version) }, fields !== null));
      return {
        ...(fields ? templateView(fields) : damagedTemplate(rawFields(row))),
        versions: shown.length > 0 ? shown : [noVersion()],
      };
    });
  }

  /**
   * @param reference name or id, either with `@version`
   * @returns the template, and the version named or the newest
   * @throws EngineError `TEMPLATE_NOT_FOUND`
   */
  find(reference: string, options: { deleted?: boolean } = {}): FoundVersion {
    const found = this.#findRows(reference, options.deleted ?? false);
    if (!found) throw new EngineError('TEMPLATE_NOT_FOUND', { template: this.#named(reference) });
    const { row, version } = found;
    const template = this.#toView(row);
    const disks = this.#disksOf([row.id])(version);
    return {
      template,
      version: toVersionView({ row: version, disks }),
      manifests: disks.map(({ manifest }) => manifest),
    };
  }

  /** A reference by the name of what is in the bin, where it has an id: that says nothing to anybody. */
  #named(reference: string): string {
    const { name: id, number } = parseReference(reference);
    const name = this.#db.prepare<[string], string>('SELECT name FROM template WHERE id = ?').pluck().get(id);
    return name === undefined ? reference : [name, number].filter((part) => part !== null).join('@');
  }

  /** A template with all that can be told of its versions, also where it is in the bin. @throws EngineError `TEMPLATE_NOT_FOUND` */
  show(reference: string): TemplateView {
    const found = this.#findRows(reference, false) ?? this.#findRows(reference, true);
    if (!found) throw new EngineError('TEMPLATE_NOT_FOUND', { template: reference });
    return this.#toView(found.row);
  }

  /** The template of that exact name that is not in the bin. */
  findByName(name: string): TemplateView | null {
    const row = this.#findRow(name, false);
    return row && row.name === name ? this.#toView(row) : null;
  }

  byId(id: string): TemplateView {
    const row = this.#db.prepare<[string], TemplateRow>(`${TEMPLATES} WHERE id = ?`).get(id);
    if (!row) throw new EngineError('TEMPLATE_NOT_FOUND', { template: id });
    return this.#toView(row);
  }

  hasVersion(templateId: string, number: number): boolean {
    return (
      this.#db.prepare('SELECT 1 FROM version WHERE template_id = ? AND number = ?').get(templateId, number) !==
      undefined
    );
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
    this.#db.prepare('INSERT INTO doomed_manifest (name, is_expected) VALUES (?, 1)').run(manifest);
  }

  /**
   * Makes a version exist, and its template where it is the first; a template that exists keeps what people have written in
   * the meantime. One transaction.
   * @param deletedAt of a version that waits in the bin by itself
   */
  addVersion(template: TemplateRecord, version: VersionRecord, deletedAt: string | null = null): void {
    this.#db.transaction(() => {
      const changes = updateRows(this.#db, 'template', 'updated_at = @updatedAt, revision = revision + 1', 'id = @id', {
        updatedAt: template.updatedAt,
        id: template.id,
      });
      if (changes === 0) this.#upsert(template);
      this.#db
        .prepare('INSERT INTO version (template_id, number, record, deleted_at) VALUES (?, ?, ?, ?)')
        .run(template.id, version.number, JSON.stringify(versionJson(version)), deletedAt);
      const ofVersion = 'template_id = ? AND number = ?';
      signRows(this.#db, 'version', ofVersion, template.id, version.number);
      const addDisk = this.#db.prepare('INSERT INTO disk (template_id, number, place, manifest) VALUES (?, ?, ?, ?)');
      for (const [place, { manifest }] of version.disks.entries()) {
        addDisk.run(template.id, version.number, place, manifest);
        this.#db.prepare('DELETE FROM doomed_manifest WHERE name = ?').run(manifest);
      }
      signRows(this.#db, 'disk', ofVersion, template.id, version.number);
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
      const ids = this.#db.prepare<[], string>(`SELECT id FROM template WHERE ${isEmpty}`).pluck().all();
      for (const id of ids) {
        const params = { id, now: new Date().toISOString() };
        updateRows(this.#db, 'template', 'deleted_at = coalesce(deleted_at, @now)', 'id = @id', params);
        updateRows(this.#db, 'version', 'deleted_at = NULL', 'template_id = @id', { id });
      }
    })();
  }

  /**
   * @param seen what is edited as it was when it was looked at
   * @throws EngineError `NAME_TAKEN`, `TEMPLATE_NOT_FOUND`, `LICENCE_NOT_PUBLIC`; `TEMPLATE_CHANGED` where it is not as it was seen
   */
  edit(reference: string, changes: TemplateChanges, seen: SeenFields = {}): TemplateView {
    // another process may write between looking and writing
    return this.#db.transaction(() => this.#edit(reference, changes, seen)).immediate();
  }

  #edit(reference: string, changes: TemplateChanges, seen: SeenFields): TemplateView {
    const { template } = this.find(reference);
    const fields = EDITED_FIELDS.filter(
      (field) => seen[field] !== undefined && !isDeepStrictEqual(seen[field], template[field]),
    );
    if (fields.length > 0) throw new EngineError('TEMPLATE_CHANGED', { template: template.name, fields });
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
        this.#setDeleted(template.id, version.number, now);
      } else {
        this.#setDeleted(template.id, null, now);
      }
      return this.byId(template.id);
    });
    // two processes that each take one of two last versions would leave a template with none
    return remove.immediate();
  }

  /** The template that is in the bin, or that has the version there which is named. @throws EngineError `TEMPLATE_NOT_FOUND` */
  findDeleted(reference: string): TemplateView {
    const { name, number } = parseReference(reference);
    const live = number === null ? null : this.#findRow(name, false);
    return live ? this.byId(live.id) : this.find(reference, { deleted: true }).template;
  }

  /** Takes it out of the bin again. @throws EngineError `NAME_TAKEN`, `TEMPLATE_NOT_FOUND` */
  undelete(reference: string): TemplateView {
    const { number } = parseReference(reference);
    const template = this.findDeleted(reference);
    if (template.deletedAt === null) {
      if (this.#setDeleted(template.id, number, null) === 0)
        throw new EngineError('TEMPLATE_NOT_FOUND', { template: reference });
      return this.byId(template.id);
    }
    if (this.findByName(template.name)) throw new EngineError('NAME_TAKEN', { name: template.name });
    this.#setDeleted(template.id, null, null);
    return this.byId(template.id);
  }

  /** Lists what was added to a version. One transaction. @param manifest of one of its disks @throws EngineError `CATALOG_DAMAGED` */
  addAttachment(manifest: string, attachment: AttachmentRecord): void {
    this.#db.transaction(() => {
      const found = this.soundVersion(manifest);
      if (!found) throw damagedRow('row of a version');
      const { templateId, record } = found;
      const more = { ...record, attachments: [...record.attachments, attachment] };
      updateRows(this.#db, 'version', 'record = @record', 'template_id = @templateId AND number = @number', {
        record: JSON.stringify(versionJson(more)),
        templateId,
        number: record.number,
      });
      updateRows(this.#db, 'template', 'revision = revision + 1', 'id = @templateId', { templateId });
      this.forgetDoomed(attachment.file);
    })();
  }

  /** Attachments of every version, those in the bin too. */
  attachments(): { file: string; templateId: string; number: number; isDeleted: boolean }[] {
    return this.#db
      .prepare<[], { file: string; templateId: string; number: number; deleted: number }>(
        `SELECT json_extract(one.value, '$.file') AS file, template_id AS templateId, number,
           (template.deleted_at IS NOT NULL OR version.deleted_at IS NOT NULL) AS deleted
         FROM version JOIN template ON template.id = template_id,
           json_each(CASE WHEN json_valid(record) THEN record ELSE '{}' END, '$.attachments') AS one`,
      )
      .all()
      .map(({ deleted, ...row }) => ({ ...row, isDeleted: deleted === 1 }));
  }

  /** Of the disk that the manifest is of. */
  setHealth(manifest: string, health: Health, at: string): void {
    updateRows(this.#db, 'disk', 'health = @health, verified_at = @at', 'manifest = @manifest', {
      health,
      at,
      manifest,
    });
  }

  /** @throws EngineError `CATALOG_DAMAGED` where the row of a template or of a version of it is not what was written */
  checkRows(templateId: string, number: number): void {
    this.byId(templateId);
    const row = this.#db
      .prepare<[string, number], VersionRow>(`${VERSIONS} WHERE template_id = ? AND number = ?`)
      .get(templateId, number);
    if (!row) throw damagedRow('row of a version');
    toVersionView({ row, disks: this.#disksOf([templateId])(row) });
  }

  /** Templates of the bin too. @throws EngineError `CATALOG_DAMAGED` where the row of any template or version is not what was written */
  checkAllRows(): void {
    for (const row of this.#db.prepare<[], TemplateRow>(TEMPLATES).all()) this.#toView(row);
    const disks = this.#disksOf(null);
    for (const row of this.#db.prepare<[], VersionRow>(VERSIONS).all()) toVersionView({ row, disks: disks(row) });
  }

  /** Every template's id, and how often it was changed. */
  revisions(): { id: string; revision: number }[] {
    return this.#db.prepare<[], { id: string; revision: number }>('SELECT id, revision FROM template').all();
  }

  /** How often a template was changed; null: there is none. */
  revisionOf(id: string): number | null {
    return this.#db.prepare<[string], number>('SELECT revision FROM template WHERE id = ?').pluck().get(id) ?? null;
  }

  /**
   * What a repair finds of a version. null: the row is not there, or not what was written.
   * @throws EngineError `CATALOG_TOO_NEW` where a later Diskpress wrote it
   */
  soundVersion(manifest: string): { templateId: string; record: VersionRecord; deletedAt: string | null } | null {
    const row = this.#db
      .prepare<[string], VersionRow>(
        `${VERSIONS} WHERE (template_id, number) IN (SELECT template_id, number FROM disk WHERE manifest = ?)`,
      )
      .get(manifest);
    if (!row) return null;
    try {
      const record = recordOf({ row, disks: this.#disksOf([row.template_id])(row) });
      return { templateId: row.template_id, record, deletedAt: row.deleted_at };
    } catch (error) {
      if (isLater(error)) throw error;
      return null;
    }
  }

  /** What a repair finds of a template. null: the row is not there, or not what was written. */
  soundRecord(id: string): TemplateRecord | null {
    try {
      return this.record(id);
    } catch {
      return null;
    }
  }

  /** Writes a template's row anew, whatever was in it, and what is in the bin of its versions. */
  replace(template: TemplateRecord): void {
    this.#db.transaction(() => {
      const { changes } = this.#db
        .prepare('UPDATE template SET revision = ? WHERE id = ?')
        .run(template.revision, template.id);
      if (changes === 0) return;
      this.#upsert(template, true);
      updateRows(
        this.#db,
        'version',
        `deleted_at = CASE WHEN number IN (SELECT value FROM json_each(@numbers)) THEN coalesce(deleted_at, @at) END`,
        'template_id = @id',
        { numbers: JSON.stringify(template.deletedVersions), at: template.updatedAt, id: template.id },
      );
    })();
  }

  /**
   * Removes versions' rows that are not what was written, and templates' that have none left.
   * @param isKept whether a version whose row says this stays marked as damaged: what it could be made from cannot be read just now
   * @returns how many
   */
  removeDamaged(isKept: (version: DamagedVersion) => boolean = () => false): number {
    const isBroken = (read: () => unknown) => {
      try {
        read();
        return false;
      } catch (error) {
        return !isLater(error);
      }
    };
    const disks = this.#disksOf(null);
    const versions = this.#db
      .prepare<[], VersionRow & { at: number }>(VERSIONS.replace('SELECT', 'SELECT version.rowid AS at,'))
      .all()
      .filter((row) => isBroken(() => toVersionView({ row, disks: disks(row) })))
      .filter(
        (row) => !isKept({ templateId: row.template_id, number: row.number, manifests: manifestsOf(disks(row)) }),
      );
    for (const { at } of versions) this.#db.prepare('DELETE FROM version WHERE rowid = ?').run(at);
    const templates = this.#db
      .prepare<[], TemplateRow & { at: number }>(TEMPLATES.replace('SELECT', 'SELECT template.rowid AS at,'))
      .all()
      .filter((row) => isBroken(() => this.#toView(row)) && !this.#hasVersions(row.id));
    for (const { at } of templates) this.#db.prepare('DELETE FROM template WHERE rowid = ?').run(at);
    // a template whose id is another now has left its versions behind: what brings them back brings it along
    this.#db.exec('DELETE FROM version WHERE template_id NOT IN (SELECT id FROM template)');
    return versions.length + templates.length;
  }

  #hasVersions(templateId: string): boolean {
    return this.#db.prepare('SELECT 1 FROM version WHERE template_id = ?').get(templateId) !== undefined;
  }

  #setDeleted(templateId: string, number: number | null, at: string | null): number {
    return this.#db.transaction(() => {
      if (number === null) {
        const set = 'deleted_at = @at, revision = revision + 1';
        return updateRows(this.#db, 'template', set, 'id = @templateId', { at, templateId });
      }
      updateRows(this.#db, 'template', 'revision = revision + 1', 'id = @templateId', { templateId });
      const where = 'template_id = @templateId AND number = @number';
      return updateRows(this.#db, 'version', 'deleted_at = @at', where, { at, templateId, number });
    })();
  }

  /** Versions of a template, or the one that is named by `@version`; none that is in the bin. @throws EngineError `TEMPLATE_NOT_FOUND` */
  versionsOf(reference: string) {
    const { template, version } = this.find(reference);
    const isOne = parseReference(reference).number !== null;
    return this.manifests().filter(
      (row) => row.templateId === template.id && !row.isDeleted && (!isOne || row.number === version.number),
    );
  }

  /** Manifests of every version, those in the bin too: one for each disk. */
  manifests(): ListedManifest[] {
    return this.#db
      .prepare<[], Omit<ListedManifest, 'isDeleted'> & { deleted: number }>(
        `SELECT manifest, template_id AS templateId, template.name AS templateName, number, place + 1 AS disk,
           (SELECT count(*) FROM disk AS other WHERE other.template_id = version.template_id AND other.number = version.number)
             AS disks,
           (template.deleted_at IS NOT NULL OR version.deleted_at IS NOT NULL) AS deleted
         FROM disk JOIN version USING (template_id, number) JOIN template ON template.id = template_id
         ORDER BY template.name, number, place`,
      )
      .all()
      .map(({ deleted, ...row }) => ({ ...row, isDeleted: deleted === 1 }));
  }

  /** Empties the bin for good. The manifests' names are kept as doomed until their files are gone. @returns ids of templates that are gone */
  emptyBin(): string[] {
    return this.#db.transaction(() => {
      const gone = this.#db.prepare<[], string>('SELECT id FROM template WHERE deleted_at IS NOT NULL').pluck().all();
      for (const { manifest, isDeleted } of this.manifests()) {
        if (isDeleted) this.#db.prepare('INSERT OR IGNORE INTO doomed_manifest (name) VALUES (?)').run(manifest);
      }
      for (const { file, isDeleted } of this.attachments()) {
        if (isDeleted) this.#db.prepare('INSERT OR IGNORE INTO doomed_manifest (name) VALUES (?)').run(file);
      }
      this.#db
        .prepare(
          'DELETE FROM version WHERE deleted_at IS NOT NULL OR template_id IN (SELECT id FROM template WHERE deleted_at IS NOT NULL)',
        )
        .run();
      this.#db.prepare('DELETE FROM template WHERE deleted_at IS NOT NULL').run();
      return gone;
    })();
  }

  /** Manifests whose versions are gone, or not there yet, and whose files may be there. */
  doomedManifests(): string[] {
    return this.#db.prepare<[], string>('SELECT name FROM doomed_manifest').pluck().all();
  }

  /** Which of these names of manifests belong to no version that the database knows or has given up. */
  unknownManifests(names: readonly string[]): string[] {
    const listed = this.#db.prepare<[], string>(
      `SELECT manifest FROM disk JOIN version USING (template_id, number) JOIN template ON template.id = template_id`,
    );
    const known = new Set([...listed.pluck().all(), ...this.doomedManifests()]);
    return names.filter((name) => !known.has(name));
  }

  /** Of those, the ones that a capture has announced. */
  expectedManifests(): string[] {
    return this.#db.prepare<[], string>('SELECT name FROM doomed_manifest WHERE is_expected').pluck().all();
  }

  forgetDoomed(name: string): void {
    this.#db.prepare('DELETE FROM doomed_manifest WHERE name = ?').run(name);
  }

  /** Id of the template outside the bin that has this name, whatever else its row says. */
  nameHolder(name: string): string | null {
    return (
      this.#db
        .prepare<[string], string>('SELECT id FROM template WHERE name = ? AND deleted_at IS NULL')
        .pluck()
        .get(name) ?? null
    );
  }

  /** The record that goes into the template's file. */
  record(id: string): TemplateRecord {
    const template = this.#fieldsById(id);
    const deletedVersions = this.#db
      .prepare<[string], number>('SELECT number FROM version WHERE template_id = ? AND deleted_at IS NOT NULL')
      .pluck()
      .all(id);
    const manifests = this.#db
      .prepare<[string], string>('SELECT manifest FROM disk WHERE template_id = ? ORDER BY number, place')
      .pluck()
      .all(id);
    const attachments = this.attachments().filter(({ templateId }) => templateId === id);
    return { ...template, deletedVersions, manifests: [...manifests, ...attachments.map(({ file }) => file)] };
  }

  #upsert(template: TemplateRecord, keepsRevision = false): void {
    this.#db
      .prepare(
        `INSERT INTO template (id, name, note, tags, kind, status, visibility, licence, owner, shared_with, policy, created_at, updated_at,
           deleted_at, revision)
         VALUES (@id, @name, @note, @tags, @kind, @status, @visibility, @licence, @owner, @sharedWith, @policy, @createdAt,
           @updatedAt, @deletedAt, @revision)
         ON CONFLICT (id) DO UPDATE SET name = @name, note = @note, tags = @tags, status = @status,
           visibility = @visibility, licence = @licence, owner = @owner, shared_with = @sharedWith, policy = @policy,
           created_at = @createdAt, kind = @kind, updated_at = @updatedAt, deleted_at = @deletedAt,
           revision = revision + ${keepsRevision ? 0 : 1}, sum = NULL`,
      )
      .run({
        ...template,
        tags: JSON.stringify(template.tags),
        sharedWith: JSON.stringify(template.sharedWith),
        deletedVersions: undefined,
        manifests: undefined,
      });
    signRows(this.#db, 'template', 'id = ?', template.id);
  }

  /** @param limit -1: all */
  #rows(deleted: boolean, offset = 0, limit = -1): TemplateRow[] {
    return this.#db
      .prepare<[number, number], TemplateRow>(
        `${TEMPLATES} WHERE deleted_at IS ${deleted ? 'NOT NULL' : 'NULL'}
         ORDER BY updated_at DESC, name, id LIMIT ? OFFSET ?`,
      )
      .all(limit, offset);
  }

  /** @returns a template's row and that of the version that is named, or of the newest */
  #findRows(reference: string, deleted: boolean): { row: TemplateRow; version: VersionRow } | null {
    const { name, number } = parseReference(reference);
    const row = this.#findRow(name, deleted);
    if (!row) return null;
    const version = this.#db
      .prepare<[string, number | null, number | null], VersionRow>(
        `${VERSIONS} WHERE template_id = ? AND (? IS NULL OR number = ?)
         ${deleted ? '' : 'AND deleted_at IS NULL'} ORDER BY number DESC LIMIT 1`,
      )
      .get(row.id, number, number);
    return version ? { row, version } : null;
  }

  #findRow(nameOrId: string, deleted: boolean): TemplateRow | undefined {
    const look = (without: string) =>
      this.#db
        .prepare<[string, string, string, string], TemplateRow>(
          `${TEMPLATES} ${without} WHERE (name IN (?, ?) OR id = ?) AND deleted_at IS ${deleted ? 'NOT NULL' : 'NULL'}
           ORDER BY name = ? DESC, deleted_at DESC LIMIT 1`,
        )
        .get(nameOrId, nameOrId.normalize('NFC'), nameOrId, nameOrId);
    const row = look('');
    // an index that is damaged must not hide a template
    if (!row && look('NOT INDEXED')) throw damagedRow('index of templates');
    return row;
  }

  /** @param ids of templates; null: all @returns what finds the disks of a version, in their order */
  #disksOf(ids: readonly string[] | null): (version: VersionRow) => readonly DiskRow[] {
    const where = ids === null ? '' : 'WHERE template_id IN (SELECT value FROM json_each(?))';
    const rows = this.#db
      .prepare<string[], DiskRow>(`${DISKS} ${where} ORDER BY place`)
      .all(...(ids === null ? [] : [JSON.stringify(ids)]));
    const keyOf = (row: Pick<DiskRow, 'template_id' | 'number'>) => `${row.template_id} ${row.number}`;
    const byVersion = Map.groupBy(rows, keyOf);
    return (version) => byVersion.get(keyOf(version)) ?? [];
  }

  #fieldsById(id: string): TemplateRecord {
    const row = this.#db.prepare<[string], TemplateRow>(`${TEMPLATES} WHERE id = ?`).get(id);
    if (!row) throw new EngineError('TEMPLATE_NOT_FOUND', { template: id });
    const fields = fieldsOf(row);
    if (fields === null) throw damagedRow('row of a template');
    return fields;
  }

  #toView(row: TemplateRow): TemplateView {
    const fields = fieldsOf(row);
    if (fields === null) throw damagedRow('row of a template');
    const versions = this.#db
      .prepare<[string], VersionRow>(`${VERSIONS} WHERE template_id = ? ORDER BY number DESC`)
      .all(row.id)
      .filter((version) => row.deleted_at !== null || version.deleted_at === null);
    if (versions.length === 0) throw damagedRow('versions of a template');
    const disks = this.#disksOf([row.id]);
    return {
      ...templateView(fields),
      versions: versions.map((version) => shownVersion({ row: version, disks: disks(version) })),
    };
  }
}

function parseReference(reference: string): { name: string; number: number | null } {
  const match = /^(.*)@(\d{1,9})$/su.exec(reference);
  return match ? { name: match[1], number: Number(match[2]) } : { name: reference, number: null };
}

/** A template that does not exist yet. */
export function newTemplateRecord(
  fields: Pick<TemplateRecord, 'name' | 'note' | 'tags' | 'kind'> &
    Partial<Pick<TemplateRecord, 'licence' | 'policy' | 'owner'>>,
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
    manifests: [],
    revision: 0,
  };
}
