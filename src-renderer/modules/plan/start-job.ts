/** From a plan that was agreed to, to its job: started, its pictures kept, shown. */
import { ref, shallowRef } from 'vue';
import { useRouter } from 'vue-router';
import type { DiskView, ErrorView } from '../../../src-engine/contract/index.ts';
import { keepDraftOf } from '../../client/drafts.ts';
import { errorView } from '../../client/words.ts';
import { useJobs } from '../jobs/index.ts';

/** Call it in a component's set-up. */
export function useStart() {
  const jobs = useJobs();
  const router = useRouter();
  const startError = shallowRef<ErrorView | null>(null);
  const isStarting = ref(false);

  /**
   * @param disks what the job's pictures show, in the order of its parts; empty: it has none
   * @param then what comes after, where it is not the job's page
   */
  async function start(
    begin: () => Promise<{ jobId: string }>,
    disks: readonly DiskView[],
    then: (jobId: string) => unknown = (id) => router.push({ name: 'jobs', params: { id } }),
  ) {
    isStarting.value = true;
    startError.value = null;
    try {
      const { jobId } = await begin();
      keepDraftOf(jobId);
      if (disks.length > 0) jobs.remember(jobId, disks);
      await then(jobId);
    } catch (thrown) {
      startError.value = errorView(thrown);
    } finally {
      isStarting.value = false;
    }
  }

  return { start, startError, isStarting };
}
