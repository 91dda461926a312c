/** A document that the engine makes, as a file: kept where the browser or the window keeps what is downloaded. */
import { ref, shallowRef } from 'vue';
import { useI18n } from 'vue-i18n';
import type { CommandResult, ErrorView } from '../../src-engine/contract/index.ts';
import { download } from './download.ts';
import { errorView } from './words.ts';

type Document = CommandResult<'report.document' | 'plan.document'>;

/** Asks the engine for it, in a language. */
export type MakeDocument = (language: 'en' | 'fr') => Promise<Document>;

/** Call it in a component's set-up. */
export function useSaveDocument() {
  const { locale } = useI18n();
  const isSaving = ref(false);
  const error = shallowRef<ErrorView | null>(null);

  async function save(make: MakeDocument) {
    isSaving.value = true;
    error.value = null;
    try {
      const { fileName, mediaType, base64 } = await make(locale.value === 'fr' ? 'fr' : 'en');
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      download(fileName, new Blob([bytes], { type: mediaType }));
    } catch (thrown) {
      error.value = errorView(thrown);
    } finally {
      isSaving.value = false;
    }
  }

  return { save, isSaving, error };
}
