/** What was typed and is not saved: leaving asks first, by whatever way. */
import { onScopeDispose, shallowReactive, shallowRef } from 'vue';
import { useRouter } from 'vue-router';
import { isBrowserFace } from './transport.ts';

const unsaved = shallowReactive(new Set<() => boolean>());
const isUnsaved = () => [...unsaved].some((isDirty) => isDirty());

/** the question that is open; its answer: whether to leave */
export const question = shallowRef<((leave: boolean) => void) | null>(null);

/** Asks where something is unsaved. @returns whether a person leaves */
export async function mayLeave(): Promise<boolean> {
  if (!isUnsaved()) return true;
  question.value?.(false);
  const answer = await new Promise<boolean>((resolve) => (question.value = resolve));
  question.value = null;
  // what is given up is not asked about again on the same way
  if (answer) unsaved.clear();
  return answer;
}

/**
 * Call it in the set-up of what can be typed into.
 * @param isDirty whether something would be lost now
 */
export function useUnsaved(isDirty: () => boolean): void {
  unsaved.add(isDirty);
  const forget = useRouter().beforeEach((to, from) => to.path === from.path || mayLeave());
  // a window of its own would not close, and say nothing
  const onUnload = (event: BeforeUnloadEvent) => void (isBrowserFace && isDirty() && event.preventDefault());
  window.addEventListener('beforeunload', onUnload);
  onScopeDispose(() => {
    unsaved.delete(isDirty);
    forget();
    window.removeEventListener('beforeunload', onUnload);
  });
}
