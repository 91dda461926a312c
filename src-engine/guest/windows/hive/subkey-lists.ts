/** The lists in which a key of a hive has its subkeys, by name: one list, or an index of several ("ri"). */
import { checkRange, checkSpan } from '../../../core/bounds.ts';
import { EngineError } from '../../../core/engine-error.ts';
import type { HiveBins } from './hive-bins.ts';

const MAX_SUBKEYS = 100_000;
/** With more, a list with hints would not fit into a page: Windows begins another. */
const MAX_LISTED = 500;
const ENTRY_BYTES = { lf: 8, lh: 8, li: 4 } as const;

type LeafKind = keyof typeof ENTRY_BYTES;

interface Entry {
  /** of the subkey */
  readonly cell: number;
  /** what some kinds of lists have of its name */
  readonly hint: number;
}

interface Leaf {
  readonly cell: number;
  readonly kind: LeafKind;
  readonly entries: readonly Entry[];
}

/** @returns the cells of the subkeys, in their order @throws EngineError `FORMAT_INVALID` */
export function listedSubkeys(bins: HiveBins, list: number): number[] {
  const cells = leavesOf(bins, list).flatMap(({ entries }) => entries.map(({ cell }) => cell));
  checkRange('subkeys of a key', cells.length, 0, MAX_SUBKEYS);
  return cells;
}

/**
 * Puts a subkey where its name belongs.
 * @param list of the key's subkeys; null: it has none yet
 * @param nameOf the name of the subkey in a cell
 * @returns the list that the key has from now on
 * @throws EngineError `FORMAT_INVALID`
 */
export function withSubkey(
  bins: HiveBins,
  list: number | null,
  subkey: { readonly cell: number; readonly name: string },
  nameOf: (cell: number) => string,
): number {
  const { cell, name } = subkey;
  const usual: LeafKind = bins.minorVersion >= 5 ? 'lh' : 'lf';
  if (list === null) return writeLeaf(bins, usual, [{ cell, hint: hintOf(usual, name) }]);
  const leaves = leavesOf(bins, list);
  const comesBefore = (other: Entry) => compareNames(nameOf(other.cell), name) < 0;
  // the last one whose first name comes before
  const [first] = leaves;
  const chosen = leaves.findLast(({ entries }) => entries.length > 0 && comesBefore(entries[0])) ?? first;
  if (!chosen) throw new EngineError('FORMAT_INVALID', { field: 'subkey lists', value: '0' });
  const { kind, entries } = chosen;
  const at = entries.findIndex((entry) => !comesBefore(entry));
  const entry: Entry = { cell, hint: hintOf(kind, name) };
  const all = at < 0 ? [...entries, entry] : entries.toSpliced(at, 0, entry);
  const made = pieces(all).map((piece) => writeLeaf(bins, kind, piece));
  bins.free(chosen.cell);
  if (chosen.cell === list && made.length === 1) return made[0];
  const index = leaves.flatMap((leaf) => (leaf === chosen ? made : [leaf.cell]));
  const written = writeIndex(bins, index);
  if (chosen.cell !== list) bins.free(list);
  return written;
}

function leavesOf(bins: HiveBins, list: number): Leaf[] {
  const cell = bins.cell(list);
  if (signatureOf(cell) !== 'ri') return [leafOf(bins, list)];
  const count = cell.readUInt16LE(2);
  checkSpan('subkey list', 4, count * 4, cell.length);
  return Array.from({ length: count }, (_, i) => leafOf(bins, cell.readUInt32LE(4 + i * 4)));
}

function leafOf(bins: HiveBins, list: number): Leaf {
  const cell = bins.cell(list);
  const kind = signatureOf(cell);
  if (!isLeafKind(kind)) throw new EngineError('FORMAT_INVALID', { field: 'subkey list signature', value: kind });
  const entryBytes = ENTRY_BYTES[kind];
  const count = cell.readUInt16LE(2);
  checkSpan('subkey list', 4, count * entryBytes, cell.length);
  const entries = Array.from({ length: count }, (_, i) => ({
    cell: cell.readUInt32LE(4 + i * entryBytes),
    hint: entryBytes === 8 ? cell.readUInt32LE(8 + i * entryBytes) : 0,
  }));
  return { cell: list, kind, entries };
}

const signatureOf = (cell: Buffer) => cell.toString('latin1', 0, 2);
const isLeafKind = (kind: string): kind is LeafKind => Object.hasOwn(ENTRY_BYTES, kind);

function writeLeaf(bins: HiveBins, kind: LeafKind, entries: readonly Entry[]): number {
  const entryBytes = ENTRY_BYTES[kind];
  const offset = bins.allocate(4 + entries.length * entryBytes);
  const cell = bins.cell(offset);
  cell.write(kind, 0, 'latin1');
  cell.writeUInt16LE(entries.length, 2);
  for (const [i, { cell: subkey, hint }] of entries.entries()) {
    cell.writeUInt32LE(subkey, 4 + i * entryBytes);
    if (entryBytes === 8) cell.writeUInt32LE(hint, 8 + i * entryBytes);
  }
  return offset;
}

function writeIndex(bins: HiveBins, lists: readonly number[]): number {
  const offset = bins.allocate(4 + lists.length * 4);
  const cell = bins.cell(offset);
  cell.write('ri', 0, 'latin1');
  cell.writeUInt16LE(lists.length, 2);
  for (const [i, list] of lists.entries()) cell.writeUInt32LE(list, 4 + i * 4);
  return offset;
}

/** Equal pieces, each of which a list may have. */
function pieces(entries: readonly Entry[]): Entry[][] {
  const count = Math.ceil(entries.length / MAX_LISTED);
  const length = Math.ceil(entries.length / count);
  return Array.from({ length: count }, (_, i) => entries.slice(i * length, (i + 1) * length));
}

/** The first characters of the name, or a hash of all of it. */
function hintOf(kind: LeafKind, name: string): number {
  if (kind === 'li') return 0;
  if (kind === 'lf') {
    const head = Buffer.alloc(4);
    head.write(name.slice(0, 4), 'latin1');
    return head.readUInt32LE();
  }
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = (Math.imul(hash, 37) + upper(name[i]).charCodeAt(0)) >>> 0;
  return hash;
}

/** As Windows orders them: by what their characters are as capitals. */
export function compareNames(a: string, b: string): number {
  const [left, right] = [capitals(a), capitals(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

const capitals = (name: string) => [...name].map(upper).join('');

/** A capital of two characters is none in a registry. */
function upper(character: string): string {
  const capital = character.toUpperCase();
  return capital.length === character.length ? capital : character;
}
