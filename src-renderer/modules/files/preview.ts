/** The beginning of a file, as far as it can be shown: a picture, a text, or its bytes. */
import { ref, shallowRef, watch, onScopeDispose, type Ref } from 'vue';
import type { CommandParams, ErrorView } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { errorView } from '../../client/words.ts';
import { looksLikePicture, pictureOf } from './picture-preview.ts';
import { HEX_BYTES, hexPreview, plainPreview, type Preview } from './plain-preview.ts';

const TEXT_BYTES = 64 * 1024;
const PICTURE_BYTES = 4 * 1024 * 1024;

export interface FilePlace {
  template: string;
  volume: string;
  path: string;
}

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

/** Arrow keys may run over many files: only where they rest is read. */
const SETTLE_MS = 120;

/** Reads the beginning of the file at `place` whenever that changes; null: there is nothing to preview. */
export function usePreview(place: Ref<FilePlace | null>) {
  const engine = useEngine();
  const preview = shallowRef<Preview | null>(null);
  const error = shallowRef<ErrorView | null>(null);
  const isReading = ref(false);
  let reading = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function read(where: FilePlace, signal: AbortSignal) {
    const ask = (maxBytes: number) => {
      const params: CommandParams<'files.read'> = { ...where, maxBytes };
      return engine.call('files.read', params, signal);
    };
    try {
      const { base64, lengthBytes } = await ask(TEXT_BYTES);
      const head = bytesOf(base64);
      let next = plainPreview(head, lengthBytes);
      if (looksLikePicture(head) && lengthBytes <= PICTURE_BYTES) {
        const whole = head.length < lengthBytes ? (await ask(PICTURE_BYTES)).base64 : base64;
        const picture = pictureOf(bytesOf(whole));
        if (picture) next = { kind: 'picture', picture, url: `data:${picture.mime};base64,${whole}` };
      }
      if (!signal.aborted) preview.value = next;
    } catch (thrown) {
      if (!signal.aborted) error.value = errorView(thrown);
    } finally {
      if (!signal.aborted) isReading.value = false;
    }
  }

  /** What only looked like a picture is shown as its bytes. */
  async function asBytes() {
    const where = place.value;
    if (!where) return;
    const { base64, lengthBytes } = await engine.call('files.read', { ...where, maxBytes: HEX_BYTES });
    if (place.value === where) preview.value = hexPreview(bytesOf(base64), lengthBytes);
  }

  watch(
    () => JSON.stringify(place.value),
    () => {
      reading.abort();
      clearTimeout(timer);
      preview.value = null;
      error.value = null;
      isReading.value = place.value !== null;
      const where = place.value;
      if (!where) return;
      reading = new AbortController();
      const { signal } = reading;
      timer = setTimeout(() => void read(where, signal), SETTLE_MS);
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    reading.abort();
    clearTimeout(timer);
  });

  return { preview, error, isReading, asBytes };
}
