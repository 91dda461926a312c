/**
 * Where the focus goes when a page takes the place of another: it would be lost with what was pressed, and nobody who listens
 * would hear that there is another page.
 */
import { onMounted, type Ref } from 'vue';

let isArriving = false;
const arrived = () => (isArriving = false);
// until somebody does something: what loads meanwhile may put another heading in the place of the first
for (const act of ['keydown', 'pointerdown']) window.addEventListener(act, arrived, { capture: true });

/** Call it when another page is about to come: whatever has the focus goes with the old one. */
export function leavePage(): void {
  isArriving = true;
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
}

/**
 * Takes the focus once it is there, where its page has just come and nothing on it has the focus yet. Call it in a component's
 * set-up.
 * @param target can have the focus (`tabindex`)
 * @param wants whether it is what the page was opened for, so that it comes before the page's title
 */
export function useArrival(
  target: Readonly<Ref<HTMLElement | null>>,
  wants: () => boolean | undefined = () => true,
): void {
  onMounted(() => {
    if (!isArriving || !wants()) return;
    const isTaken = document.activeElement !== null && document.activeElement.closest('main') !== null;
    const isTitle = document.activeElement?.tagName === 'H1';
    if (!isTaken || isTitle) target.value?.focus({ preventScroll: true });
  });
}
