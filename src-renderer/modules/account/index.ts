/** The account of every byte of a disk, and what becomes of unknown data that lies outside of all that is known. */
export { default as AccountTable } from './AccountTable.vue';
export { default as OutsideChoice } from './OutsideChoice.vue';
