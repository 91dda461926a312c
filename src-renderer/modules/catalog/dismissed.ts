/** Whether a person has put a notice away. */
import { computed, type ComputedRef } from 'vue';
import { usePreferences } from '../../client/preferences.store.ts';

/** @param notice names it among what is kept */
export function useDismissed(notice: string): { isDismissed: ComputedRef<boolean>; dismiss(): void } {
  const preferences = usePreferences();
  return {
    isDismissed: computed(() => preferences.now.dismissed.includes(notice)),
    dismiss: () => void preferences.change({ dismiss: notice }),
  };
}
