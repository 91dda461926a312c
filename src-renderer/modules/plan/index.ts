/** What wizards have in common. */
export { default as ImageFormatChoice } from './ImageFormatChoice.vue';
export { formatsInDoubt, isAboutFormat } from './image-format.ts';
