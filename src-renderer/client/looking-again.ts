/** Lists of what changes outside: asked for anew while the page is in sight. */
import { onScopeDispose } from 'vue';
import { useEngine } from './engine.store.ts';

/** Call it in the set-up of a page. @param look asks once more */
export function useLookingAgain(look: () => unknown, everyMs: number): void {
  const engine = useEngine();
  const timer = setInterval(() => {
    if (!document.hidden && engine.isConnected) void look();
  }, everyMs);
  onScopeDispose(() => clearInterval(timer));
}
