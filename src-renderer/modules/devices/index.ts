/** Places that disks are read from and written to: attached devices and image files. */
export { useDevices } from './devices.store.ts';
export { default as DeviceChoice } from './DeviceChoice.vue';
export { default as PathField } from './PathField.vue';
