/** The templates of the catalog, kept up to date, and what can be done to them. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { CommandParams, ErrorView, TemplateSummary } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { i18n } from '../../client/i18n.ts';
import { errorView } from '../../client/words.ts';
import { useToast } from '../../ui/toast.store.ts';

/** Many changes come at once when a job publishes: one reload answers them all. */
const SETTLE_MS = 150;

export const useCatalog = defineStore('catalog', () => {
  const engine = useEngine();
  const toast = useToast();
  const templates = shallowRef<TemplateSummary[]>([]);
  const deleted = shallowRef<TemplateSummary[]>([]);
  const isLoaded = ref(false);
  const error = shallowRef<ErrorView | null>(null);

  const byId = computed(() => new Map([...templates.value, ...deleted.value].map((one) => [one.id, one])));
  const byName = computed(() => new Map(templates.value.map((one) => [one.name.toLowerCase(), one])));
  const tags = computed(() => [...new Set(templates.value.flatMap((one) => one.tags))].sort());

  async function load() {
    try {
      const [kept, binned] = await Promise.all([
        engine.call('template.list', {}),
        engine.call('template.list', { deleted: true }),
      ]);
      deleted.value = binned.filter((one) => one.deletedAt !== null);
      templates.value = kept.filter((one) => one.deletedAt === null);
      isLoaded.value = true;
      error.value = null;
    } catch (thrown) {
      error.value = errorView(thrown);
    }
  }

  let timer: ReturnType<typeof setTimeout> | undefined;
  function changed() {
    clearTimeout(timer);
    timer = setTimeout(() => void load(), SETTLE_MS);
  }

  engine.whenConnected(() => {
    engine.subscribe('catalog', changed);
    void load();
  });

  /** @throws CommandError */
  async function edit(params: CommandParams<'template.edit'>) {
    await engine.call('template.edit', params);
    await load();
  }

  /** @throws CommandError */
  async function undelete(references: readonly string[]) {
    for (const template of references) await engine.call('template.undelete', { template });
    await load();
  }

  /**
   * Puts templates, or versions (`ID@NUMBER`), into the bin and offers the way back.
   * @param named what to call them in the message
   * @throws CommandError
   */
  async function remove(references: readonly string[], named: string) {
    const { t } = i18n.global;
    for (const template of references) await engine.call('template.delete', { template });
    await load();
    toast.show({
      text: t('bin.moved', { what: named }),
      actionLabel: t('action.undo'),
      action: () => undelete(references),
    });
  }

  return { templates, deleted, isLoaded, error, byId, byName, tags, load, edit, remove, undelete };
});
