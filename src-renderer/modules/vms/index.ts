/** Virtual machines that disks are read from. */
export { default as VmChoice } from './VmChoice.vue';
export { default as VmList } from './VmList.vue';
