/** The catalog as a person wants to see it: searched, filtered, sorted. Pure: the page's address says which. */
import type { TemplateSummary } from '../../../src-engine/contract/index.ts';

export const SORTS = ['name', 'stored', 'updated'] as const;
export type Sort = (typeof SORTS)[number];

export interface CatalogView {
  search: string;
  tags: readonly string[];
  kind: string;
  status: string;
  health: string;
  sort: Sort;
  isDescending: boolean;
}

/** The health of a template is that of its worst version; one that was never read back says so. */
export function healthOf(template: TemplateSummary): 'damaged' | 'unverified' | 'verified' {
  if (template.versions.some(({ health }) => health === 'damaged')) return 'damaged';
  return template.versions.some(({ health }) => health === 'unverified') ? 'unverified' : 'verified';
}

/** Whether the engine would let any version of it be deployed anew. */
export function isDeployable(template: TemplateSummary): boolean {
  return template.status === 'active' && template.versions.some(({ health }) => health !== 'damaged');
}

/** All words of the search must be found: in the name, the note, a tag, or what was captured. Case and accents do not matter. */
export function searchTemplates(templates: readonly TemplateSummary[], search: string): TemplateSummary[] {
  const wanted = plain(search).split(/\s+/).filter(Boolean);
  if (!wanted.length) return [...templates];
  return templates.filter((template) => {
    const text = plain(
      [template.name, template.note, ...template.tags, ...template.versions.map(({ source }) => source.model)].join(
        ' ',
      ),
    );
    return wanted.every((word) => text.includes(word));
  });
}

const plain = (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();

const KEYS: Record<Sort, (template: TemplateSummary) => number | string> = {
  name: (template) => plain(template.name),
  stored: (template) => template.versions[0].storedBytes,
  updated: (template) => template.updatedAt,
};

export function arrange(templates: readonly TemplateSummary[], view: CatalogView): TemplateSummary[] {
  const key = KEYS[view.sort];
  const sign = view.isDescending ? -1 : 1;
  return searchTemplates(templates, view.search)
    .filter((template) => view.tags.every((tag) => template.tags.includes(tag)))
    .filter((template) => !view.kind || template.kind === view.kind)
    .filter((template) => !view.status || template.status === view.status)
    .filter((template) => !view.health || healthOf(template) === view.health)
    .sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === y) return a.id < b.id ? -1 : 1;
      if (typeof x === 'string') return sign * x.localeCompare(String(y), undefined, { numeric: true });
      return sign * (x < Number(y) ? -1 : 1);
    });
}
