import { describe, expect, it } from 'vitest';
import type { TemplateSummary } from '../../../src-engine/contract/index.ts';
import {
  arrange,
  healthOf,
  searchTemplates,
  type CatalogView,
  within,
} from '../../../src-renderer/modules/catalog/views.ts';

function template(
  name: string,
  more: Partial<TemplateSummary> = {},
  health: ('verified' | 'unverified' | 'damaged')[] = ['verified'],
) {
  return {
    id: name,
    name,
    note: '',
    tags: [],
    kind: 'lab',
    status: 'active',
    visibility: 'private',
    createdAt: '2026-01-01T00:00:00.000Z',
    updatedAt: '2026-01-01T00:00:00.000Z',
    deletedAt: null,
    versions: health.map((one, i) => ({
      number: i + 1,
      health: one,
      storedBytes: name.length,
      disks: [{ source: { model: 'Samsung T7' } }],
    })),
    ...more,
  } as TemplateSummary;
}

const all: CatalogView = {
  search: '',
  tags: [],
  kind: '',
  status: '',
  health: '',
  owner: '',
  system: '',
  sort: 'name',
  isDescending: false,
};
const names = (templates: TemplateSummary[]) => templates.map(({ name }) => name);

describe('searchTemplates', () => {
  const templates = [
    template('Débian labo', { note: 'salle 12', tags: ['classe'] }),
    template('Windows', { tags: ['bureau', 'classe'] }),
  ];

  it.each([
    ['debian', ['Débian labo']],
    ['DÉBIAN', ['Débian labo']],
    ['classe 12', ['Débian labo']],
    ['classe', ['Débian labo', 'Windows']],
    ['samsung win', ['Windows']],
    ['  ', ['Débian labo', 'Windows']],
    ['nothing', []],
  ])('finds with “%s”', (search, found) => {
    expect(names(searchTemplates(templates, search))).toEqual(found);
  });
});

it('finds by the beginning of an id, and no number inside one', () => {
  const templates = [template('machine 7', { id: 'c0ffee12-aaaa' }), template('machine 12', { id: '00c0ffee-7777' })];
  expect(names(searchTemplates(templates, 'C0FFEE'))).toEqual(['machine 7']);
  expect(names(searchTemplates(templates, '12'))).toEqual(['machine 12']);
  expect(names(searchTemplates(templates, '777'))).toEqual([]);
});

describe('arrange', () => {
  it('sorts numbers in names as numbers, and the other way round', () => {
    const templates = ['node 10', 'node 9', 'Node 1'].map((name) => template(name));
    expect(names(arrange(templates, all))).toEqual(['Node 1', 'node 9', 'node 10']);
    expect(names(arrange(templates, { ...all, isDescending: true }))).toEqual(['node 10', 'node 9', 'Node 1']);
  });

  it('filters by everything at once', () => {
    const templates = [
      template('a', { tags: ['x', 'y'], status: 'disabled' }),
      template('b', { tags: ['x'], status: 'disabled' }),
      template('c', { tags: ['x', 'y'] }, ['damaged']),
    ];
    expect(names(arrange(templates, { ...all, tags: ['x', 'y'], status: 'disabled' }))).toEqual(['a']);
    expect(names(arrange(templates, { ...all, health: 'damaged' }))).toEqual(['c']);
  });

  it('keeps the places of equals', () => {
    const templates = [template('b'), template('a')];
    expect(names(arrange(templates, { ...all, sort: 'stored' }))).toEqual(['a', 'b']);
    expect(names(arrange(templates, { ...all, sort: 'stored', isDescending: true }))).toEqual(['a', 'b']);
  });
});

describe('owners, systems, visibility', () => {
  const templates = [
    template('a', { owner: 'ana', visibility: 'public' }),
    template('b', { owner: 'bo', visibility: 'shared' }),
    template('c', { owner: 'ana' }),
  ];

  it('filters and sorts by them', () => {
    expect(names(arrange(templates, { ...all, owner: 'ana' }))).toEqual(['a', 'c']);
    expect(names(arrange(templates, { ...all, sort: 'owner', isDescending: true }))).toEqual(['b', 'a', 'c']);
  });

  it('tells one’s own and shared ones from public ones', () => {
    expect(names([...within(templates, 'private')])).toEqual(['b', 'c']);
    expect(names([...within(templates, 'public')])).toEqual(['a']);
    expect(names([...within(templates, 'all')])).toEqual(['a', 'b', 'c']);
  });
});

describe('healthOf', () => {
  it('is that of the worst version', () => {
    expect(healthOf(template('a', {}, ['verified', 'verified']))).toBe('verified');
    expect(healthOf(template('a', {}, ['verified', 'unverified']))).toBe('unverified');
    expect(healthOf(template('a', {}, ['unverified', 'damaged']))).toBe('damaged');
  });
});
