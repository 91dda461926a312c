/** The columns that the table has now: those that a person has chosen, else those that tell templates apart. */
import { computed } from 'vue';
import { differing, type ColumnChoice } from './columns.ts';
import { useColumns } from './columns.store.ts';
import { useReach } from './reach.ts';

/** Call it in a component's set-up. What is changed, is changed from what is shown. */
export function useShownColumns() {
  const columns = useColumns();
  const { reached } = useReach();
  return computed({
    get: () => differing(columns.choice, reached.value),
    set: (choice: ColumnChoice) => (columns.choice = choice),
  });
}
