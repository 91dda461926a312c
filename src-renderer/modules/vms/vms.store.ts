/** The virtual machines of the hypervisors that are here, and of hosts that a person added. */
import { defineStore } from 'pinia';
import { computed, ref, shallowReactive, shallowRef } from 'vue';
import type { ErrorView, HypervisorView } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { useLookingAgain } from '../../client/looking-again.ts';
import { errorView } from '../../client/words.ts';

/** A hypervisor is asked through programs of its own: less often than the kernel is. */
const POLL_MS = 10_000;
const MISSING = 'HYPERVISOR_MISSING';

export const useVms = defineStore('vms', () => {
  const engine = useEngine();
  const here = shallowRef<HypervisorView[]>([]);
  const hosts = shallowRef<string[]>([]);
  /** What each host has said; it may take its time, and holds up nobody. */
  const there = shallowReactive(new Map<string, HypervisorView[]>());
  const asked = new Set<string>();
  const isLoaded = ref(false);
  const error = shallowRef<ErrorView | null>(null);

  const all = computed(() => [...here.value, ...hosts.value.flatMap((host) => there.get(host) ?? [])]);
  const machines = computed(() => all.value.flatMap((one) => one.machines));
  /** why one cannot be asked; one that is not installed is missed by nobody */
  const faults = computed(() =>
    all.value.flatMap((one) => (one.error && one.error.code !== MISSING ? [one.error] : [])),
  );
  const missing = computed(() => here.value.filter((one) => one.error?.code === MISSING));
  /** hosts that have not answered yet */
  const waiting = computed(() => hosts.value.filter((host) => !there.has(host)));

  async function ask(host: string) {
    if (asked.has(host)) return;
    asked.add(host);
    try {
      there.set(host, await engine.call('vm.list', { host }));
    } catch (thrown) {
      error.value = errorView(thrown);
    } finally {
      asked.delete(host);
    }
  }

  function setHosts(names: string[]) {
    hosts.value = names;
    for (const host of [...there.keys()]) if (!names.includes(host)) there.delete(host);
    for (const host of names) void ask(host);
  }

  async function load() {
    try {
      here.value = await engine.call('vm.list', { host: null });
      setHosts(await engine.call('host.list', {}));
      error.value = null;
    } catch (thrown) {
      error.value = errorView(thrown);
    } finally {
      isLoaded.value = true;
    }
  }

  /** @throws ErrorView for an address that is none */
  const addHost = async (host: string) => setHosts(await engine.call('host.save', { host }));
  const removeHost = async (host: string) => setHosts(await engine.call('host.delete', { host }));

  /** Call it in the set-up of a page that shows machines. */
  function watchVms() {
    void load();
    useLookingAgain(load, POLL_MS);
  }

  return { machines, faults, missing, hosts, waiting, isLoaded, error, load, addHost, removeHost, watchVms };
});
