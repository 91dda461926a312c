/** docs/POLICIES.md: made of what the policies are and what their tests drive, with an example that is a policy. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isPolicyDocumentCurrent, policyDocument } from '../../../scripts/policies.mjs';
import { evaluate } from '../../../src-engine/policies/evaluate.ts';
import { loadPolicies, parsePolicy, rulesOf } from '../../../src-engine/policies/load-policies.ts';
import { factsOf, OURS, POLICIES } from '../../support/policy-cases.ts';

const text = readFileSync(join(import.meta.dirname, '../../../docs/POLICIES.md'), 'utf8');

describe('docs/POLICIES.md', () => {
  it('is what `npm run policies` makes now', () => {
    expect(isPolicyDocumentCurrent(), 'stale: npm run policies').toBe(true);
  });

  it('has a line for every rule of every policy, with its severity and source', () => {
    for (const policy of POLICIES.values()) {
      for (const { id, severity, source = policy.source } of policy.rules) {
        const line = text.split('\n').find((one) => one.startsWith(`| \`${id}\` `));
        expect(line, id).toContain(` ${severity}`);
        expect(line).toContain(`${source.document}, ${source.date}`);
      }
    }
  });

  it('is not made where a rule does otherwise than its test demands', () => {
    const [rule] = POLICIES.get('lab')!.rules;
    const { test } = rule;
    try {
      rule.test = { includes: 'source.platform' };
      expect(() => policyDocument()).toThrow(/^lab\.firmware-match: block for .*, which is good$/);
    } finally {
      rule.test = test;
    }
  });

  it('shows a complete policy of a lab, which works as it stands', async () => {
    const example = /```yaml\n(.*?)```/s.exec(text)![1];
    const policy = parsePolicy(example, '/example.yaml');
    expect(policy.id).toBe('classroom-7');
    const folder = mkdtempSync(join(tmpdir(), 'diskpress-example-'));
    writeFileSync(join(folder, 'example.yaml'), example);
    const { all, refused } = await loadPolicies(OURS, folder);
    rmSync(folder, { recursive: true });
    expect(refused).toEqual([]);
    const facts = factsOf({ 'disk.largestBytes': 500e9, 'guest.release': 'debian-12' });
    const { lines } = evaluate(policy, rulesOf(policy, all), 'deploy', facts);
    expect(lines.find(({ level }) => level === 'block')).toMatchObject({ rule: 'classroom-7.small-disks' });
    expect(lines).toContainEqual(expect.objectContaining({ rule: 'classroom-7.systems', level: 'pass' }));
    expect(lines.map(({ rule }) => rule)).toContain('lab.firmware-match');
  });
});
