/** Profiles of machines: this one, and those that are elsewhere. */
export { default as MachineFacts } from './MachineFacts.vue';
export { default as MachineFormPage } from './MachineFormPage.vue';
export { default as MachinesPage } from './MachinesPage.vue';
