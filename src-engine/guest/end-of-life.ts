/** Until when releases get updates: a table in resources that says when it was made, and where each date was found. */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { EngineError } from '../core/engine-error.ts';
import { keptReadings } from '../core/kept-readings.ts';
import { known, unknown } from './datum.ts';

const FileSchema = z.strictObject({
  madeOn: z.iso.date(),
  products: z.array(
    z.strictObject({
      source: z.string().min(1).max(200),
      /** which of several ends it is, and of which editions */
      meaning: z.string().max(200).optional(),
      releases: z.record(z.string().regex(/^[a-z0-9.-]{1,80}$/), z.iso.date()),
    }),
  ),
});

export interface EndOfLifeTable {
  /** YYYY-MM-DD */
  readonly madeOn: string;
  /** the last day with updates that come without a further contract, and the source of that date */
  readonly releases: Readonly<Record<string, { readonly date: string; readonly source: string }>>;
}

const ORIGIN = 'end-of-life.yaml';

/** @throws EngineError `FORMAT_INVALID` where the table is none, or has two dates for one release */
export function parseEndOfLife(text: string): EndOfLifeTable {
  const refuse = (value: string, reason: string) => new EngineError('FORMAT_INVALID', { field: ORIGIN, value }, reason);
  const parsed = FileSchema.safeParse(parsedYaml(text));
  if (!parsed.success) throw refuse('', parsed.error.message);
  const releases: Record<string, { date: string; source: string }> = {};
  for (const product of parsed.data.products) {
    for (const [id, date] of Object.entries(product.releases)) {
      if (Object.hasOwn(releases, id)) throw refuse(id, `two dates for ${id}`);
      releases[id] = { date, source: product.source };
    }
  }
  return { madeOn: parsed.data.madeOn, releases };
}

/** undefined, which is no table, where it is no YAML */
function parsedYaml(text: string): unknown {
  try {
    return parse(text, { schema: 'failsafe' });
  } catch {
    return undefined;
  }
}

const tableOf = keptReadings(parseEndOfLife);

/** @param path of `resources/end-of-life.yaml` */
export async function loadEndOfLife(path: string): Promise<EndOfLifeTable> {
  return tableOf(await readFile(path, 'utf8'), path);
}

/**
 * A point release has its own date where the table gives one; a version of Windows (`windows-10-22h2`) has one by its
 * edition alone.
 */
export function endOfLifeOf(
  table: EndOfLifeTable,
  release: string | null,
  pointRelease: string | null,
  edition: string | null = null,
) {
  const isWindowsVersion = pointRelease !== null && /^windows-\d\d-/.test(pointRelease);
  const ids = isWindowsVersion ? [`${pointRelease}-${channelOf(edition)}`] : [pointRelease, release];
  const id = ids.find((key) => key !== null && Object.hasOwn(table.releases, key)) ?? null;
  if (id === null) return unknown(ORIGIN);
  const { date, source } = table.releases[id];
  return known({ date, tableDate: table.madeOn }, `${ORIGIN} (${table.madeOn}), ${source}`);
}

/** The editions of Windows clients that share an end, as the table calls them; '' for none of these. */
function channelOf(edition: string | null): string {
  if (edition === null) return '';
  if (/^IoTEnterpriseS/.test(edition)) return 'iot-enterprise-ltsc';
  if (/^EnterpriseS(N|Eval|NEval)?$/.test(edition)) return 'enterprise-ltsc';
  if (/^(Core|Professional)/.test(edition)) return 'pro';
  return /^(Enterprise|Education|IoTEnterprise|ServerRdsh)/.test(edition) ? 'enterprise' : '';
}
