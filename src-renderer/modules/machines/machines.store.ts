/** The profiles that are saved beside the catalog, and that of the machine that the engine runs on. */
import { defineStore } from 'pinia';
import { ref, shallowRef } from 'vue';
import type { ErrorView, MachineProfile } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { i18n } from '../../client/i18n.ts';
import { errorView } from '../../client/words.ts';
import { useToast } from '../../ui/index.ts';

export const useMachines = defineStore('machines', () => {
  const engine = useEngine();
  const toast = useToast();
  const { t } = i18n.global;

  const profiles = shallowRef<readonly MachineProfile[]>([]);
  /** files beside them that are damaged, or no profiles */
  const refused = shallowRef<readonly ErrorView[]>([]);
  const isLoaded = ref(false);
  const error = shallowRef<ErrorView | null>(null);
  const here = shallowRef<MachineProfile | null>(null);
  const hereError = shallowRef<ErrorView | null>(null);
  const isProbing = ref(false);

  let isOpened = false;

  async function load() {
    try {
      profiles.value = await engine.call('machine.list', {});
      refused.value = await engine.call('machine.refused', {});
      error.value = null;
      isLoaded.value = true;
    } catch (thrown) {
      error.value = errorView(thrown);
    }
  }

  /** Drives that sleep take seconds to answer: what was seen stays until the new answer is there. */
  async function probe() {
    if (isProbing.value) return;
    isProbing.value = true;
    try {
      here.value = await engine.call('machine.probe', {});
      hereError.value = null;
    } catch (thrown) {
      hereError.value = errorView(thrown);
    } finally {
      isProbing.value = false;
    }
  }

  /** Call it in the set-up of a page that shows machines. This one is looked at once, unless somebody asks. */
  function open() {
    isOpened = true;
    if (engine.isConnected) look();
  }
  function look() {
    void load();
    if (!here.value) void probe();
  }
  engine.whenConnected(() => isOpened && look());

  const find = (name: string) => profiles.value.find((profile) => profile.name === name);

  /**
   * @param seen what was edited, as it was when it was looked at
   * @throws CommandError `NAME_TAKEN` unless it may replace what has its name; `PROFILE_CHANGED` where what was edited is other by now: that is loaded then
   */
  async function save(profile: MachineProfile, replace: boolean, seen?: MachineProfile): Promise<MachineProfile> {
    try {
      return await engine.call('machine.save', { profile, replace, ...(seen && { seen }) });
    } finally {
      await load();
    }
  }

  /** With a way back. @throws CommandError */
  async function remove(profile: MachineProfile) {
    await engine.call('machine.delete', { name: profile.name });
    await load();
    toast.show({
      text: t('machines.deleted', { name: profile.name }),
      actionLabel: t('action.undo'),
      action: async () => void (await save(profile, false)),
    });
  }

  return {
    profiles,
    refused,
    isLoaded,
    error,
    here,
    hereError,
    isProbing,
    open,
    load,
    probe,
    find,
    save,
    remove,
  };
});
