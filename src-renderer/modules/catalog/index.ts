/** The templates: the store, and their rows for the pages that choose among them. */
export { useCatalog } from './catalog.store.ts';
export { healthOf, isDeployable, searchTemplates } from './views.ts';
export { default as ReclaimSpace } from './ReclaimSpace.vue';
export { default as TemplateBadges } from './TemplateBadges.vue';
