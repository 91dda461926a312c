/** The wizard on which capture, deploy, import and export stand: shell, steps, plan, and what their forms share. */
export { default as DiskToRead } from './DiskToRead.vue';
export { default as ImageFormatChoice } from './ImageFormatChoice.vue';
export { default as PlannedDisk } from './PlannedDisk.vue';
export { default as PlanSubject } from './PlanSubject.vue';
export { default as PlanWizard } from './PlanWizard.vue';
export { default as TemplateFields } from './TemplateFields.vue';
export { useChosenVersion } from './chosen-version.ts';
export { formatsInDoubt, isAboutFormat } from './image-format.ts';
export { useBecomes, useTemplateName } from './template-name.ts';
export type { Planning } from './plan-state.ts';
export { useWizard } from './wizard.ts';
