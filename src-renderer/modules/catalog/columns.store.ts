/** The columns that a person has chosen. */
import { defineStore } from 'pinia';
import { computed } from 'vue';
import { usePreferences } from '../../client/preferences.store.ts';
import { readChoice, type ColumnChoice } from './columns.ts';

export const useColumns = defineStore('catalog.columns', () => {
  const preferences = usePreferences();
  const choice = computed<ColumnChoice>({
    get: () => readChoice(preferences.now.columns),
    set: ({ order, hidden }) => void preferences.change({ columns: { order: [...order], hidden: [...hidden] } }),
  });
  return { choice };
});
