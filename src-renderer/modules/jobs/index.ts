/** Long work: its list, its rows, its state. */
export { attention } from './attention.ts';
export { useJobs } from './jobs.store.ts';
export { useJobWords } from './job-words.ts';
export { default as JobRow } from './JobRow.vue';
