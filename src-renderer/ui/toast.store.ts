/** One short message at the foot of the window, with a way back. The last one wins. */
import { defineStore } from 'pinia';
import { ref } from 'vue';

export interface Toast {
  id: number;
  text: string;
  actionLabel?: string;
  action?: () => void | Promise<void>;
}

const SHOWN_MS = 10_000;

export const useToast = defineStore('toast', () => {
  const current = ref<Toast | null>(null);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let nextId = 1;

  function keep() {
    clearTimeout(timer);
  }

  function leave() {
    clearTimeout(timer);
    timer = setTimeout(() => (current.value = null), SHOWN_MS);
  }

  function show(toast: Omit<Toast, 'id'>) {
    current.value = { id: nextId++, ...toast };
    leave();
  }

  function hide() {
    clearTimeout(timer);
    current.value = null;
  }

  return { current, show, hide, keep, leave };
});
