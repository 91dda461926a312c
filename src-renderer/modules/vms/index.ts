/** Virtual machines that disks are read from. */
export { default as RunningChoice } from './RunningChoice.vue';
export { default as VmChoice } from './VmChoice.vue';
export { default as VmList } from './VmList.vue';
export { canBeShutDown } from './vm-words.ts';
export { useVms } from './vms.store.ts';
