/** The catalog as a person wants to see it: searched, filtered, sorted. Pure: the page's address says which. */
import { plainText } from '../../client/plain-text.ts';
import type { TemplateSummary } from '../../../src-engine/contract/index.ts';

export const SORTS = [
  'name',
  'system',
  'kind',
  'visibility',
  'owner',
  'created',
  'stored',
  'versions',
  'updated',
] as const;
export type Sort = (typeof SORTS)[number];

export interface CatalogView {
  search: string;
  tags: readonly string[];
  kind: string;
  status: string;
  health: string;
  owner: string;
  system: string;
  sort: Sort;
  isDescending: boolean;
}

/** The health of a template is that of its worst version; one that was never read back says so. */
export function healthOf({ versions }: TemplateSummary): TemplateSummary['versions'][number]['health'] {
  const worst = (['damaged', 'unknown', 'unverified'] as const).find((one) =>
    versions.some(({ health }) => health === one),
  );
  return worst ?? 'verified';
}

/** Whether the engine would let any version of it be deployed anew. */
export function isDeployable(template: TemplateSummary): boolean {
  return (
    template.status === 'active' && template.versions.some(({ health }) => !['damaged', 'unknown'].includes(health))
  );
}

/** What runs on it, as its newest version tells; '' where that is not known. */
export function systemOf(template: TemplateSummary): string {
  return template.versions[0].configuration?.operatingSystem ?? '';
}

/** So many digits of an id are meant as one: fewer would be found in ids by chance. */
const MIN_ID_DIGITS = 4;

/**
 * All words of the search must be found: in the name, the note, a tag, the owner, the system, or what was captured; or be the
 * beginning of the id. Case and accents do not matter.
 */
export function searchTemplates(templates: readonly TemplateSummary[], search: string): TemplateSummary[] {
  const wanted = plainText(search).split(/\s+/).filter(Boolean);
  if (!wanted.length) return [...templates];
  return templates.filter((template) => {
    const text = textOf(template);
    const isId = (word: string) => word.length >= MIN_ID_DIGITS && template.id.startsWith(word);
    return wanted.every((word) => text.includes(word) || isId(word));
  });
}

/** Ten thousand texts are made plain once, not at every letter that is typed. */
const texts = new WeakMap<TemplateSummary, string>();

function textOf(template: TemplateSummary): string {
  let text = texts.get(template);
  if (text === undefined) {
    const { name, note, tags, owner, versions } = template;
    const sources = versions.flatMap(({ disks }) => disks.map(({ source }) => source.model));
    text = plainText([name, note, ...tags, owner, systemOf(template), ...sources].join(' '));
    texts.set(template, text);
  }
  return text;
}

const KEYS: Record<Sort, (template: TemplateSummary) => number | string> = {
  name: (template) => template.name,
  system: systemOf,
  kind: (template) => template.kind,
  visibility: (template) => template.visibility,
  owner: (template) => template.owner,
  created: (template) => template.createdAt,
  stored: (template) => template.versions[0].storedBytes,
  versions: (template) => template.versions.length,
  updated: (template) => template.updatedAt,
};

/** One for all comparisons: made anew for each, it would take most of the time. */
const { compare } = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

export function arrange(templates: readonly TemplateSummary[], view: CatalogView): TemplateSummary[] {
  const key = KEYS[view.sort];
  const sign = view.isDescending ? -1 : 1;
  return searchTemplates(templates, view.search)
    .filter((template) => view.tags.every((tag) => template.tags.includes(tag)))
    .filter((template) => !view.kind || template.kind === view.kind)
    .filter((template) => !view.status || template.status === view.status)
    .filter((template) => !view.health || healthOf(template) === view.health)
    .filter((template) => !view.owner || template.owner === view.owner)
    .filter((template) => !view.system || systemOf(template) === view.system)
    .sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      const order = typeof x === 'string' ? compare(x, String(y)) : x - Number(y);
      return order === 0 ? compare(a.name, b.name) || (a.id < b.id ? -1 : 1) : sign * order;
    });
}

/** A selection with one template more, or without it. */
export function withOne(selected: ReadonlySet<string>, id: string, isOn: boolean): ReadonlySet<string> {
  const next = new Set(selected);
  if (isOn) next.add(id);
  else next.delete(id);
  return next;
}

export const REACHES = ['private', 'public', 'all'] as const;
export type Reach = (typeof REACHES)[number];

/** `private`: one's own, and what is shared with some. */
export function within(templates: readonly TemplateSummary[], reach: Reach): readonly TemplateSummary[] {
  if (reach === 'all') return templates;
  return templates.filter(({ visibility }) => (visibility === 'public') === (reach === 'public'));
}

/** A day here, the same for all its moments. */
export const dayOf = (iso: string): string => new Date(iso).toDateString();

/** Days on which several of these moments lie: there the time tells them apart. */
export function busyDays(moments: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const busy = new Set<string>();
  for (const day of moments.map(dayOf)) (seen.has(day) ? busy : seen).add(day);
  return busy;
}
