/** Bringing images of other tools in. */
export { default as DropOverlay } from './DropOverlay.vue';
