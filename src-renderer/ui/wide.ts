/** From 1400 px on, the side panel stays open. */
import { readonly, ref } from 'vue';

const query = window.matchMedia('(min-width: 1400px)');
const wide = ref(query.matches);
query.addEventListener('change', (event) => (wide.value = event.matches));

export const isWide = readonly(wide);
