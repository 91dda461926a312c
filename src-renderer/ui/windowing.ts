/** Shows only those of many equal rows that are in sight: a catalog of thousands scrolls like one of ten. */
import { computed, onBeforeUnmount, onMounted, ref, type Ref } from 'vue';

const MARGIN_ROWS = 8;

/**
 * @param container the element that is as high as all rows together
 * @param count number of rows
 * @param rowHeight in px, the same for every row
 */
export function useWindowing(container: Readonly<Ref<HTMLElement | null>>, count: Ref<number>, rowHeight: number) {
  const from = ref(0);
  const visible = ref(40);
  let scroller: Element | null = null;

  function measure() {
    if (!container.value || !scroller) return;
    const above = scroller.getBoundingClientRect().top - container.value.getBoundingClientRect().top;
    from.value = Math.max(0, Math.floor(above / rowHeight) - MARGIN_ROWS);
    visible.value = Math.ceil(scroller.clientHeight / rowHeight) + 2 * MARGIN_ROWS;
  }

  const observer = new ResizeObserver(measure);
  onMounted(() => {
    scroller = container.value?.closest('[data-scroller]') ?? null;
    scroller?.addEventListener('scroll', measure, { passive: true });
    if (scroller) observer.observe(scroller);
    measure();
  });
  onBeforeUnmount(() => {
    scroller?.removeEventListener('scroll', measure);
    observer.disconnect();
  });

  const start = computed(() => Math.min(from.value, Math.max(0, count.value - visible.value)));
  const end = computed(() => Math.min(count.value, start.value + visible.value));
  const before = computed(() => start.value * rowHeight);
  const total = computed(() => count.value * rowHeight);
  return { start, end, before, total };
}
