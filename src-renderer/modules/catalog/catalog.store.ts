/** The templates of the catalog, kept up to date, and what can be done to them. */
import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import type { CommandParams, ErrorView, TemplateSummary } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { i18n } from '../../client/i18n.ts';
import { errorView } from '../../client/words.ts';
import { busyDays } from './views.ts';
import { useToast } from '../../ui/toast.store.ts';

/** Many changes come at once when a job publishes: one reload answers them all. */
const SETTLE_MS = 150;
const FIRST_PAGE = 200;
const PAGE = 2000;

export const useCatalog = defineStore('catalog', () => {
  const engine = useEngine();
  const toast = useToast();
  const templates = shallowRef<TemplateSummary[]>([]);
  const deleted = shallowRef<TemplateSummary[]>([]);
  const isLoaded = ref(false);
  const error = shallowRef<ErrorView | null>(null);

  const byId = computed(() => new Map([...templates.value, ...deleted.value].map((one) => [one.id, one])));
  const byName = computed(() => new Map(templates.value.map((one) => [one.name.toLowerCase(), one])));
  const busy = computed(() => ({
    created: busyDays([...templates.value, ...deleted.value].map(({ createdAt }) => createdAt)),
    updated: busyDays(templates.value.map(({ updatedAt }) => updatedAt)),
    deleted: busyDays(deleted.value.map(({ deletedAt, updatedAt }) => deletedAt ?? updatedAt)),
  }));
  const tags = computed(() => [...new Set(templates.value.flatMap((one) => one.tags))].sort());

  /**
   * Thousands come in pages, so that no message is too large for a connection. The first is shown at once, the others together:
   * to sort and search what is there anew with every page would take longer than they take to come.
   */
  async function loadAll(isBin: boolean, isCurrent: () => boolean, show: (soFar: TemplateSummary[]) => void) {
    const all = new Map<string, TemplateSummary>();
    for (let offset = 0, limit = FIRST_PAGE; isCurrent(); offset += limit, limit = PAGE) {
      const page = await engine.call('template.list', { deleted: isBin, offset, limit });
      for (const template of page) all.set(template.id, template);
      if (page.length < limit) break;
      if (offset === 0 && !isLoaded.value) show(page);
    }
    if (isCurrent()) show([...all.values()]);
  }

  let loads = 0;
  async function load() {
    const number = ++loads;
    const isCurrent = () => number === loads;
    try {
      await Promise.all([
        loadAll(false, isCurrent, (found) => (templates.value = found)),
        loadAll(true, isCurrent, (found) => (deleted.value = found)),
      ]);
      if (!isCurrent()) return;
      isLoaded.value = true;
      error.value = null;
    } catch (thrown) {
      if (!isCurrent()) return;
      error.value = errorView(thrown);
      // what cannot be reached any more is not shown as if it could
      if (error.value.code !== 'CATALOG_NOT_FOUND') return;
      templates.value = [];
      deleted.value = [];
      isLoaded.value = false;
    }
  }

  /** One template changed: the others stay as they are. */
  async function loadOne(id: string) {
    try {
      const template = await engine.call('template.show', { template: id });
      const others = (list: readonly TemplateSummary[]) => list.filter((one) => one.id !== id);
      templates.value = [...(template.deletedAt === null ? [template] : []), ...others(templates.value)];
      deleted.value = [...(template.deletedAt === null ? [] : [template]), ...others(deleted.value)];
    } catch {
      await load();
    }
  }

  let timer: ReturnType<typeof setTimeout> | undefined;
  const waiting = new Set<string | null>();
  function changed(templateId: string | null) {
    waiting.add(templateId);
    clearTimeout(timer);
    timer = setTimeout(() => {
      const [first, ...others] = waiting;
      waiting.clear();
      void (first === null || others.length > 0 ? load() : loadOne(first));
    }, SETTLE_MS);
  }

  engine.whenConnected(() => {
    engine.subscribe('catalog', ({ templateId }) => changed(templateId));
    void load();
  });

  /** @throws CommandError */
  async function edit(params: CommandParams<'template.edit'>) {
    const { id } = await engine.call('template.edit', params);
    await loadOne(id);
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

  return { templates, deleted, isLoaded, error, byId, byName, tags, busy, load, loadOne, edit, remove, undelete };
});
