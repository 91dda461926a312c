/** What is on the source of a capture: looked at as soon as it is chosen. */
import { computed, ref, shallowReactive, shallowRef, watch } from 'vue';
import {
  isNothingRecognised,
  isVmPlace,
  nameInVmPlace,
  NameSchema,
  type CommandResult,
  type ErrorView,
} from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { errorView } from '../../client/words.ts';
import type { CaptureForm } from './capture-form.ts';

type Inspection = CommandResult<'source.inspect'>;

/** A name to begin with: the file's without its ending, or the disk's model. */
function suggestName(path: string, { source }: Inspection) {
  const ofFile = source.kind === 'file' ? source.model.replace(/\.[^.]{1,5}$/, '') : source.model;
  const bare = isVmPlace(path) ? nameInVmPlace(path) : ofFile;
  const name = bare
    .replaceAll(/[\p{Cc}/@]/gu, ' ')
    .trim()
    .slice(0, 128);
  return NameSchema.safeParse(name).success ? name : '';
}

/** Call it in a component's set-up. A later choice makes the answer to an earlier one void. */
export function useSourceLook(form: CaptureForm) {
  const engine = useEngine();
  const inspection = shallowRef<Inspection | null>(null);
  const error = shallowRef<ErrorView | null>(null);
  const isLooking = ref(false);

  async function look() {
    const { source, format } = form;
    const isAsked = () => form.source === source && form.format === format;
    inspection.value = null;
    error.value = null;
    if (!source) return;
    isLooking.value = true;
    try {
      const seen = await engine.call('source.inspect', { source, format });
      if (!isAsked()) return;
      inspection.value = seen;
      if (!form.name) form.name = suggestName(source, seen);
    } catch (thrown) {
      if (isAsked()) error.value = errorView(thrown);
    } finally {
      if (isAsked()) isLooking.value = false;
    }
  }
  /** An address that names a source may be opened before the engine is there. */
  watch(
    () => (engine.isConnected || inspection.value ? [form.source, form.format] : []),
    ([source]) => source !== undefined && look(),
    { immediate: true },
  );
  /** What was said of one file holds for no other. */
  watch(
    () => form.source,
    () => (form.format = null),
    { flush: 'sync' },
  );

  /** A file that is raw because nothing else claims it, with nothing on it that is known. */
  const isUnknown = computed(
    () => inspection.value?.source.kind === 'file' && isNothingRecognised(inspection.value.disk),
  );
  return { inspection, error, isLooking, isUnknown, look };
}

/** What is seen of a further disk; neither: it is being looked at. */
export interface OtherLook {
  readonly inspection?: Inspection;
  readonly error?: ErrorView;
}

/** The further disks of the same machine, looked at as they are added, by their paths. Call it in a component's set-up. */
export function useOtherLooks(form: CaptureForm) {
  const engine = useEngine();
  const looks = shallowReactive(new Map<string, OtherLook>());

  async function look(source: string) {
    const asked: OtherLook = {};
    looks.set(source, asked);
    const seen = await engine.call('source.inspect', { source, format: null }).then(
      (inspection): OtherLook => ({ inspection }),
      (thrown: unknown): OtherLook => ({ error: errorView(thrown) }),
    );
    if (looks.get(source) === asked) looks.set(source, seen);
  }
  watch(
    () => [...form.others],
    (paths) => {
      for (const path of [...looks.keys()]) if (!paths.includes(path)) looks.delete(path);
      for (const path of paths) if (!looks.has(path)) void look(path);
    },
  );
  return { otherLooks: looks as ReadonlyMap<string, OtherLook>, lookAtOther: look };
}
