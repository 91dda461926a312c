/** Policy files: read, checked against their schema, and put together with what they include. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { EngineError } from '../core/engine-error.ts';
import { keptReadings } from '../core/kept-readings.ts';
import { readNamedFile } from '../core/read-named-file.ts';
import { FACT_TYPES } from './facts.ts';
import { PolicyFileSchema, type Condition, type Policy, type Rule } from './policy.ts';

const MAX_FILE_BYTES = 1024 * 1024;
const MAX_INCLUDE_DEPTH = 5;

/**
 * Checks one policy file (YAML 1.2; JSON is YAML).
 * @param path '' for one that comes with Diskpress
 * @throws EngineError `POLICY_INVALID` with the line, from 1, and what is wrong there
 */
export function parsePolicy(text: string, path: string, name = path): Policy {
  const fail = (line: number, reason: string) => new EngineError('POLICY_INVALID', { path: name, line, reason });
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) throw fail(1, `larger than ${MAX_FILE_BYTES} bytes`);
  const lines = new LineCounter();
  const document = parsedDocument(text, lines);
  if (!document) throw fail(1, 'nested too deeply');
  const [syntax] = document.errors;
  if (syntax) throw fail(syntax.linePos?.[0].line ?? 1, `not YAML (${syntax.code.toLowerCase().replaceAll('_', ' ')})`);
  let content: unknown;
  try {
    content = document.toJS({ maxAliasCount: 100 });
  } catch {
    throw fail(1, 'an alias that has no anchor, or too many of them');
  }
  const lineOf = (keys: readonly PropertyKey[]) => lineOfNode(document, lines, keys);
  const parsed = PolicyFileSchema.safeParse(content);
  if (!parsed.success) {
    const issue = deepest(parsed.error.issues);
    throw fail(lineOf(issue.path), `${issue.path.join('.')}: ${saidOf(issue)}`);
  }
  const policy = { ...parsed.data, path };
  for (const [i, rule] of policy.rules.entries()) {
    const wrong = wrongTest(rule) ?? rule.if.map(wrongTest).find((reason) => reason !== null);
    if (wrong) throw fail(lineOf(['rules', i]), `${rule.id}: ${wrong}`);
    if (policy.rules.findIndex(({ id }) => id === rule.id) !== i)
      throw fail(lineOf(['rules', i, 'id']), `${rule.id}: twice`);
  }
  return policy;
}

const ourPolicy = keptReadings((text, path) => parsePolicy(text, '', path));
const theirPolicy = keptReadings((text, path) => parsePolicy(text, path));

/** The parser's own errors quote the text, which may be any file's: they become codes. @returns null where the nesting is too deep for it */
function parsedDocument(text: string, lineCounter: LineCounter): Document.Parsed | null {
  try {
    return parseDocument(text, { lineCounter, uniqueKeys: true });
  } catch {
    return null;
  }
}

/** What is wrong, without what is written there. */
function saidOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'unrecognized_keys' ? 'a field that no policy has' : issue.message;
}

/** Of a union, the branch that came furthest says most. */
function deepest(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue {
  return issues.reduce((best, issue) => (issue.path.length > best.path.length ? issue : best));
}

function lineOfNode(document: Document, lines: LineCounter, keys: readonly PropertyKey[]): number {
  for (let depth = keys.length; depth >= 0; depth--) {
    const node = document.getIn(keys.slice(0, depth), true) as { range?: readonly number[] | null } | undefined;
    if (node?.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

/** A comparison that no value of its fact could ever satisfy or miss. */
function wrongTest({ fact, test }: Condition | Rule): string | null {
  const type = FACT_TYPES[fact];
  const [value] = Object.values(test) as [unknown];
  const wantsNumber = 'atMost' in test || 'atLeast' in test;
  if (wantsNumber && type !== 'number') return `${fact} is no number`;
  if ('is' in test || 'isNot' in test) {
    const expected = type === 'list' ? 'string' : type === 'text' ? 'string' : type;
    if (typeof value !== expected) return `${fact} is compared with a ${typeof value}`;
  }
  if (('oneOf' in test || 'noneOf' in test) && type !== 'text' && type !== 'list') return `${fact} is no text`;
  return null;
}

/** Policies by id, and what was wrong with files of a lab's own. */
export interface Policies {
  readonly all: ReadonlyMap<string, Policy>;
  readonly refused: readonly EngineError[];
}

/**
 * @param ours folder of the policies that come with Diskpress: an error in one of them is a fault of ours, and thrown
 * @param theirs folder of a lab's own, which need not be there; a file with an error is refused, the others count
 */
export async function loadPolicies(ours: string, theirs: string): Promise<Policies> {
  const all = new Map<string, Policy>();
  const refused: EngineError[] = [];
  for (const path of await policyFiles(ours)) {
    const policy = ourPolicy(await textOf(path), path);
    all.set(policy.id, policy);
  }
  for (const path of await policyFiles(theirs)) {
    try {
      const policy = theirPolicy(await textOf(path), path);
      if (all.has(policy.id))
        throw new EngineError('POLICY_INVALID', { path, line: 1, reason: `id ${policy.id} is taken` });
      all.set(policy.id, policy);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      refused.push(error);
    }
  }
  for (const policy of [...all.values()]) {
    try {
      rulesOf(policy, all);
    } catch (error) {
      if (!(error instanceof EngineError) || policy.path === '') throw error;
      refused.push(error);
      all.delete(policy.id);
    }
  }
  return { all, refused };
}

/** @throws EngineError `POLICY_INVALID` for what cannot be read */
async function textOf(path: string): Promise<string> {
  try {
    return (await readNamedFile(path, MAX_FILE_BYTES)).toString('utf8');
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const reason = String(error.data.reason ?? error.data.value ?? '') || 'it cannot be read';
    throw new EngineError('POLICY_INVALID', { path, line: 1, reason }, '', { cause: error });
  }
}

async function policyFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/**
 * The rules of a policy, those of what it includes first.
 * @throws EngineError `POLICY_INVALID` where an included policy is not there, or includes go round
 */
export function rulesOf(policy: Policy, all: ReadonlyMap<string, Policy>, depth = 0): Rule[] {
  const fail = (reason: string) =>
    new EngineError('POLICY_INVALID', { path: policy.path || policy.id, line: 1, reason });
  if (depth > MAX_INCLUDE_DEPTH) throw fail('includes go round');
  const included = policy.includes.flatMap((id) => {
    const other = all.get(id);
    if (!other) throw fail(`includes ${id}, which is not there`);
    return rulesOf(other, all, depth + 1);
  });
  return [...included, ...policy.rules];
}
