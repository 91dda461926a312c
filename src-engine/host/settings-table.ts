/** A row for each target, as CSV (RFC 4180) or YAML: what is in it is told by line and column where it is wrong. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from 'yaml';
import type { CommandResult } from '../contract/commands.ts';
import { countedName, GuestSettingsSchema } from '../contract/deploy.contract.ts';
import { networkCard } from './network-option.ts';

const MAX_ROWS = 64;
const PLAIN = ['hostname', 'domain', 'timezone', 'locale', 'keyboard'] as const;
const COLUMNS: readonly string[] = ['target', 'network', ...PLAIN];

export type TableRow = CommandResult<'settings.read'>[number];

/** A row as it stands in the file: its line, and its cells by column. */
interface RawRow {
  readonly line: number;
  readonly cells: ReadonlyMap<string, string>;
  /** of cells that have lines of their own */
  readonly lines?: ReadonlyMap<string, number>;
}

/** Makes the error for what cannot stand at a place. */
export type Tell = (line: number, column: string, value: string) => Error;

/**
 * @param fileName its ending says whether it is CSV or YAML
 * @throws what `tell` makes, for what cannot stand where it does
 */
export function tableRows(fileName: string, content: string, tell: Tell): TableRow[] {
  const text = content.replace(/^\ufeff/, '');
  const rows = /\.ya?ml$/i.test(fileName) ? yamlRows(text, tell) : csvRows(text, tell);
  if (rows.length === 0) throw tell(1, 'target', '');
  if (rows.length > MAX_ROWS) throw tell(rows[MAX_ROWS].line, 'target', `> ${MAX_ROWS}`);
  return rows.map((row, i) => rowOf(row, i + 1, tell));
}

/** @param number of the row, from 1: what `{n}` in its host name stands for */
function rowOf({ line, cells, lines }: RawRow, number: number, tellOf: Tell): TableRow {
  const tell = (column: string, value: string) => tellOf(lines?.get(column) ?? line, column, value);
  for (const column of cells.keys()) if (!COLUMNS.includes(column)) throw tell(column, cells.get(column)!);
  const cell = (column: string) => cells.get(column)?.trim() ?? '';
  if (cell('target') === '') throw tell('target', '');
  const settings: TableRow['settings'] = {};
  for (const column of PLAIN) {
    const written = cell(column);
    if (written === '') continue;
    const value = column === 'hostname' ? countedName(written, number) : written;
    if (!GuestSettingsSchema.shape[column].safeParse(value).success) throw tell(column, written);
    settings[column] = value;
  }
  const network = cell('network')
    .split(';')
    .map((one) => one.trim())
    .filter(Boolean);
  if (network.length > 0) {
    settings.network = network.map((one) => {
      const card = networkCard(one);
      if (!card) throw tell('network', one);
      return card;
    });
  }
  return { target: cell('target'), settings };
}

function csvRows(text: string, tell: Tell): RawRow[] {
  const records = csvRecords(text, separatorOf(text), tell);
  const [head, ...rest] = records;
  const columns = (head?.cells ?? []).map((name) => name.trim().toLowerCase());
  columns.forEach((name, i) => {
    if (!COLUMNS.includes(name) || columns.indexOf(name) !== i) throw tell(head.line, name, name);
  });
  if (!columns.includes('target')) throw tell(1, 'target', '');
  return rest.map(({ line, cells }) => {
    if (cells.length > columns.length) throw tell(line, String(columns.length + 1), cells[columns.length]);
    // a row that was cut off would be a machine without a name
    if (cells.length < columns.length) throw tell(line, columns[cells.length], '');
    return { line, cells: new Map(columns.map((name, i) => [name, cells[i] ?? ''])) };
  });
}

/** What a spreadsheet writes depends on its language: the line of columns shows it. */
function separatorOf(text: string): string {
  const head = (/\S[^\n]*/.exec(text)?.[0] ?? '').replaceAll('"', '');
  const known = (separator: string) =>
    head.split(separator).filter((name) => COLUMNS.includes(name.trim().toLowerCase())).length;
  return [',', ';', '\t'].reduce((best, one) => (known(one) > known(best) ? one : best));
}

/** Lines that are empty are none; a quoted cell may hold separators, line ends and doubled quotes. */
function csvRecords(text: string, separator: string, tell: Tell): { line: number; cells: string[] }[] {
  const records: { line: number; cells: string[] }[] = [];
  let line = 1;
  let start = 1;
  let cells: string[] = [];
  let cell = '';
  const end = () => {
    cells.push(cell);
    if (cells.some((one) => one.trim() !== '')) records.push({ line: start, cells });
    [cells, cell] = [[], ''];
  };
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (character === '"' && cell.trim() === '') {
      const closing = /"(?:[^"]|"")*"/y;
      closing.lastIndex = i;
      const [quoted] = closing.exec(text) ?? [];
      if (quoted === undefined) throw tell(line, String(cells.length + 1), text.slice(i, i + 40));
      cell = quoted.slice(1, -1).replaceAll('""', '"');
      line += quoted.split('\n').length - 1;
      i += quoted.length - 1;
    } else if (character === separator) {
      cells.push(cell);
      cell = '';
    } else if (character === '\n') {
      end();
      start = ++line;
    } else if (character !== '\r') cell += character;
  }
  end();
  return records;
}

/** A list of maps, each with the columns that it has. Anchors serve values, and columns that several rows share (`<<: *name`). */
function yamlRows(text: string, tell: Tell): RawRow[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, schema: 'failsafe', uniqueKeys: true });
  const lineOf = (node: unknown) => lines.linePos((node as { range?: [number] }).range?.[0] ?? 0).line;
  const named = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const [error] = document.errors;
  if (error) throw tell(error.linePos?.[0].line ?? 1, '-', error.code);
  if (!isSeq(document.contents)) throw tell(1, 'target', '');
  return document.contents.items.map((item) => {
    if (!isMap(item)) throw tell(lineOf(item), 'target', '');
    const cells = new Map<string, string>();
    const own = new Map<string, number>();
    const put = (map: YAMLMap, shared: YAMLMap[] | null) => {
      for (const { key, value } of map.items) {
        const name = String(isScalar(key) ? key.value : key).toLowerCase();
        const column = named(value);
        if (name === '<<' && shared && isMap(column)) {
          shared.push(column);
          continue;
        }
        const values = isSeq(column) ? column.items.map(named) : [column];
        if (!values.every(isScalar) || (isSeq(column) && name !== 'network'))
          throw tell(lineOf(key), name, String(value));
        if (cells.has(name)) continue;
        own.set(name, lineOf(key));
        cells.set(name, values.map((one) => String(one.value ?? '')).join(';'));
      }
    };
    const shared: YAMLMap[] = [];
    put(item, shared);
    // what a row says itself goes before; what it shares shares nothing further
    shared.forEach((map) => put(map, null));
    return { line: lineOf(item), cells, lines: own };
  });
}
