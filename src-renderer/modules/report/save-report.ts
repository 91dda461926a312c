/** A report as a file: made by the engine, kept where the browser or the window keeps what is downloaded. */
import { ref, shallowRef } from 'vue';
import { useI18n } from 'vue-i18n';
import type { ErrorView, Report } from '../../../src-engine/contract/index.ts';
import { download } from '../../client/download.ts';
import { useEngine } from '../../client/engine.store.ts';
import { errorView } from '../../client/words.ts';

/** Call it in a component's set-up. */
export function useSaveReport() {
  const engine = useEngine();
  const { locale } = useI18n();
  const isSaving = ref(false);
  const error = shallowRef<ErrorView | null>(null);

  async function save(report: Report, format: 'html' | 'pdf') {
    isSaving.value = true;
    error.value = null;
    try {
      const language = locale.value === 'fr' ? 'fr' : 'en';
      const { fileName, mediaType, base64 } = await engine.call('report.document', { report, format, language });
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
