/** Beginning a job from a page, and showing it there where jobs are shown. */
import { ref, shallowRef } from 'vue';
import { useRouter } from 'vue-router';
import type { ErrorView } from '../../src-engine/contract/index.ts';
import { errorView } from './words.ts';

/** Call it in a component's set-up. */
export function useStart() {
  const router = useRouter();
  const isStarting = ref(false);
  /** why the last one did not begin */
  const error = shallowRef<ErrorView | null>(null);

  async function start(begin: () => Promise<{ readonly jobId: string }>) {
    isStarting.value = true;
    error.value = null;
    try {
      const { jobId } = await begin();
      await router.push({ name: 'jobs', params: { id: jobId } });
    } catch (thrown) {
      error.value = errorView(thrown);
    } finally {
      isStarting.value = false;
    }
  }

  return { isStarting, error, start };
}
