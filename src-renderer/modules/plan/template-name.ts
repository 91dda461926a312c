/** The name that a plan's template will have: whether it can be one, and what is there under it already. */
import { computed } from 'vue';
import { useI18n } from 'vue-i18n';
import { NameSchema } from '../../../src-engine/contract/index.ts';
import { useCatalog } from '../catalog/index.ts';

/** Call it in a component's set-up. */
export function useTemplateName(name: () => string) {
  const { t } = useI18n();
  const catalog = useCatalog();
  const isValid = computed(() => NameSchema.safeParse(name()).success);
  const earlier = computed(() => catalog.byName.get(name().trim().toLowerCase()));
  const hint = computed(() =>
    earlier.value
      ? t('capture.nameTaken', { name: earlier.value.name, number: earlier.value.versions[0].number + 1 })
      : t('capture.nameHint'),
  );
  return { isValid, earlier, hint };
}

/** What comes of a plan: a template, or a version of one. Call it in a component's set-up. */
export function useBecomes() {
  const { t } = useI18n();
  return ({ name, versionNumber: number }: { name: string; versionNumber: number }) =>
    number > 1 ? t('capture.becomesVersion', { name, number }) : t('capture.becomes', { name });
}
