/** What a later Diskpress would write into a catalog: whole, with right sums, and in ways that this one does not know. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import Database from 'better-sqlite3';
import { addRowSum, signRows } from '../../src-engine/catalog/row-sum.ts';
import { MANIFEST_END_MAGIC, MANIFEST_MAGIC, manifestEnd } from '../../src-engine/store/manifest-format.ts';

type Json = Record<string, unknown>;

function withDatabase<T>(catalog: string, work: (db: Database.Database) => T): T {
  const db = new Database(join(catalog, 'catalog.db'));
  addRowSum(db);
  try {
    return work(db);
  } finally {
    db.close();
  }
}

const templateId = (db: Database.Database, template: string) =>
  db.prepare('SELECT id FROM template WHERE name = ?').pluck().get(template) as string;

/** @returns the paths of its manifests */
export function manifestsOf(catalog: string, template: string): string[] {
  return withDatabase(catalog, (db) =>
    db.prepare('SELECT manifest FROM disk WHERE template_id = ? ORDER BY number').pluck().all(templateId(db, template)),
  ).map((name) => join(catalog, 'manifests', `${String(name)}.dpm`));
}

export const recordOf = (catalog: string, template: string) =>
  join(catalog, 'manifests', `${withDatabase(catalog, (db) => templateId(db, template))}.json`);

/** @param sum a later format may have another kind of sum @returns its path */
export function laterRecord(catalog: string, template: string, sum: 'same' | 'other'): string {
  const path = recordOf(catalog, template);
  const { sum: _, ...record } = JSON.parse(readFileSync(path, 'utf8')) as Json;
  const later = { format: 2, ...record, shelf: 'B4' };
  writeFileSync(path, JSON.stringify({ ...later, sum: sum === 'same' ? crc32(JSON.stringify(later)) : 'sha256-5f' }));
  return path;
}

/** The disks of a version's row are found elsewhere in it. */
export function laterVersions(catalog: string, template: string): void {
  withDatabase(catalog, (db) => {
    const id = templateId(db, template);
    const rows = db.prepare('SELECT number, record FROM version WHERE template_id = ?').all(id);
    for (const { number, record } of rows as { number: number; record: string }[]) {
      const { disks, ...others } = JSON.parse(record) as Json;
      db.prepare('UPDATE version SET record = ?, sum = NULL WHERE template_id = ? AND number = ?').run(
        JSON.stringify({ ...others, format: 3, storage: disks }),
        id,
        number,
      );
    }
    signRows(db, 'version', 'template_id = ?', id);
  });
}

/** The newest job is one of another format. @returns its id */
export function laterJob(catalog: string): string {
  return withDatabase(catalog, (db) => {
    const id = db.prepare('SELECT id FROM job ORDER BY created_at DESC LIMIT 1').pluck().get() as string;
    db.prepare('UPDATE job SET record = ?, sum = NULL WHERE id = ?').run(JSON.stringify({ format: 2, steps: [] }), id);
    signRows(db, 'job', 'id = ?', id);
    return id;
  });
}

/** Another format of the whole file: only its two ends are known. */
export function laterManifest(path: string): void {
  const bytes = readFileSync(path);
  bytes[MANIFEST_MAGIC.length - 1] = 0x32;
  bytes[bytes.length - manifestEnd.size + MANIFEST_END_MAGIC.length - 1] = 0x32;
  writeFileSync(path, bytes);
}

/** The file as it is now, with a version's record of a later format in it. */
export function laterManifestRecord(path: string): void {
  const bytes = readFileSync(path);
  const tail = bytes.subarray(-manifestEnd.size);
  const end = manifestEnd.read(tail);
  const [at, index] = [Number(end.jsonOffset), Number(end.indexOffset)];
  const json = JSON.parse(bytes.subarray(at, at + end.jsonBytes).toString()) as { version: Json };
  const { disks, ...others } = json.version;
  const text = Buffer.from(JSON.stringify({ ...json, version: { ...others, format: 3, storage: disks } }));
  manifestEnd.write(tail, {
    jsonBytes: text.length,
    jsonCrc: crc32(text),
    indexOffset: BigInt(at + text.length),
  });
  manifestEnd.write(tail, { crc: crc32(tail.subarray(0, 60)) });
  writeFileSync(
    path,
    Buffer.concat([bytes.subarray(0, at), text, bytes.subarray(index, bytes.length - tail.length), tail]),
  );
}
