/** A wizard: its steps, the plans that come of them, the rules that judge them. The same for all that is planned. */
import { computed, watch, type Ref } from 'vue';
import type {
  CommandParams,
  CommandResult,
  ErrorView,
  Report,
  TemplateView,
} from '../../../src-engine/contract/index.ts';
import { asked, useRuleQuestion, type RuleQuestion } from '../report/index.ts';
import { usePlan, usePlans, type AnyPlan, type Planned, type Planning } from './plan-state.ts';
import { useStart } from './start-job.ts';
import { useSteps } from './steps.ts';

type Kind = TemplateView['kind'];

/** How far a person is with a step. */
export interface StepState {
  /** all that it asks is answered: the next one can be shown */
  readonly isReady: boolean;
  /** an answer is being looked at */
  readonly isBusy?: boolean;
  /** whether a person may go on, where that needs more than the next one needs to stay */
  readonly canGoOn?: boolean;
}

/** How far the plans are. */
interface Progress {
  /** all of them are there */
  readonly hasPlan: boolean;
  /** one of them could not be made */
  readonly hasFailed: boolean;
  readonly isPlanning: boolean;
}

/** What is planned for: null as long as something is missing. `requests`: several, each by a key of the caller's own, started as one. */
type Wanted<C extends Planned> =
  | { readonly request: Readonly<Ref<CommandParams<C> | null>>; readonly requests?: undefined }
  | { readonly requests: Readonly<Ref<ReadonlyMap<number, CommandParams<C> | null>>>; readonly request?: undefined };

type Asked<C extends Planned, K extends string> = Wanted<C> & {
  /** in their order; the plan is the last one */
  readonly steps: Readonly<Record<K, (progress: Progress) => StepState>>;
  /** where it begins; the first one where it is not said */
  readonly first?: NoInfer<K>;
  /** what was entered before the page was loaded anew is there again */
  readonly isResumed?: boolean;
  /** left out: no rules are asked */
  readonly rules?: {
    readonly kind: Readonly<Ref<Kind>>;
    /** where the kind is the person's to choose */
    readonly choose?: (kind: Kind) => void;
    readonly canChoose?: Readonly<Ref<boolean>>;
  };
  /** as soon as a request is complete, so that the plan grows beside the form; else where it is looked at */
  readonly plansAtOnce?: boolean;
};

/** @param P what the plan says @param K the steps before it */
export interface Wizard<P, K extends string> {
  readonly own: readonly K[];
  readonly states: Readonly<Ref<ReadonlyMap<K, StepState>>>;
  readonly step: Readonly<Ref<K | 'plan'>>;
  go(to: K | 'plan'): void;
  /** one for each request, in their order */
  readonly plannings: Readonly<Ref<readonly Planning<P>[]>>;
  /** the first of them */
  readonly plan: Readonly<Ref<P | null>>;
  /** all of them, anew */
  make(): Promise<unknown>;
  /** all of them can be carried out, and all that they ask is answered */
  readonly areAgreed: Readonly<Ref<boolean>>;
  readonly isPlanning: Readonly<Ref<boolean>>;
  readonly isStarting: Readonly<Ref<boolean>>;
  readonly startError: Readonly<Ref<ErrorView | null>>;
  start: ReturnType<typeof useStart>['start'];
  readonly rules: Asked<Planned, K>['rules'];
  readonly kind: Readonly<Ref<Kind>>;
  readonly question: Ref<RuleQuestion>;
}

export const reportOf = (plan: AnyPlan): Report | null => ('report' in plan ? plan.report : null);

/** Call it in a component's set-up. */
export function useWizard<C extends Planned, K extends string>(
  command: C,
  wanted: Asked<C, K>,
): Wizard<CommandResult<C>, K> {
  const { rules, plansAtOnce = false } = wanted;
  const kind = computed<Kind>(() => rules?.kind.value ?? 'lab');
  const question = useRuleQuestion(kind);
  const rulesAsked = computed(() => ({
    ...(rules?.choose ? { kind: kind.value } : {}),
    ...(rules ? asked(question.value) : {}),
  }));
  const plannings = planningsOf(command, wanted, rulesAsked, plansAtOnce);
  const isPlanning = computed(() => plannings.value.some((one) => one.isPlanning));

  const own = Object.keys(wanted.steps) as K[];
  const states = computed(() => {
    const progress = {
      hasPlan: plannings.value.every(({ plan }) => plan !== null),
      hasFailed: plannings.value.some(({ error }) => error !== null),
      isPlanning: isPlanning.value,
    };
    return new Map(own.map((key) => [key, wanted.steps[key](progress)]));
  });
  /** A step can be shown when all before it are answered. */
  const { step, go } = useSteps<K | 'plan'>(
    [...own, 'plan'],
    wanted.first ?? own[0],
    wanted.isResumed === true,
    (to) => {
      const open = own.find((key) => key === to || !states.value.get(key)?.isReady);
      return open ?? 'plan';
    },
  );
  const make = () => Promise.all(plannings.value.map((one) => one.make()));
  if (!plansAtOnce) watch(step, (now) => now === 'plan' && make());

  const plan = computed(() => plannings.value[0]?.plan ?? null);
  const areAgreed = computed(() => plannings.value.length > 0 && plannings.value.every(({ isAgreed }) => isAgreed));
  const { start, startError, isStarting } = useStart();
  // what could not be started is told until something else is planned
  watch(
    () => plannings.value.map((one) => one.plan),
    () => (startError.value = null),
  );
  const planned = { plannings, plan, make, areAgreed, isPlanning, start, startError, isStarting };
  return { ...planned, own, states, step, go, rules, kind, question };
}

function planningsOf<C extends Planned>(
  command: C,
  { request, requests }: Wanted<C>,
  rules: Readonly<Ref<object>>,
  atOnce: boolean,
): Readonly<Ref<readonly Planning<CommandResult<C>>[]>> {
  if (requests) return usePlans(command, requests, rules, atOnce);
  const only = usePlan(command, request, rules, atOnce);
  return computed(() => [only]);
}
