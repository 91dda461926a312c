/** Records have a format. Each has a step from every older one, which is never changed: the next one builds on it. */
import { EngineError } from '../../core/engine-error.ts';

type Json = Record<string, unknown>;
/** Makes the JSON of one format that of the next. What is no such record comes out as none, for the schema to refuse. */
export type Upgrade = (json: Json) => Json;

/**
 * @param steps the first from format 1, which had no number
 * @returns JSON of the newest format, without its number, to be checked against the schema
 * @throws EngineError `CATALOG_TOO_NEW` where a later version wrote it
 */
export function upgraded(json: unknown, steps: readonly Upgrade[], what: string): unknown {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return json;
  const { format = 1, ...fields } = json as Json;
  if (typeof format !== 'number' || !Number.isSafeInteger(format) || format < 1) return null;
  const newest = steps.length + 1;
  if (format > newest) throw new EngineError('CATALOG_TOO_NEW', { path: what, version: format, supported: newest });
  return steps.slice(format - 1).reduce((older, step) => step(older), fields);
}
