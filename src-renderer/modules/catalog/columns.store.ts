/** The columns that a person has chosen. Kept by the browser, nowhere else. */
import { defineStore } from 'pinia';
import { shallowRef, watch } from 'vue';
import { DEFAULT_COLUMNS, readChoice, type ColumnChoice } from './columns.ts';

const KEY = 'diskpress.catalog.columns';

function stored(): ColumnChoice {
  try {
    return readChoice(JSON.parse(localStorage.getItem(KEY) ?? 'null'));
  } catch {
    return DEFAULT_COLUMNS;
  }
}

export const useColumns = defineStore('catalog.columns', () => {
  const choice = shallowRef(stored());
  watch(choice, (chosen) => {
    try {
      localStorage.setItem(KEY, JSON.stringify(chosen));
    } catch {
      // A window without storage keeps them until it is closed.
    }
  });
  return { choice };
});
