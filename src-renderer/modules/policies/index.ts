/** The policies that count here, and every rule of them explained. */
export { default as PoliciesPage } from './PoliciesPage.vue';
export { default as PolicyPage } from './PolicyPage.vue';
