/** The steps of a wizard, in the page's address: the browser's way back goes one step back. */
import { computed, onMounted } from 'vue';
import { useRoute, useRouter } from 'vue-router';

/**
 * Call it in a component's set-up.
 * @param steps in their order
 * @param first where it begins, whatever the address said before
 * @param isResumed what was entered is there again, and so is the step
 * @param reachable the step that can be shown when another one is wanted
 */
export function useSteps<K extends string>(
  steps: readonly K[],
  first: K,
  isResumed: boolean,
  reachable: (wanted: K) => K,
) {
  const route = useRoute();
  const router = useRouter();
  const step = computed(() => reachable(steps.find((one) => one === route.query['step']) ?? steps[0]));
  const go = (to: K) => void router.push({ query: { ...route.query, step: to } });
  onMounted(() => {
    if (!isResumed || route.query['step'] === undefined)
      void router.replace({ query: { ...route.query, step: first } });
  });
  return { step, go };
}
