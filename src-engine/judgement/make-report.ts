/** From facts to a report: the policy's rules, and which other policies would block nothing. */
import type { Report } from '../contract/report.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import { evaluate, viewOf } from '../policies/evaluate.ts';
import type { Facts } from '../policies/facts.ts';
import { rulesOf } from '../policies/load-policies.ts';
import type { Policy } from '../policies/policy.ts';
import type { Rulebook } from './rulebook.ts';

/** @param overrides ids of rules whose block a person takes upon themselves; others are passed over */
export function makeReport(
  book: Rulebook,
  policy: Policy,
  action: Report['action'],
  facts: Facts,
  about: Pick<Report, 'subject' | 'target' | 'machine'>,
  overrides: readonly string[],
): Report {
  const judgement = evaluate(policy, rulesOf(policy, book.all), action, facts, overrides);
  const others = judgement.lines.some(isBlock) ? withoutBlock(book, policy, action, facts) : [];
  return { ...judgement, ...about, createdAt: new Date().toISOString(), others };
}

const isBlock = ({ level }: Report['lines'][number]) => level === 'block';

function withoutBlock(book: Rulebook, refusing: Policy, action: Report['action'], facts: Facts) {
  return [...book.all.values()]
    .filter((policy) => policy.id !== refusing.id && policy.kinds.length > 0)
    .filter((policy) => !evaluate(policy, rulesOf(policy, book.all), action, facts).lines.some(isBlock))
    .map((policy) => viewOf(policy, rulesOf(policy, book.all).length));
}

/** @throws EngineError `PLAN_BLOCKED` with the rule as `check`, and what it looked at */
export function refuseReported(report: Report): void {
  const line = report.lines.find(isBlock);
  if (!line) return;
  const { rule, fact, value, policy } = line;
  throw new EngineError('PLAN_BLOCKED', { check: rule, policy, fact, value }, line.reason.en);
}

/** Rules whose block was taken over by a person, for the audit log. */
export function overriddenRules(report: Report): string[] {
  return report.lines.filter(({ isOverridden }) => isOverridden).map(({ rule }) => rule);
}
