/** A plan: asked for, looked at, asked for again, carried out. The same for every job that is planned. */
import { computed, ref, shallowRef, watch, type Ref } from 'vue';
import { useRouter } from 'vue-router';
import type { CommandParams, CommandResult, DiskView, ErrorView } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { errorView } from '../../client/words.ts';
import { useJobs } from '../jobs/index.ts';

export type Planned = 'capture.plan' | 'deploy.plan' | 'import.plan' | 'export.plan';

/**
 * Call it in a component's set-up.
 * @param request what is planned for; null as long as something is missing
 * @param rules what is asked besides and changes nothing but the report of the rules: the plan that is shown stays until the next
 *   one is there
 */
export function usePlan<C extends Planned>(
  command: C,
  request: Readonly<Ref<CommandParams<C> | null>>,
  rules: Readonly<Ref<object>> = ref({}),
) {
  const engine = useEngine();
  const jobs = useJobs();
  const router = useRouter();
  const plan = shallowRef<CommandResult<C> | null>(null);
  const error = shallowRef<ErrorView | null>(null);
  const isPlanning = ref(false);
  const isStarting = ref(false);
  const isExpired = ref(false);
  /** codes of checks and ids of rules that a person takes upon themselves: never any before they are asked */
  const overrides = ref<readonly string[]>([]);
  const key = computed(() => JSON.stringify(request.value));
  const rulesKey = computed(() => JSON.stringify(rules.value));

  /** Something else is planned for: what was said of the other does not hold for it. */
  function forget() {
    plan.value = null;
    error.value = null;
    isPlanning.value = false;
    overrides.value = [];
  }
  watch(key, forget, { flush: 'sync' });
  watch(rulesKey, () => {
    overrides.value = [];
    if (plan.value || error.value || isPlanning.value) void make();
  });

  /** What is asked for meanwhile makes the answer void. The plan that is shown stays until the next one is there. */
  async function make() {
    error.value = null;
    const wanted = request.value;
    const askedNow = () => JSON.stringify([key.value, rulesKey.value, overrides.value]);
    const asked = askedNow();
    const isAsked = () => asked === askedNow();
    if (!wanted) return;
    isPlanning.value = true;
    try {
      // nothing that forbids an export can be taken upon oneself
      const taken = command === 'export.plan' ? {} : { overrides: overrides.value };
      const made = await engine.call(command, { ...wanted, ...rules.value, ...taken });
      if (!isAsked()) return;
      plan.value = made;
      isExpired.value = false;
    } catch (thrown) {
      if (!isAsked()) return;
      plan.value = null;
      error.value = errorView(thrown);
    } finally {
      if (isAsked()) isPlanning.value = false;
    }
  }

  /** Takes a check or a rule upon oneself, or gives it back, and plans again. */
  function override(taken: readonly string[]) {
    overrides.value = taken;
    return make();
  }

  /**
   * Carries the plan out and shows the job.
   * @param disk what the job's picture shows; null: it has none
   * @param then what comes after, where it is not the job's page
   */
  async function start(
    begin: () => Promise<{ jobId: string }>,
    disk: DiskView | null,
    then: (jobId: string) => unknown = (id) => router.push({ name: 'jobs', params: { id } }),
  ) {
    isStarting.value = true;
    error.value = null;
    try {
      const { jobId } = await begin();
      if (disk) jobs.remember(jobId, disk);
      await then(jobId);
    } catch (thrown) {
      error.value = errorView(thrown);
    } finally {
      isStarting.value = false;
    }
  }

  return { plan, error, isPlanning, isStarting, isExpired, overrides, key, make, override, start };
}
