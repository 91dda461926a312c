/** What the guest of a version called itself when it was captured: lists do not carry it. */
import { ref, watch, type Ref } from 'vue';
import { useEngine } from '../../../client/engine.store.ts';

/** Call it in a component's set-up. @param reference of the version; null: none is chosen @returns '' where it is not known */
export function useRecordedName(reference: Readonly<Ref<string | null>>): Readonly<Ref<string>> {
  const engine = useEngine();
  const name = ref('');
  watch(
    reference,
    async (template) => {
      name.value = '';
      if (template === null) return;
      // it is an example in a field: without it nothing is missing
      const shown = await engine.call('template.show', { template }).catch(() => null);
      if (template !== reference.value) return;
      const version = shown?.versions.find(({ number }) => `${shown.id}@${number}` === template);
      name.value = version?.guest?.hostname.value ?? '';
    },
    { immediate: true },
  );
  return name;
}
