/** Shows only those of many equal rows that are in sight: a catalog of thousands scrolls like one of ten. */
import { computed, onBeforeUnmount, onMounted, ref, toValue, watch, type MaybeRefOrGetter, type Ref } from 'vue';
import { rowsInSight } from './rows-in-sight.ts';

/**
 * @param container the element that is as high as all rows together, inside one that is marked `data-scroller`
 * @param count number of rows
 * @param rowHeight in px, the same for every row
 */
export function useWindowing(
  container: Readonly<Ref<HTMLElement | null>>,
  count: Ref<number>,
  rowHeight: MaybeRefOrGetter<number>,
) {
  const scrolled = ref(0);
  const viewHeight = ref(1000);
  let scroller: Element | null = null;

  function measure() {
    if (!container.value || !scroller) return;
    scrolled.value = scroller.getBoundingClientRect().top - container.value.getBoundingClientRect().top;
    viewHeight.value = scroller.clientHeight;
  }

  const observer = new ResizeObserver(measure);
  onMounted(() => {
    scroller = container.value?.closest('[data-scroller]') ?? null;
    scroller?.addEventListener('scroll', measure, { passive: true });
    if (scroller) observer.observe(scroller);
    measure();
  });
  watch(count, measure, { flush: 'post' });
  onBeforeUnmount(() => {
    scroller?.removeEventListener('scroll', measure);
    observer.disconnect();
  });

  const inSight = computed(() => rowsInSight(scrolled.value, viewHeight.value, toValue(rowHeight), count.value));
  const start = computed(() => inSight.value.start);
  const end = computed(() => inSight.value.end);
  const before = computed(() => start.value * toValue(rowHeight));
  const total = computed(() => count.value * toValue(rowHeight));

  /**
   * Scrolls as little as needed so that a row is in sight.
   * @param covered px at the upper edge that something fixed lies over
   */
  function reveal(index: number, covered: number) {
    if (!container.value || !scroller) return;
    const top =
      container.value.getBoundingClientRect().top - scroller.getBoundingClientRect().top + index * toValue(rowHeight);
    if (top < covered) scroller.scrollBy(0, top - covered);
    else if (top + toValue(rowHeight) > scroller.clientHeight)
      scroller.scrollBy(0, top + toValue(rowHeight) - scroller.clientHeight);
  }

  return { start, end, before, total, reveal };
}
