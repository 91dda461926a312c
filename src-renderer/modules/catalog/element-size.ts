/** How wide an element is, as long as it is there. */
import { onBeforeUnmount, onMounted, ref, type Ref } from 'vue';

/** Call it in a component's set-up. @returns its width in px; a common one until it is known */
export function useElementSize(element: Readonly<Ref<HTMLElement | null>>) {
  const width = ref(800);
  const observer = new ResizeObserver(([entry]) => (width.value = entry.contentRect.width));
  onMounted(() => {
    if (!element.value) return;
    width.value = element.value.clientWidth;
    observer.observe(element.value);
  });
  onBeforeUnmount(() => observer.disconnect());
  return { width };
}
