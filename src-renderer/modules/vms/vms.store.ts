/** The virtual machines of the hypervisors that are here. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { ErrorView, HypervisorView } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { useLookingAgain } from '../../client/looking-again.ts';
import { errorView } from '../../client/words.ts';

/** A hypervisor is asked through programs of its own: less often than the kernel is. */
const POLL_MS = 10_000;

export const useVms = defineStore('vms', () => {
  const engine = useEngine();
  const hypervisors = shallowRef<HypervisorView[]>([]);
  const isLoaded = ref(false);
  const error = shallowRef<ErrorView | null>(null);
  const machines = computed(() => hypervisors.value.flatMap((one) => one.machines));
  /** why one cannot be asked; one that is not installed is missed by nobody */
  const faults = computed(() =>
    hypervisors.value.flatMap((one) => (one.error && one.error.code !== 'HYPERVISOR_MISSING' ? [one.error] : [])),
  );

  async function load() {
    try {
      hypervisors.value = await engine.call('vm.list', {});
      error.value = null;
    } catch (thrown) {
      error.value = errorView(thrown);
    } finally {
      isLoaded.value = true;
    }
  }

  /** Call it in the set-up of a page that shows machines. */
  function watchVms() {
    void load();
    useLookingAgain(load, POLL_MS);
  }

  return { machines, faults, isLoaded, error, watchVms };
});
