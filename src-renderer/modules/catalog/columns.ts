/** The columns of the catalog's table: which there are, in which order, and how many of them fit. Pure. */
import type { TemplateSummary } from '../../../src-engine/contract/index.ts';
import { systemOf, type Sort } from './views.ts';

export interface Column {
  readonly id: ColumnId;
  readonly sort: Sort | null;
  /** the least width that it can be read in, in px; spare width goes to the name, the system and the note */
  readonly widthPx: number;
  readonly grows?: true;
  /** numbers end at one line */
  readonly isNumber?: true;
}

export const COLUMN_IDS = [
  'name',
  'system',
  'disk',
  'stored',
  'kind',
  'created',
  'visibility',
  'owner',
  'versions',
  'updated',
  'note',
  'id',
] as const;
export type ColumnId = (typeof COLUMN_IDS)[number];

const COLUMNS: Record<ColumnId, Column> = {
  name: { id: 'name', sort: 'name', widthPx: 200, grows: true },
  system: { id: 'system', sort: 'system', widthPx: 140, grows: true },
  kind: { id: 'kind', sort: 'kind', widthPx: 120 },
  visibility: { id: 'visibility', sort: 'visibility', widthPx: 88 },
  owner: { id: 'owner', sort: 'owner', widthPx: 96 },
  created: { id: 'created', sort: 'created', widthPx: 104 },
  disk: { id: 'disk', sort: null, widthPx: 120 },
  stored: { id: 'stored', sort: 'stored', widthPx: 104, isNumber: true },
  versions: { id: 'versions', sort: 'versions', widthPx: 76, isNumber: true },
  updated: { id: 'updated', sort: 'updated', widthPx: 104, isNumber: true },
  note: { id: 'note', sort: null, widthPx: 160, grows: true },
  id: { id: 'id', sort: null, widthPx: 88 },
};

/** What these columns say of all templates alike tells none from another. */
const SAME: Partial<Record<ColumnId, (template: TemplateSummary) => string>> = {
  system: systemOf,
  kind: ({ kind }) => kind,
  visibility: ({ visibility }) => visibility,
  owner: ({ owner }) => owner,
};

/**
 * The choice where nobody has made one: without columns that say the same of every template.
 * @param templates all among which a search looks: it does not change the table's columns itself
 */
export function differing(choice: ColumnChoice, templates: readonly TemplateSummary[]): ColumnChoice {
  const isChosen = (['order', 'hidden'] as const).some((one) => String(choice[one]) !== String(DEFAULT_COLUMNS[one]));
  if (isChosen || templates.length < 2) return choice;
  const alike = COLUMN_IDS.filter((id) => {
    const said = SAME[id];
    return said && templates.every((template) => said(template) === said(templates[0]));
  });
  return alike.length === 0 ? choice : { ...choice, hidden: [...choice.hidden, ...alike] };
}

/** What a person has chosen: all columns in their order, and those that are left out. The name is never left out. */
export interface ColumnChoice {
  readonly order: readonly ColumnId[];
  readonly hidden: readonly ColumnId[];
}

export const DEFAULT_COLUMNS: ColumnChoice = { order: COLUMN_IDS, hidden: ['versions', 'updated', 'note', 'id'] };

/** What was kept may be from another version of Diskpress, or no choice at all. */
export function readChoice(kept: unknown): ColumnChoice {
  const { order, hidden } = (kept ?? {}) as { order?: unknown; hidden?: unknown };
  if (!Array.isArray(order) || !Array.isArray(hidden)) return DEFAULT_COLUMNS;
  const known = COLUMN_IDS.filter((id) => order.includes(id)).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  const added = COLUMN_IDS.filter((id) => !known.includes(id));
  return {
    order: [...known, ...added],
    hidden: COLUMN_IDS.filter((id) => id !== 'name' && (hidden.includes(id) || (added.includes(id) && isHidden(id)))),
  };
}

const isHidden = (id: ColumnId) => DEFAULT_COLUMNS.hidden.includes(id);

/** @param by places to the right, or to the left where it is negative, among the columns that are shown */
export function move(choice: ColumnChoice, id: ColumnId, by: number): ColumnChoice {
  const shown = choice.order.filter((one) => !choice.hidden.includes(one));
  const neighbour = shown[shown.indexOf(id) + by];
  if (!neighbour || by === 0) return choice;
  const order = choice.order.filter((one) => one !== id);
  order.splice(order.indexOf(neighbour) + (by > 0 ? 1 : 0), 0, id);
  return { ...choice, order };
}

/** Puts a column where another one is. */
export function moveTo(choice: ColumnChoice, id: ColumnId, place: ColumnId): ColumnChoice {
  const shown = choice.order.filter((one) => !choice.hidden.includes(one));
  return move(choice, id, shown.indexOf(place) - shown.indexOf(id));
}

export function toggle(choice: ColumnChoice, id: ColumnId, isShown: boolean): ColumnChoice {
  if (id === 'name') return choice;
  const hidden = choice.hidden.filter((one) => one !== id);
  return { ...choice, hidden: isShown ? hidden : [...hidden, id] };
}

const GAP_PX = 12;

/**
 * The columns that there is room for: the first ones, and the name in any case. A narrow window leaves out the last ones.
 * @param roomPx width beside the check box and the button
 */
export function fitting({ order, hidden }: ColumnChoice, roomPx: number): Column[] {
  const wanted = order.filter((id) => !hidden.includes(id)).map((id) => COLUMNS[id]);
  let left = roomPx - COLUMNS.name.widthPx;
  return wanted.filter((column) => {
    if (column.id === 'name') return true;
    left -= column.widthPx + GAP_PX;
    return left >= 0;
  });
}

/** `grid-template-columns` of the cells between the check box and the button. */
export function gridColumns(columns: readonly Column[]): string {
  return columns
    .map(({ widthPx, grows, id }) => (grows ? `minmax(${widthPx}px, ${id === 'name' ? 2 : 1}fr)` : `${widthPx}px`))
    .join(' ');
}
