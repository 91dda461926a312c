/** What each machine gets of what was said once for all: asked of the engine, which counts names and addresses. */
import { ref, shallowRef, watch } from 'vue';
import type { CommandParams, CommandResult, ErrorView } from '../../../../src-engine/contract/index.ts';
import { useEngine } from '../../../client/engine.store.ts';
import { errorView } from '../../../client/words.ts';

/** Call it in a component's set-up. @param asked null: nothing is said */
export function useMachineSettings(asked: () => CommandParams<'settings.each'> | null) {
  const engine = useEngine();
  const machines = shallowRef<CommandResult<'settings.each'>>([]);
  const error = shallowRef<ErrorView | null>(null);
  const isAsking = ref(false);
  watch(
    () => JSON.stringify(asked()),
    async (key) => {
      const params = asked();
      const isAsked = () => JSON.stringify(asked()) === key;
      error.value = null;
      isAsking.value = params !== null;
      if (!params) return (machines.value = []);
      try {
        const each = await engine.call('settings.each', params);
        if (isAsked()) machines.value = each;
      } catch (thrown) {
        if (isAsked()) [machines.value, error.value] = [[], errorView(thrown)];
      } finally {
        if (isAsked()) isAsking.value = false;
      }
    },
    { immediate: true },
  );
  return { machines, error, isAsking };
}
