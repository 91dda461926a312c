/** The columns of the catalog: chosen, moved, kept, and as many as there is room for. */
import { describe, expect, it } from 'vitest';
import type { TemplateSummary } from '../../../src-engine/contract/index.ts';
import {
  COLUMN_IDS,
  DEFAULT_COLUMNS,
  differing,
  fitting,
  move,
  moveTo,
  readChoice,
  toggle,
} from '../../../src-renderer/modules/catalog/columns.ts';

const shown = (choice: typeof DEFAULT_COLUMNS) => choice.order.filter((id) => !choice.hidden.includes(id));
const fit = (choice: typeof DEFAULT_COLUMNS, roomPx: number) => fitting(choice, roomPx).map(({ id }) => id);

describe('columns', () => {
  it('begin with the name', () => {
    expect(shown(DEFAULT_COLUMNS)).toEqual([
      'name',
      'system',
      'disk',
      'stored',
      'kind',
      'created',
      'visibility',
      'owner',
    ]);
  });

  it('move past those that are shown, not past those that are hidden', () => {
    const choice = toggle(DEFAULT_COLUMNS, 'disk', false);
    const moved = move(choice, 'stored', -1);
    expect(shown(moved).slice(0, 4)).toEqual(['name', 'stored', 'system', 'kind']);
    expect(shown(move(moved, 'stored', 1))).toEqual(shown(choice));
  });

  it('stay where they are at both ends', () => {
    expect(move(DEFAULT_COLUMNS, 'name', -1)).toBe(DEFAULT_COLUMNS);
    expect(move(DEFAULT_COLUMNS, 'owner', 1)).toBe(DEFAULT_COLUMNS);
  });

  it('take the place that they are dropped on', () => {
    expect(shown(moveTo(DEFAULT_COLUMNS, 'stored', 'system'))[1]).toBe('stored');
    expect(shown(moveTo(DEFAULT_COLUMNS, 'name', 'disk')).slice(0, 3)).toEqual(['system', 'disk', 'name']);
    expect(moveTo(DEFAULT_COLUMNS, 'kind', 'kind')).toBe(DEFAULT_COLUMNS);
  });

  it('can be left out, all but the name', () => {
    expect(shown(toggle(DEFAULT_COLUMNS, 'system', false))).not.toContain('system');
    expect(toggle(DEFAULT_COLUMNS, 'name', false)).toBe(DEFAULT_COLUMNS);
    expect(shown(toggle(DEFAULT_COLUMNS, 'id', true)).at(-1)).toBe('id');
  });

  it('leave out the last ones in a narrow window, and never the name', () => {
    expect(fit(DEFAULT_COLUMNS, 5000)).toEqual(shown(DEFAULT_COLUMNS));
    expect(fit(DEFAULT_COLUMNS, 500)).toEqual(['name', 'system', 'disk']);
    expect(fit(DEFAULT_COLUMNS, 10)).toEqual(['name']);
    expect(fit(moveTo(DEFAULT_COLUMNS, 'name', 'kind'), 10)).toEqual(['name']);
  });

  it('say nothing where they would say the same of every template, as long as nobody chose them', () => {
    const of = (facts: object) =>
      ({ kind: 'lab', visibility: 'private', owner: 'mara', versions: [{}], ...facts }) as unknown as TemplateSummary;
    const alike = [of({}), of({})];
    expect(shown(differing(DEFAULT_COLUMNS, alike))).toEqual(['name', 'disk', 'stored', 'created']);
    const kinds = [of({}), of({ kind: 'standard' })];
    expect(shown(differing(DEFAULT_COLUMNS, kinds))).toEqual(['name', 'disk', 'stored', 'kind', 'created']);
    const systems = [of({}), of({ versions: [{ configuration: { operatingSystem: 'Debian 13' } }] })];
    expect(shown(differing(DEFAULT_COLUMNS, systems))).toContain('system');
    // one alone differs from nothing
    expect(differing(DEFAULT_COLUMNS, [of({})])).toBe(DEFAULT_COLUMNS);
    const chosen = toggle(DEFAULT_COLUMNS, 'disk', false);
    expect(differing(chosen, alike)).toBe(chosen);
  });

  it('are read as they were kept; what is new since then comes last, what is no choice is passed over', () => {
    const choice = toggle(moveTo(DEFAULT_COLUMNS, 'owner', 'system'), 'disk', false);
    expect(readChoice(JSON.parse(JSON.stringify(choice)))).toEqual({ ...choice, hidden: expect.any(Array) });
    expect(shown(readChoice(JSON.parse(JSON.stringify(choice))))).toEqual(shown(choice));
    const older = readChoice({ order: ['name', 'kind', 'gone'], hidden: ['kind', 'name'] });
    expect(older.order.slice(0, 2)).toEqual(['name', 'kind']);
    expect([...older.order].sort()).toEqual([...COLUMN_IDS].sort());
    expect(shown(older)).toContain('name');
    for (const nonsense of [null, 7, 'x', {}, { order: 1, hidden: [] }]) {
      expect(readChoice(nonsense)).toEqual(DEFAULT_COLUMNS);
    }
  });
});
