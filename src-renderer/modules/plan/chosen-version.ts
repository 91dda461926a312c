/** The version that is deployed or exported: of a template of the catalog, the newest where nobody chose. */
import { computed } from 'vue';
import { useCatalog } from '../catalog/index.ts';

/** Call it in a component's set-up. */
export function useChosenVersion(templateId: () => string, number: () => number | null) {
  const catalog = useCatalog();
  const template = computed(() => {
    const found = catalog.byId.get(templateId());
    return found?.deletedAt === null ? found : undefined;
  });
  const version = computed(
    () => template.value?.versions.find((one) => one.number === number()) ?? template.value?.versions[0],
  );
  /** as commands name it */
  const reference = computed(() =>
    template.value && version.value ? `${template.value.id}@${version.value.number}` : null,
  );
  return { template, version, reference };
}
