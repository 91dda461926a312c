/** Looking inside templates: their files, what is known of each, and what changed between two versions. */
export type { ChosenFile } from './chosen.ts';
export { default as ComparePage } from './ComparePage.vue';
export { default as FilePanel } from './FilePanel.vue';
export { default as FilesTab } from './FilesTab.vue';
export { useVolumeTitle } from './volumes.ts';
