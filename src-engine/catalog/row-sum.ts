/** Checksums over the rows that people are shown: SQLite has none, and a flipped bit in a name is a name too. */
import { crc32 } from 'node:zlib';
import type Database from 'better-sqlite3';

/** What a row's sum covers. `process_id` of jobs is what earlier versions knew their process by. */
const SUMMED_COLUMNS = {
  template:
    'id, name, note, tags, kind, status, visibility, licence, owner, shared_with, policy, created_at, updated_at, deleted_at, revision',
  version: 'template_id, number, record, deleted_at',
  disk: 'template_id, number, place, manifest, health, verified_at',
  job: 'id, created_at, runner, is_ended, record',
  audit: 'id, at, user, action, subject, data',
} as const;
export type SummedTable = keyof typeof SUMMED_COLUMNS;

/** SQL that is 1 where a row of the table is what was written. A row without a sum comes from an earlier Diskpress. */
export const soundness = (table: SummedTable) => `(${table}.sum IS NULL OR ${table}.sum = ${rowSum(table)})`;

const rowSum = (table: SummedTable) =>
  `row_sum(${SUMMED_COLUMNS[table]
    .split(', ')
    .map((column) => `${table}.${column}`)
    .join()})`;

/** Makes the function `row_sum` known to a connection. */
export function addRowSum(db: Database.Database): void {
  db.function('row_sum', { varargs: true, deterministic: true }, (...values: unknown[]) => {
    // one sum over all of them: a call for each costs more than what it sums
    let text = '';
    for (const value of values) text += `${typeof value}:${String(value)}\0`;
    return crc32(text);
  });
}

/** Writes the sums of rows that have none. @param where SQL, with its parameters @see soundness */
export function signRows(
  db: Database.Database,
  table: SummedTable,
  where: string,
  ...params: readonly (string | number)[]
): void {
  db.prepare(`UPDATE ${table} SET sum = ${rowSum(table)} WHERE (${where}) AND sum IS NULL`).run(...params);
}

/**
 * Changes rows that are what was written, and writes their sums anew. A damaged row stays as it is: its damage must not be signed.
 * @param set SQL with named parameters @param where SQL over columns that do not change, with named parameters
 * @returns how many rows were changed
 */
export function updateRows(
  db: Database.Database,
  table: SummedTable,
  set: string,
  where: string,
  params: Record<string, string | number | null>,
): number {
  return db.transaction(() => {
    const { changes } = db
      .prepare(`UPDATE ${table} SET ${set}, sum = NULL WHERE (${where}) AND ${soundness(table)}`)
      .run(params);
    db.prepare(`UPDATE ${table} SET sum = ${rowSum(table)} WHERE (${where}) AND sum IS NULL`).run(params);
    return changes;
  })();
}
