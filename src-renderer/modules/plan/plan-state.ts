/** A plan: asked for, looked at, asked for again, agreed to. The same for every job that is planned. */
import { computed, effectScope, onScopeDispose, reactive, ref, shallowReactive, shallowRef, watch } from 'vue';
import type { EffectScope, Ref } from 'vue';
import type { CommandParams, CommandResult, ErrorView } from '../../../src-engine/contract/index.ts';
import { useEngine } from '../../client/engine.store.ts';
import { errorView } from '../../client/words.ts';

export type Planned = 'capture.plan' | 'deploy.plan' | 'import.plan' | 'export.plan';
export type AnyPlan = CommandResult<Planned>;

/** One plan in the making, and what a person says of it. @param P what the plan says */
export interface Planning<P = AnyPlan> {
  readonly plan: P | null;
  readonly error: ErrorView | null;
  readonly isPlanning: boolean;
  isExpired: boolean;
  /** codes of checks and ids of rules that a person takes upon themselves: never any before they are asked */
  readonly overrides: readonly string[];
  /** a file that is there may be overwritten */
  overwrite: boolean;
  /** what was typed to confirm */
  confirmation: string;
  /** it can be carried out, and all that it asks is answered */
  readonly isAgreed: boolean;
  /** Plans, or plans again. */
  make(): Promise<void>;
  /** Takes a check or a rule upon oneself, or gives it back, and plans again. */
  override(taken: readonly string[]): Promise<void>;
}

/** The file that a plan would overwrite, or null. */
export function overwrittenBy(plan: AnyPlan): string | null {
  if (!('needsOverwrite' in plan) || !plan.needsOverwrite) return null;
  return 'path' in plan ? plan.path : plan.target.path;
}

/** One of these has to be typed; empty: nothing has. */
export const confirmWordsOf = (plan: AnyPlan): readonly string[] => ('confirmWords' in plan ? plan.confirmWords : []);

/**
 * Call it in a component's set-up, or in an effect scope.
 * @param request what is planned for; null as long as something is missing
 * @param rules what is asked besides and changes nothing but the report of the rules: the plan that is shown stays until the next
 *   one is there
 * @param atOnce as soon as the request is complete; else when it is asked for
 */
export function usePlan<C extends Planned>(
  command: C,
  request: Readonly<Ref<CommandParams<C> | null>>,
  rules: Readonly<Ref<object>>,
  atOnce: boolean,
): Planning<CommandResult<C>> {
  const engine = useEngine();
  const plan = shallowRef<CommandResult<C> | null>(null);
  const error = shallowRef<ErrorView | null>(null);
  const isPlanning = ref(false);
  const isExpired = ref(false);
  const overrides = shallowRef<readonly string[]>([]);
  const overwrite = ref(false);
  const confirmation = ref('');
  const key = computed(() => JSON.stringify(request.value));
  const rulesKey = computed(() => JSON.stringify(rules.value));

  /** Something else is planned for: what was said of the other does not hold for it. */
  function forget() {
    plan.value = null;
    error.value = null;
    isPlanning.value = false;
    overrides.value = [];
  }
  watch(key, forget, { flush: 'sync' });
  watch(rulesKey, () => {
    overrides.value = [];
    if (plan.value || error.value || isPlanning.value) void make();
  });
  /** Every plan is confirmed anew. */
  watch(plan, () => {
    overwrite.value = false;
    confirmation.value = '';
  });

  /** What is asked for meanwhile makes the answer void. The plan that is shown stays until the next one is there. */
  async function make() {
    error.value = null;
    const wanted = request.value;
    const askedNow = () => JSON.stringify([key.value, rulesKey.value, overrides.value]);
    const asked = askedNow();
    const isAsked = () => asked === askedNow();
    if (!wanted) return;
    isPlanning.value = true;
    try {
      // nothing that forbids an export can be taken upon oneself
      const taken = command === 'export.plan' ? {} : { overrides: overrides.value };
      const made = await engine.call(command, { ...wanted, ...rules.value, ...taken });
      if (!isAsked()) return;
      plan.value = made;
      isExpired.value = false;
    } catch (thrown) {
      if (!isAsked()) return;
      plan.value = null;
      error.value = errorView(thrown);
    } finally {
      if (isAsked()) isPlanning.value = false;
    }
  }
  if (atOnce) watch(key, make, { immediate: true });

  function override(taken: readonly string[]) {
    overrides.value = taken;
    return make();
  }

  const isAgreed = computed(() => {
    if (!plan.value?.canRun || isExpired.value || isPlanning.value) return false;
    const words = confirmWordsOf(plan.value);
    const isConfirmed = words.length === 0 || words.includes(confirmation.value.trim());
    return isConfirmed && (overwrittenBy(plan.value) === null || overwrite.value);
  });

  const state = { plan, error, isPlanning, isExpired, overrides, overwrite, confirmation, isAgreed };
  return reactive({ ...state, make, override }) as Planning<CommandResult<C>>;
}

/**
 * A plan for each request, in their order; each lives as long as its request is in the list. Call it in a component's set-up.
 * @param requests by a key of the caller's own
 */
export function usePlans<C extends Planned>(
  command: C,
  requests: Readonly<Ref<ReadonlyMap<number, CommandParams<C> | null>>>,
  rules: Readonly<Ref<object>>,
  atOnce: boolean,
): Readonly<Ref<readonly Planning<CommandResult<C>>[]>> {
  const kept = shallowReactive(new Map<number, { planning: Planning<CommandResult<C>>; scope: EffectScope }>());
  const keys = computed(() => [...requests.value.keys()].join(' '));

  function letGo(key: number) {
    kept.get(key)?.scope.stop();
    kept.delete(key);
  }
  watch(
    keys,
    () => {
      for (const key of [...kept.keys()]) if (!requests.value.has(key)) letGo(key);
      for (const key of requests.value.keys()) {
        if (kept.has(key)) continue;
        const scope = effectScope(true);
        const own = () => computed(() => requests.value.get(key) ?? null);
        kept.set(key, { scope, planning: scope.run(() => usePlan(command, own(), rules, atOnce))! });
      }
    },
    { immediate: true, flush: 'sync' },
  );
  onScopeDispose(() => [...kept.keys()].forEach(letGo));
  return computed(() => [...requests.value.keys()].flatMap((key) => kept.get(key)?.planning ?? []));
}
