/** What is installed on a disk. */
export { default as GuestFacts } from './GuestFacts.vue';
export { default as GuestTable } from './GuestTable.vue';
