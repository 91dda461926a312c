/** Whose templates are shown, as the page's address says it. */
import { computed } from 'vue';
import { inAddress } from '../../client/address.ts';
import { useCatalog } from './catalog.store.ts';
import { REACHES, within, type Reach } from './views.ts';

/** Call it in a component's set-up. One's own come first, as long as there is anything else. */
export function useReach() {
  const catalog = useCatalog();
  const key = inAddress('reach');
  const hasPublic = computed(() => catalog.templates.some(({ visibility }) => visibility === 'public'));
  const reach = computed({
    get: (): Reach => (hasPublic.value ? (REACHES.find((one) => one === key.value) ?? 'private') : 'all'),
    set: (value: Reach) => (key.value = value === 'private' ? '' : value),
  });
  return { reach, hasPublic, reached: computed(() => within(catalog.templates, reach.value)) };
}
