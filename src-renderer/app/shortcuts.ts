/** `g` and then a letter goes to a place. Nothing is taken from who is typing. */
import type { Router } from 'vue-router';

export const GO_KEYS = { home: 'h', catalog: 'c', devices: 'd', machines: 'm', jobs: 'j', settings: 's' } as const;

const PATIENCE_MS = 1_200;

export function listenForShortcuts(router: Router) {
  let pressedAt = -Infinity;
  window.addEventListener('keydown', (event) => {
    const isTyping =
      event.target instanceof HTMLElement && event.target.closest('input, textarea, select, [role="dialog"]');
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
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
