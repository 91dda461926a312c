/** What the page that is shown is called: windows and tabs are told apart by it. */
import { ref, watch } from 'vue';

export const pageTitle = ref('');

/** Call it in the set-up of what has the page's first heading. */
export function usePageTitle(title: () => string): void {
  watch(title, (now) => (pageTitle.value = now), { immediate: true });
}
