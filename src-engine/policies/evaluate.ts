/** Rules against facts. Pure: the same facts give the same report. */
import type { FactValue, PolicyView, Report, ReportLine } from '../contract/report.contract.ts';
import type { FactId, Facts } from './facts.ts';
import type { Condition, Policy, Rule, Test } from './policy.ts';

/** null: it cannot be told */
type Answer = boolean | null;

/** A report without what it is about. */
export type Judgement = Pick<Report, 'policy' | 'action' | 'lines'>;

const ORDER = { block: 0, warn: 1, pass: 2 };

/**
 * @param rules those of the policy and of what it includes
 * @param overrides ids of rules whose block a person takes upon themselves
 * @returns a line for each rule that has something to say; what is unknown warns and never passes
 */
export function evaluate(
  policy: Policy,
  rules: readonly Rule[],
  action: Report['action'],
  facts: Facts,
  overrides: readonly string[] = [],
): Judgement {
  const lines = rules
    .filter(({ when }) => when === 'always' || when === action)
    .map((rule) => toLine(policy, rule, facts, overrides.includes(rule.id)))
    .filter((line) => line !== null);
  return { policy: viewOf(policy, rules.length), action, lines: lines.sort((a, b) => ORDER[a.level] - ORDER[b.level]) };
}

export function viewOf({ id, name, kinds, isDefault, source, path }: Policy, ruleCount: number): PolicyView {
  return { id, name, kinds, isDefault, source, path, ruleCount };
}

function toLine(policy: Policy, rule: Rule, facts: Facts, isNamed: boolean): ReportLine | null {
  const conditions = rule.if.map((condition) => holds(condition, facts));
  if (conditions.includes(false)) return null;
  const answer = conditions.includes(null) ? null : holds(rule, facts);
  const isOverridden = answer === false && rule.canOverride && isNamed;
  const other = 'includes' in rule.test ? rule.test.includes : null;
  const asked = [...rule.if.map(({ fact }) => fact), rule.fact, ...(other ? [other] : [])];
  const fact = answer === null ? (asked.find((id) => known(facts, id) === null) ?? rule.fact) : rule.fact;
  return {
    policy: policy.id,
    rule: rule.id,
    level: answer === null || isOverridden ? 'warn' : answer ? 'pass' : rule.severity,
    fact,
    value: known(facts, fact),
    origin: facts[fact]?.origin ?? '',
    compared:
      answer !== null && other ? { fact: other, value: known(facts, other)!, origin: facts[other]!.origin } : null,
    reason: rule.reason,
    wayOut: rule.wayOut,
    source: rule.source ?? policy.source,
    canOverride: rule.canOverride,
    isOverridden,
    contradicts: rule.contradicts,
  };
}

const known = (facts: Facts, id: FactId) => facts[id]?.value ?? null;

function holds({ fact, test }: Condition, facts: Facts): Answer {
  const value = known(facts, fact);
  if (value === null) return null;
  if ('includes' in test) {
    const wanted = known(facts, test.includes);
    return wanted === null ? null : Array.isArray(value) ? value.includes(String(wanted)) : value === wanted;
  }
  return Array.isArray(value) ? value.every((element) => satisfies(element, test)) : satisfies(value, test);
}

function satisfies(value: Exclude<FactValue, string[]>, test: Exclude<Test, { includes: unknown }>): boolean {
  if ('is' in test) return value === test.is;
  if ('isNot' in test) return value !== test.isNot;
  if ('oneOf' in test) return test.oneOf.includes(String(value));
  if ('noneOf' in test) return !test.noneOf.includes(String(value));
  if ('atMost' in test) return Number(value) <= test.atMost;
  return Number(value) >= test.atLeast;
}
