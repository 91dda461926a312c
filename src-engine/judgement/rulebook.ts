/** The rules at hand: the policies that come with Diskpress and a lab's own, and the table of ends of life. */
import { join, parse } from 'node:path';
import type { CommandResult } from '../contract/commands.ts';
import { UNKNOWN } from '../contract/open-words.ts';
import type { TemplateView } from '../contract/template.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import { loadEndOfLife, type EndOfLifeTable } from '../guest/end-of-life.ts';
import { viewOf } from '../policies/evaluate.ts';
import { loadPolicies, rulesOf, type Policies } from '../policies/load-policies.ts';
import type { Policy } from '../policies/policy.ts';
import type { JudgingParts } from './judging-parts.ts';

export interface Rulebook extends Policies {
  readonly endOfLife: EndOfLifeTable;
}

/** Read anew each time, so that a lab's change to its files counts at once. */
export async function openRulebook(parts: JudgingParts): Promise<Rulebook> {
  const policies = await loadPolicies(join(parts.resourcesPath, 'policies'), parts.layout.policies);
  return { ...policies, endOfLife: await loadEndOfLife(join(parts.resourcesPath, 'end-of-life.yaml')) };
}

/**
 * @param id null: what the kind lives under where nobody says more
 * @throws EngineError `NOT_FOUND` where no policy of that name counts; its own error where it was refused; `BAD_REQUEST` where it
 *   is not one for templates of this kind; `FORMAT_UNSUPPORTED` where a later version made the kind
 */
export function choosePolicy(book: Rulebook, kind: TemplateView['kind'], id: string | null): Policy {
  if (kind === UNKNOWN)
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'a kind of template of a later version' });
  const policies = [...book.all.values()];
  if (id === null)
    return policies.find(({ kinds, isDefault, path }) => path === '' && isDefault && kinds.includes(kind))!;
  const policy = book.all.get(id);
  if (!policy) {
    // a lab's file that has the policy's name tells best why it is not there
    throw (
      book.refused.find(({ data }) => parse(String(data.path)).name === id) ??
      new EngineError('NOT_FOUND', { path: id, reason: 'policy' })
    );
  }
  if (!policy.kinds.includes(kind)) {
    throw new EngineError('BAD_REQUEST', { policy: id, kind, reason: 'policy of another kind' });
  }
  return policy;
}

export function policyList(book: Rulebook, folder: string): CommandResult<'policy.list'> {
  return {
    policies: [...book.all.values()].map((policy) => viewOf(policy, rulesOf(policy, book.all).length)),
    folder,
    refused: book.refused.map((error) => error.toView()),
  };
}

/** @throws EngineError `NOT_FOUND` */
export function policyRules(book: Rulebook, id: string): CommandResult<'policy.show'> {
  const policy = book.all.get(id);
  if (!policy) throw new EngineError('NOT_FOUND', { path: id, reason: 'policy' });
  const rules = rulesOf(policy, book.all);
  return {
    policy: viewOf(policy, rules.length),
    rules: rules.map((rule) => ({ ...rule, source: rule.source ?? policy.source })),
  };
}
