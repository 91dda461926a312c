/** The last plan of each target: while another one is made, what was planned before stays in sight. */
import { shallowReactive, watch, type Ref } from 'vue';
import type { DeployPlan } from '../../../src-engine/contract/index.ts';
import type { Planning } from '../plan/index.ts';

/** Call it in a component's set-up. @param ids of the targets, in the order of the plannings */
export function useLastPlans(
  ids: () => readonly number[],
  plannings: Readonly<Ref<readonly Planning<DeployPlan>[]>>,
): ReadonlyMap<number, DeployPlan> {
  const plans = shallowReactive(new Map<number, DeployPlan>());
  watch(
    () => plannings.value.map(({ plan }) => plan),
    (now) => {
      const known = ids();
      now.forEach((plan, i) => plan && known[i] !== undefined && plans.set(known[i], plan));
      for (const id of [...plans.keys()]) if (!known.includes(id)) plans.delete(id);
    },
    { immediate: true },
  );
  return plans;
}
