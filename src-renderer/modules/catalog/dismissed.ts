/** Whether a person has put a notice away. Kept by the browser, nowhere else. */
import { ref, type Ref } from 'vue';

/** @param notice names it among what is kept */
export function useDismissed(notice: string): { isDismissed: Ref<boolean>; dismiss(): void } {
  const key = `diskpress.dismissed.${notice}`;
  const isDismissed = ref(false);
  try {
    isDismissed.value = localStorage.getItem(key) !== null;
  } catch {
    // A window without storage says it again.
  }
  return {
    isDismissed,
    dismiss() {
      isDismissed.value = true;
      try {
        localStorage.setItem(key, '1');
      } catch {
        // It is gone until the window is opened anew.
      }
    },
  };
}
