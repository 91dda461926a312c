/** A table with a row for each target, read from its file. */
import { MAX_TABLE_BYTES } from '../../src-engine/contract/index.ts';
import { readInput } from '../../src-engine/host/read-input.ts';
import { tableRows, type TableRow } from '../../src-engine/host/settings-table.ts';
import type { Words } from './words.ts';
import { wrong } from './wrong-option.ts';

/**
 * @param path its ending says whether it is CSV or YAML
 * @throws CommandError `BAD_REQUEST` with the line and the column
 */
export async function readTable(path: string, { t }: Words): Promise<TableRow[]> {
  const text = (await readInput(path, MAX_TABLE_BYTES)).toString('utf8');
  return tableRows(path, text, (line, column, value) =>
    wrong(t(value === '' ? 'cli.wrong.cell-empty' : 'cli.wrong.cell', { path, line: String(line), column, value })),
  );
}
