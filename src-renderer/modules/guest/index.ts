/** What is installed on a disk, and what a deploy changes in it. */
export { default as ChangeList } from './ChangeList.vue';
export { default as GuestFacts } from './GuestFacts.vue';
export { default as GuestTable } from './GuestTable.vue';
export { default as IdentifierList } from './IdentifierList.vue';
