/** Places that disks are read from and written to: attached devices and image files. */
export { default as AskRights } from './AskRights.vue';
export { useDevices } from './devices.store.ts';
export { default as FilePicker } from './FilePicker.vue';
export { default as PathField } from './PathField.vue';
export { default as PlaceChoice } from './PlaceChoice.vue';
