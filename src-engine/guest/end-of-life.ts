/** Until when releases get updates: a table in resources that says when it was made. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { EngineError } from '../core/engine-error.ts';
import { known, unknown } from './datum.ts';

const TableSchema = z.strictObject({
  madeOn: z.iso.date(),
  /** the last day with updates that come without a further contract, by release or point release */
  releases: z.record(z.string().regex(/^[a-z0-9.-]{1,80}$/), z.iso.date()),
});
export type EndOfLifeTable = z.infer<typeof TableSchema>;

const ORIGIN = 'end-of-life.yaml';

/** @throws EngineError `FORMAT_INVALID` where the table is none */
export function parseEndOfLife(text: string): EndOfLifeTable {
  try {
    return TableSchema.parse(parse(text, { schema: 'failsafe' }));
  } catch (error) {
    throw new EngineError('FORMAT_INVALID', { field: ORIGIN, value: '' }, (error as Error).message);
  }
}

/** @param path of `resources/end-of-life.yaml` */
export async function loadEndOfLife(path: string): Promise<EndOfLifeTable> {
  return parseEndOfLife(await readFile(path, 'utf8'));
}

/** A point release has its own date where the table gives one. */
export function endOfLifeOf(table: EndOfLifeTable, release: string | null, pointRelease: string | null) {
  const find = (id: string | null) => (id !== null && Object.hasOwn(table.releases, id) ? table.releases[id] : null);
  const date = find(pointRelease) ?? find(release);
  return date === null ? unknown(ORIGIN) : known({ date, tableDate: table.madeOn }, `${ORIGIN} (${table.madeOn})`);
}
