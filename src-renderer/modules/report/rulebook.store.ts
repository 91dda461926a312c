/** What a report can be asked under and for: the policies that count, and the profiles of machines that were saved. */
import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { MachineProfile, PolicyView, TemplateView } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';

export const useRulebook = defineStore('rulebook', () => {
  const engine = useEngine();
  const policies = shallowRef<readonly PolicyView[]>([]);
  const machines = shallowRef<readonly MachineProfile[]>([]);

  /** What cannot be listed is not offered: the engine still chooses a policy by itself. */
  async function load() {
    const [listed, saved] = await Promise.allSettled([engine.call('policy.list', {}), engine.call('machine.list', {})]);
    if (listed.status === 'fulfilled') policies.value = listed.value.policies;
    if (saved.status === 'fulfilled') machines.value = saved.value;
  }
  engine.whenConnected(() => void load());

  const policiesOf = (kind: TemplateView['kind']) =>
    policies.value.filter(({ kinds }) => kinds.some((own) => own === kind));

  return { policies, machines, load, policiesOf };
});
