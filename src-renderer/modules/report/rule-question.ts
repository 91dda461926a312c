/** What a person said of the rules to be asked: the policy and the machine. */
import { ref, watch, type Ref } from 'vue';
import type { TemplateView } from '../../../src-engine/contract/index.ts';

export interface RuleQuestion {
  /** null: that of the template or of its kind */
  readonly policy: string | null;
  /** 'this', or the name of a saved profile; null: nobody said */
  readonly machine: string | null;
}

/**
 * Nothing said yet. Call it in a component's set-up.
 * @param kind whose policies are asked: one of another kind is let go
 */
export function useRuleQuestion(kind: Readonly<Ref<TemplateView['kind'] | undefined>>): Ref<RuleQuestion> {
  const question = ref<RuleQuestion>({ policy: null, machine: null });
  watch(kind, () => (question.value = { ...question.value, policy: null }), { flush: 'sync' });
  return question;
}

/** As parameters of a plan or a check. */
export function asked({ policy, machine }: RuleQuestion): { policy?: string; machine?: string } {
  return { ...(policy === null ? {} : { policy }), ...(machine === null ? {} : { machine }) };
}
