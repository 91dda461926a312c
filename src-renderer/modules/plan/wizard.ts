/** A wizard: its steps, the plan that comes of them, the rules that judge it. The same for all that is planned. */
import { computed, ref, watch, type Ref } from 'vue';
import type {
  CommandParams,
  CommandResult,
  ErrorView,
  Report,
  TemplateView,
} from '../../../src-engine/contract/index.ts';
import { asked, useRuleQuestion, type RuleQuestion } from '../report/index.ts';
import { usePlan, type Planned } from './plan-state.ts';
import { useSteps } from './steps.ts';

type Kind = TemplateView['kind'];

export type AnyPlan = CommandResult<Planned>;

/** How far a person is with a step. */
export interface StepState {
  /** all that it asks is answered: the next one can be shown */
  readonly isReady: boolean;
  /** an answer is being looked at */
  readonly isBusy?: boolean;
  /** whether a person may go on, where that needs more than the next one needs to stay */
  readonly canGoOn?: boolean;
}

/** How far the plan is. */
interface Progress {
  readonly hasPlan: boolean;
  readonly hasFailed: boolean;
  readonly isPlanning: boolean;
}

interface Asked<C extends Planned, K extends string> {
  /** in their order; the plan is the last one */
  readonly steps: Readonly<Record<K, (progress: Progress) => StepState>>;
  /** where it begins; the first one where it is not said */
  readonly first?: NoInfer<K>;
  /** null as long as something is missing */
  readonly request: Readonly<Ref<CommandParams<C> | null>>;
  /** left out: no rules are asked */
  readonly rules?: {
    readonly kind: Readonly<Ref<Kind>>;
    /** where the kind is the person's to choose */
    readonly choose?: (kind: Kind) => void;
    readonly canChoose?: Readonly<Ref<boolean>>;
  };
  /** as soon as the request is complete, so that the plan grows beside the form; else where it is looked at */
  readonly plansAtOnce?: boolean;
}

/** @param P what the plan says @param K the steps before it */
export interface Wizard<P, K extends string> {
  readonly own: readonly K[];
  readonly states: Readonly<Ref<ReadonlyMap<K, StepState>>>;
  readonly step: Readonly<Ref<K | 'plan'>>;
  go(to: K | 'plan'): void;
  readonly plan: Readonly<Ref<P | null>>;
  readonly error: Readonly<Ref<ErrorView | null>>;
  readonly isPlanning: Readonly<Ref<boolean>>;
  readonly isStarting: Readonly<Ref<boolean>>;
  readonly isExpired: Ref<boolean>;
  make(): Promise<void>;
  readonly overrides: Readonly<Ref<readonly string[]>>;
  override(taken: readonly string[]): Promise<void>;
  start: ReturnType<typeof usePlan>['start'];
  readonly rules: Asked<Planned, K>['rules'];
  readonly kind: Readonly<Ref<Kind>>;
  readonly question: Ref<RuleQuestion>;
  /** a file that is there may be overwritten */
  readonly overwrite: Ref<boolean>;
}

export const reportOf = (plan: AnyPlan): Report | null => ('report' in plan ? plan.report : null);

/** The file that a plan would overwrite, or null. */
export function overwrittenBy(plan: AnyPlan): string | null {
  if (!('needsOverwrite' in plan) || !plan.needsOverwrite) return null;
  return 'path' in plan ? plan.path : plan.target.path;
}

/** Call it in a component's set-up. */
export function useWizard<C extends Planned, K extends string>(
  command: C,
  wanted: Asked<C, K>,
): Wizard<CommandResult<C>, K> {
  const { request, rules } = wanted;
  const kind = computed<Kind>(() => rules?.kind.value ?? 'lab');
  const question = useRuleQuestion(kind);
  const rulesAsked = computed(() => ({
    ...(rules?.choose ? { kind: kind.value } : {}),
    ...(rules ? asked(question.value) : {}),
  }));
  const planning = usePlan(command, request, rulesAsked);

  const own = Object.keys(wanted.steps) as K[];
  const states = computed(() => {
    const { plan, error, isPlanning } = planning;
    const progress = { hasPlan: plan.value !== null, hasFailed: error.value !== null, isPlanning: isPlanning.value };
    return new Map(own.map((key) => [key, wanted.steps[key](progress)]));
  });
  /** A step can be shown when all before it are answered. */
  const { step, go } = useSteps<K | 'plan'>([...own, 'plan'], wanted.first ?? own[0], (to) => {
    const open = own.find((key) => key === to || !states.value.get(key)?.isReady);
    return open ?? 'plan';
  });
  if (wanted.plansAtOnce) watch(planning.key, planning.make, { immediate: true });
  else watch(step, (now) => now === 'plan' && planning.make());

  /** Every plan is confirmed anew. */
  const overwrite = ref(false);
  watch(planning.plan, () => (overwrite.value = false));

  return { ...planning, own, states, step, go, rules, kind, question, overwrite };
}
