/** Facts about this installation and its catalog. */
import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { CommandResult } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';

export const useAppInfo = defineStore('app-info', () => {
  const engine = useEngine();
  const info = shallowRef<CommandResult<'app.info'> | null>(null);

  async function load() {
    info.value = await engine.call('app.info', {});
  }

  engine.whenConnected(() => void load().catch(() => {}));
  engine.whenConnected(() => engine.subscribe('catalog', () => void load().catch(() => {})));

  return { info, load };
});
