/** The database behind the catalog: schema, templates and versions, jobs, audit log. */
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AuditLog, userName } from '../../../src-engine/catalog/audit-log.ts';
import { openDatabase } from '../../../src-engine/catalog/database.ts';
import { JobRepository } from '../../../src-engine/catalog/job-repository.ts';
import { MIGRATIONS } from '../../../src-engine/catalog/migrations.ts';
import type { TemplateRecord, VersionRecord } from '../../../src-engine/catalog/records/index.ts';
import { newTemplateRecord, TemplateRepository } from '../../../src-engine/catalog/template-repository.ts';
import {
  NOTHING_RECORDED,
  TemplateSummarySchema,
  type TemplateView,
} from '../../../src-engine/contract/template.contract.ts';
import type { DiskView } from '../../../src-engine/contract/disk.contract.ts';
import type { JobView } from '../../../src-engine/contract/job.contract.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
let count = 0;
const newPath = () => join(folder, `catalog-${count++}.db`);
const codeOf = (work: () => unknown) => {
  try {
    work();
    return 'nothing';
  } catch (error) {
    return error instanceof EngineError ? error.code : String(error);
  }
};

describe('the database', () => {
  test('is made, and opened again', () => {
    const path = newPath();
    openDatabase(path).close();
    const db = openDatabase(path);
    expect(db.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length);
    expect(db.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.pragma('foreign_keys', { simple: true })).toBe(1);
    expect(db.pragma('synchronous', { simple: true })).toBe(2);
    db.close();
  });

  test('of an earlier Diskpress is brought along, with what is in it', () => {
    const path = newPath();
    const old = new Database(path);
    // before templates had an owner
    for (const step of MIGRATIONS.slice(0, 2)) old.exec(step);
    old.pragma('user_version = 2');
    const id = randomUUID();
    old
      .prepare(
        `INSERT INTO template (id, name, note, tags, kind, status, visibility, licence, created_at, updated_at)
         VALUES (?, 'old', 'kept', '["tag"]', 'flex', 'deprecated', 'public', 'none', ?, ?)`,
      )
      .run(id, now(), now());
    // of one disk, as version 2 wrote it, before machines were looked at
    const { guest: _, machine: __, platform: ___, disks: ____, ...rest } = versionRecord(1, 'one');
    const record = { ...rest, source: SOURCE, disk: DISK, capacityBytes: 4096, usedBytes: 4096 };
    old
      .prepare('INSERT INTO version (template_id, number, manifest, record) VALUES (?, 1, ?, ?)')
      .run(id, 'one', JSON.stringify(record));
    old.close();

    const db = openDatabase(path);
    const templates = new TemplateRepository(db);
    const told = {
      id,
      name: 'old',
      note: 'kept',
      tags: ['tag'],
      kind: 'flex',
      status: 'deprecated',
      visibility: 'public',
    };
    const added = { licence: 'none', owner: '', sharedWith: [], policy: null };
    expect(templates.find('old').template).toMatchObject({ ...told, ...added });
    expect(templates.find('old').version).toMatchObject({ number: 1, guest: null, machine: null, platform: null });
    expect(templates.summaries(false)).toMatchObject([{ ...told, ...added }]);
    expect(templates.edit('old', { owner: 'ana', policy: 'flex' })).toMatchObject({ owner: 'ana', policy: 'flex' });
    db.close();
  });

  test('of a newer Diskpress is not touched', () => {
    const path = newPath();
    const db = new Database(path);
    db.pragma('user_version = 1000');
    db.close();
    const before = readFileSync(path);
    expect(codeOf(() => openDatabase(path))).toBe('CATALOG_TOO_NEW');
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test.each([
    ['no database', Buffer.alloc(5000, 'text')],
    ['a header and nothing more', Buffer.from('SQLite format 3\0'.padEnd(100, 'x'))],
  ])('that is %s', (_, bytes) => {
    const path = newPath();
    writeFileSync(path, bytes);
    expect(codeOf(() => openDatabase(path))).toBe('CATALOG_DAMAGED');
  });

  test('that somebody else made tables in', () => {
    const path = newPath();
    const db = new Database(path);
    db.exec('CREATE TABLE pack (x)');
    db.close();
    expect(codeOf(() => openDatabase(path))).toBe('CATALOG_DAMAGED');
  });

  test('in a folder that is not there is no damage', () => {
    expect(['PERMISSION_DENIED', 'NOT_FOUND', 'CATALOG_DAMAGED']).toContain(
      codeOf(() => openDatabase(join(folder, 'missing', 'catalog.db'))),
    );
  });
});

const DISK: DiskView = {
  account: null,
  lengthBytes: 4096,
  sectorBytes: 512,
  physicalSectorBytes: 512,
  table: 'none',
  tableId: '',
  volumes: [],
  groups: [],
  usedBytes: 4096,
  warnings: [],
};
const SOURCE = {
  kind: 'file',
  path: '/x.img',
  model: 'x.img',
  serial: '',
  lengthBytes: 4096,
  sectorBytes: 512,
  physicalSectorBytes: 512,
};
const now = () => new Date().toISOString();
const versionRecord = (number: number, ...manifests: string[]): VersionRecord => ({
  number,
  medium: 'disk',
  configuration: NOTHING_RECORDED,
  guest: null,
  machine: null,
  definition: null,
  platform: null,
  createdAt: now(),
  disks: manifests.map((manifest) => ({
    manifest,
    ...{ role: 'boot', bus: null, address: null, source: SOURCE, layout: DISK, damage: null },
  })),
  warnings: [],
  storedBytes: 100,
  newBytes: 100,
  attachments: [],
});

describe('templates', () => {
  const open = () => {
    const db = openDatabase(newPath());
    const templates = new TemplateRepository(db);
    /** Adds versions to a template of that name, new or not. @returns its record */
    const add = (name: string, ...numbers: number[]): TemplateRecord => {
      const existing = templates.findByName(name);
      const record = existing
        ? templates.record(existing.id)
        : newTemplateRecord({ name, note: '', tags: ['tag'], kind: 'lab' }, now());
      for (const number of numbers)
        templates.addVersion(record, versionRecord(number, `${name}-${number}-${randomUUID()}`));
      return record;
    };
    const numbers = (reference: string) => templates.find(reference).template.versions.map(({ number }) => number);
    return { db, templates, add, numbers };
  };

  test('are found by name, by id, and with a version', () => {
    const { templates, add } = open();
    const { id } = add('base', 1, 2, 3);
    for (const reference of ['base', id]) {
      expect(templates.find(reference)).toMatchObject({ template: { id }, version: { number: 3 } });
      expect(templates.find(`${reference}@1`)).toMatchObject({ template: { id }, version: { number: 1 } });
    }
    for (const reference of ['bas', 'base@4', 'base@', '@1', '', 'BASE', '%']) {
      expect(codeOf(() => templates.find(reference))).toBe('TEMPLATE_NOT_FOUND');
    }
    expect(templates.nextVersionNumber(id)).toBe(4);
    expect(templates.findByName(id)).toBeNull();
  });

  test('keep what people wrote while a capture ran', () => {
    const { templates, add } = open();
    const record = add('base', 1);
    templates.edit('base', { note: 'written meanwhile', name: 'renamed', tags: [] });
    const later = '2100-01-01T00:00:00.000Z';
    templates.addVersion({ ...record, updatedAt: later }, versionRecord(2, 'two'));
    expect(templates.find('renamed').template).toMatchObject({ note: 'written meanwhile', tags: [], updatedAt: later });
    templates.delete('renamed');
    templates.addVersion(record, versionRecord(3, 'three'));
    expect(templates.list(true)).toHaveLength(1);
  });

  test('belong to who made them, and keep whom they are shared with and their policy', () => {
    const { templates, add } = open();
    expect(add('base', 1).owner).toBe(userName());
    const changes = { owner: 'ana', visibility: 'shared' as const, sharedWith: ['bo', 'chi'], policy: 'standard' };
    expect(templates.edit('base', changes)).toMatchObject(changes);
    expect(templates.find('base').template).toMatchObject(changes);
    expect(templates.record(templates.find('base').template.id)).toMatchObject(changes);
    expect(templates.edit('base', { policy: null, sharedWith: [] })).toMatchObject({ policy: null, sharedWith: [] });
  });

  test('under a licence of one’s own are never public', () => {
    const { templates, add } = open();
    add('base', 1);
    templates.edit('base', { licence: 'own' });
    expect(codeOf(() => templates.edit('base', { visibility: 'public' }))).toBe('LICENCE_NOT_PUBLIC');
    templates.edit('base', { licence: 'none', visibility: 'public' });
    expect(codeOf(() => templates.edit('base', { licence: 'own' }))).toBe('LICENCE_NOT_PUBLIC');
    expect(templates.find('base').template).toMatchObject({ licence: 'none', visibility: 'public' });
  });

  test('are listed as they are shown, newest change first, without what only their own page shows', () => {
    const { templates, add } = open();
    add('first', 1, 2);
    add('second', 1);
    add('binned', 1);
    templates.edit('first', { note: 'changed last', tags: ['a', 'b'] });
    templates.delete('first@2');
    templates.delete('binned');
    const strip = (view: TemplateView) => ({
      ...view,
      versions: view.versions.map(({ guest: _, machine: __, definition: ___, ...version }) => version),
    });
    for (const deleted of [false, true]) {
      const summaries = templates.summaries(deleted);
      expect(z.array(TemplateSummarySchema).parse(summaries)).toEqual(summaries);
      expect(summaries).toEqual(templates.list(deleted).map(strip));
    }
    expect(
      templates.summaries(false).map(({ name, versions }) => [name, versions.map(({ number }) => number)]),
    ).toEqual([
      ['first', [1]],
      ['second', [1]],
    ]);
    expect(templates.summaries(true).map(({ name }) => name)).toEqual(['binned']);
  });

  test('are found by a name whose accents were typed in two pieces', () => {
    const { templates, add } = open();
    add('Caf\u00e9', 1);
    expect(templates.edit('Cafe\u0301', { note: 'found' }).note).toBe('found');
  });

  test('have names that are taken once', () => {
    const { templates, add } = open();
    add('one', 1);
    add('two', 1);
    expect(codeOf(() => templates.edit('one', { name: 'two' }))).toBe('NAME_TAKEN');
    expect(templates.edit('one', { name: 'one', note: 'same name' }).note).toBe('same name');
    templates.delete('two');
    templates.edit('one', { name: 'two' });
    expect(codeOf(() => templates.undelete('two'))).toBe('NAME_TAKEN');
    templates.edit('two', { name: 'three' });
    templates.undelete('two');
    expect(
      templates
        .list(false)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['three', 'two']);
  });

  test('go to the bin as a whole or version by version, and come back', () => {
    const { templates, add, numbers } = open();
    add('base', 1, 2, 3);
    templates.delete('base@2');
    expect(numbers('base')).toEqual([3, 1]);
    expect(codeOf(() => templates.find('base@2'))).toBe('TEMPLATE_NOT_FOUND');
    expect(codeOf(() => templates.delete('base@2'))).toBe('TEMPLATE_NOT_FOUND');
    expect(codeOf(() => templates.undelete('base@9'))).toBe('TEMPLATE_NOT_FOUND');
    templates.delete('base@3');
    expect(templates.find('base').version.number).toBe(1);
    templates.undelete('base@2');
    expect(numbers('base')).toEqual([2, 1]);
    // the last version takes its template along
    templates.delete('base@2');
    templates.delete('base@1');
    expect(templates.list(false)).toEqual([]);
    expect(templates.list(true)[0].versions.map(({ number }) => number)).toEqual([3, 2, 1]);
    templates.undelete('base');
    expect(numbers('base')).toEqual([1]);
    expect(templates.record(templates.list(false)[0].id).deletedVersions).toEqual([2, 3]);
    expect(codeOf(() => templates.undelete('nobody'))).toBe('TEMPLATE_NOT_FOUND');
  });

  test('are gone for good when the bin is emptied, their manifests doomed until their files are gone', () => {
    const { templates, add, numbers } = open();
    add('kept', 1, 2);
    add('gone', 1);
    const manifest = (reference: string) => templates.find(reference).manifests[0];
    const expected = [manifest('kept@1'), manifest('gone')].sort();
    templates.delete('kept@1');
    templates.delete('gone');
    templates.emptyBin();
    expect(numbers('kept')).toEqual([2]);
    expect(templates.list(true)).toEqual([]);
    expect(templates.doomedManifests().sort()).toEqual(expected);
    expect(templates.unknownManifests([...expected, manifest('kept'), 'stranger'])).toEqual(['stranger']);
    for (const name of templates.doomedManifests()) templates.forgetDoomed(name);
    expect(templates.unknownManifests(expected)).toEqual(expected);
    expect(templates.manifests()).toHaveLength(1);
  });

  test('whose manifest is on its way are not lost, nor there', () => {
    const { templates, add } = open();
    const record = add('base', 1);
    templates.expectManifest('coming');
    expect(templates.unknownManifests(['coming'])).toEqual([]);
    expect(templates.doomedManifests()).toEqual(['coming']);
    templates.addVersion(record, versionRecord(2, 'coming'));
    expect(templates.doomedManifests()).toEqual([]);
    expect(templates.find('base').manifests[0]).toBe('coming');
  });

  test('that a repair brought back in the bin stay there', () => {
    const { templates, numbers } = open();
    const record = newTemplateRecord({ name: 'base', note: '', tags: [], kind: 'lab' }, now());
    templates.addVersion(record, versionRecord(1, 'one'), now());
    templates.deleteWithoutVersions();
    expect(templates.list(false)).toEqual([]);
    expect(templates.list(true)).toHaveLength(1);
    templates.undelete('base');
    expect(numbers('base')).toEqual([1]);
    templates.addVersion(record, versionRecord(2, 'two'), now());
    templates.deleteWithoutVersions();
    expect(numbers('base')).toEqual([1]);
  });

  test('tell how healthy they are', () => {
    const { templates, add } = open();
    add('base', 1, 2);
    expect(templates.find('base').version).toMatchObject({ health: 'unverified', verifiedAt: null });
    const at = now();
    templates.setHealth(templates.find('base@1').manifests[0], 'damaged', at);
    expect(templates.find('base@1').version).toMatchObject({ health: 'damaged', verifiedAt: at });
    expect(templates.find('base@2').version.health).toBe('unverified');
  });
});

describe('jobs', () => {
  const job = (more: Partial<JobView> = {}): JobView => ({
    id: randomUUID(),
    kind: 'capture',
    templateName: 'base',
    path: '/x.img',
    state: 'queued',
    waitsFor: null,
    outcome: null,
    error: null,
    createdAt: new Date(Date.UTC(2026, 0, 1) + count++ * 1000).toISOString(),
    startedAt: null,
    endedAt: null,
    phases: [],
    progress: null,
    warnings: [],
    result: null,
    parts: [],
    ...more,
  });

  test('are saved again and again, listed newest first', () => {
    const jobs = new JobRepository(openDatabase(newPath()));
    const [first, second] = [job(), job()];
    jobs.save(first);
    jobs.save(second);
    jobs.save({ ...first, state: 'running' });
    expect(jobs.list().map(({ id, state }) => [id, state])).toEqual([
      [second.id, 'queued'],
      [first.id, 'running'],
    ]);
    expect(jobs.find(first.id)?.state).toBe('running');
    expect(jobs.find(randomUUID())).toBeNull();
  });

  test('whose process is gone are lost; those of this one and those that ended are not', () => {
    const db = openDatabase(newPath());
    const jobs = new JobRepository(db);
    const [own, dead, done] = [
      job({ state: 'running' }),
      job({ state: 'running' }),
      job({ state: 'ended', outcome: 'done' }),
    ];
    for (const one of [own, dead, done]) jobs.save(one);
    // above the greatest process number that Linux gives
    db.prepare("UPDATE job SET process_id = 99999999, runner = '', sum = NULL WHERE id != ?").run(own.id);
    const told: [string, string][] = [];
    expect(jobs.markLost(({ id }, user) => told.push([id, user])).map(({ id }) => id)).toEqual([dead.id]);
    // who had started it, and not who found it
    expect(told).toEqual([[dead.id, userName()]]);
    expect(jobs.find(dead.id)).toMatchObject({ state: 'ended', outcome: 'lost', error: { code: 'ENGINE_LOST' } });
    expect(jobs.find(own.id)).toMatchObject({ state: 'running', outcome: null });
    expect(jobs.find(done.id)).toMatchObject({ outcome: 'done' });
    // until what it left is gone: who was to remove it may have died
    expect(jobs.markLost().map(({ id }) => id)).toEqual([dead.id]);
    jobs.forgetLeftovers(dead.id);
    expect(jobs.markLost()).toEqual([]);
    expect(jobs.find(dead.id)).toMatchObject({ state: 'ended', outcome: 'lost' });
  });

  test('come in the order in which they began, and the newest stay, when the clock is set back', () => {
    const db = openDatabase(newPath());
    const jobs = new JobRepository(db);
    const ofTheFuture = { state: 'ended', outcome: 'done', createdAt: '2090-01-01T00:00:00.000Z' } as const;
    db.transaction(() => {
      for (let i = 0; i < 501; i++) jobs.save(job(ofTheFuture));
    })();
    const now = job({ state: 'ended', outcome: 'done' });
    jobs.save(now);
    jobs.markLost();
    expect(jobs.list()).toHaveLength(500);
    expect(jobs.list()[0].id).toBe(now.id);
  });

  test('are dropped once there are more than 500 newer ones', () => {
    const db = openDatabase(newPath());
    const jobs = new JobRepository(db);
    const all = Array.from({ length: 505 }, () => job({ state: 'ended', outcome: 'done' }));
    db.transaction(() => all.forEach((one) => jobs.save(one)))();
    jobs.markLost();
    expect(jobs.list()).toHaveLength(500);
    expect(jobs.find(all[0].id)).toBeNull();
    expect(jobs.find(all[504].id)).not.toBeNull();
  });
});

test('the audit log says who did what, newest first', () => {
  const log = new AuditLog(openDatabase(newPath()));
  log.add('template.captured', 'base', { version: 1 });
  log.add('template.deleted', 'base');
  const entries = log.list(10);
  expect(entries.map(({ action, subject, data }) => [action, subject, data])).toEqual([
    ['template.deleted', 'base', {}],
    ['template.captured', 'base', { version: 1 }],
  ]);
  expect(entries[0].user).not.toBe('');
  expect(log.list(1)).toHaveLength(1);
});
