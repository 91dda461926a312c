/** `g` and then a letter goes to a place, `?` shows the keys, Ctrl+K the palette. Nothing is taken from who is typing. */
import type { Router } from 'vue-router';
import { ref } from 'vue';

export const GO_KEYS = { home: 'h', catalog: 'c', devices: 'd', machines: 'm', jobs: 'j', settings: 's' } as const;
export type Place = keyof typeof GO_KEYS;

/** What is open over the page by a key. */
export const opened = ref<'keys' | 'palette' | null>(null);

const PATIENCE_MS = 1_200;

export function listenForShortcuts(router: Router) {
  let pressedAt = -Infinity;
  window.addEventListener('keydown', (event) => {
    const inside = (places: string) => event.target instanceof HTMLElement && event.target.closest(places) !== null;
    const isModal = opened.value === null && document.querySelector('[role="dialog"][data-state="open"]') !== null;
    // no letter of a text: it is heard in fields, too, but another question is answered first
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === 'k') {
      if (isModal) return;
      event.preventDefault();
      opened.value = opened.value === 'palette' ? null : 'palette';
      return;
    }
    if (inside('input, textarea, select, [role="dialog"]') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '?') {
      event.preventDefault();
      opened.value = 'keys';
      return;
    }
    if (event.key === 'g') {
      pressedAt = event.timeStamp;
      return;
    }
    if (event.timeStamp - pressedAt > PATIENCE_MS) return;
    pressedAt = -Infinity;
    const place = Object.entries(GO_KEYS).find(([, key]) => key === event.key);
    if (!place) return;
    event.preventDefault();
    void router.push({ name: place[0] });
  });
}
