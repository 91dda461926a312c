/** Every rule of every policy that comes with Diskpress: passes where it should, blocks or warns where it should, warns of what is unknown. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { evaluate } from '../../../src-engine/policies/evaluate.ts';
import { loadPolicies, parsePolicy, rulesOf } from '../../../src-engine/policies/load-policies.ts';
import { casesOf, drive, factsOf, GOOD, lineOf, OURS, POLICIES as all } from '../../support/policy-cases.ts';

describe.each(Object.keys(GOOD))('%s', (policyId) => {
  const policy = all.get(policyId)!;
  const cases = casesOf(policyId);

  it('has a case for every rule, and no others', () => {
    expect(Object.keys(cases).sort()).toEqual(
      rulesOf(policy, all)
        .map(({ id }) => id)
        .sort(),
    );
  });

  it.each(Object.entries(cases))('%s', (ruleId, { given = {}, bad }) => {
    const driven = drive(policyId, ruleId);
    expect(new Set(driven.map(({ wanted }) => wanted))).toEqual(new Set(['good', 'bad', 'unknown']));
    for (const { rule, wanted, values, line } of driven) {
      const level = { good: 'pass', bad: rule.severity, unknown: 'warn' }[wanted];
      expect(line, JSON.stringify(values)).toMatchObject({ level, origin: 'test', value: values[rule.fact] });
    }
    const [{ rule }] = driven;
    if (rule.severity === 'block') {
      const overridden = lineOf(policyId, ruleId, { ...GOOD[policyId], ...given, ...bad }, [ruleId]).line;
      expect(overridden).toMatchObject({ level: rule.canOverride ? 'warn' : 'block', isOverridden: rule.canOverride });
    }
  });

  it('lists blocks first, then warnings, then what passed', () => {
    const order = ['block', 'warn', 'pass'];
    const levels = evaluate(
      policy,
      rulesOf(policy, all),
      'deploy',
      factsOf({ ...GOOD[policyId], 'template.status': 'disabled', 'guest.isPastEndOfLife': null }),
    ).lines.map(({ level }) => order.indexOf(level));
    expect(levels).toEqual([...levels].sort());
    expect(new Set(levels)).toEqual(new Set([0, 1, 2]));
  });
});

it('a rule whose condition cannot be told warns instead of being silent', () => {
  const { line } = lineOf('standard', 'standard.no-lvm', { ...GOOD.standard, 'guest.family': null });
  expect(line).toMatchObject({ level: 'warn' });
});

it('the contradiction of 2020 shows from both sides', () => {
  const facts = { ...GOOD['bare-metal-2020'], 'machine.firmware': 'uefi', 'guest.bootModes': ['uefi'] };
  expect(lineOf('bare-metal-2020', 'bm2020.firmware-match', facts).line).toMatchObject({
    level: 'pass',
    contradicts: ['bm2020.no-uefi'],
  });
  expect(lineOf('bare-metal-2020', 'bm2020.no-uefi', facts).line).toMatchObject({
    level: 'block',
    contradicts: ['bm2020.firmware-match'],
  });
});

describe("a lab's own policy", () => {
  const folder = mkdtempSync(join(tmpdir(), 'diskpress-policies-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const OWN = `id: our-room
name: { en: Our room, fr: Notre salle }
kinds: [lab]
source: { document: Room rules, date: 2026-01-01 }
includes: [lab]
rules:
  - id: our-room.small
    when: deploy
    fact: disk.largestBytes
    test: { atMost: 256000000000 }
    severity: block
    reason: { en: Our disks are small., fr: Nos disques sont petits. }
    wayOut: { en: Ask for a larger one., fr: En demander un plus grand. }
`;
  const refusal = (text: string) => {
    try {
      parsePolicy(text, '/own.yaml');
      return null;
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      return { code: error.code, line: error.data.line };
    }
  };

  it('stands beside ours; a file with an error is refused with its line, the others count', async () => {
    writeFileSync(join(folder, 'a.yaml'), OWN);
    writeFileSync(join(folder, 'b.yaml'), OWN.replace('our-room\n', 'other\n').replace('deploy', 'sometimes'));
    writeFileSync(
      join(folder, 'c.yaml'),
      OWN.replace('id: our-room', 'id: third').replace('[lab]\nrules', '[nowhere]\nrules'),
    );
    const policies = await loadPolicies(OURS, folder);
    expect(policies.all.get('our-room')).toMatchObject({ path: join(folder, 'a.yaml') });
    expect(rulesOf(policies.all.get('our-room')!, policies.all).map(({ id }) => id)).toEqual(
      expect.arrayContaining(['lab.firmware-match', 'our-room.small']),
    );
    expect(policies.refused.map(({ code, data }) => [code, data.path, data.line])).toEqual([
      ['POLICY_INVALID', join(folder, 'b.yaml'), 8],
      ['POLICY_INVALID', join(folder, 'c.yaml'), 1],
    ]);
  });

  it.each([
    ['broken YAML', OWN.replace('{ atMost: 256000000000 }', '{ atMost: '), 10],
    ['a fact that there is not', OWN.replace('disk.largestBytes', 'disk.colour'), 9],
    ['a comparison that there is not', OWN.replace('atMost:', 'almost:'), 10],
    ['a comparison of the wrong type', OWN.replace('{ atMost: 256000000000 }', '{ is: large }'), 7],
    ['words in one language alone', OWN.replace(', fr: Nos disques sont petits.', ''), 12],
    ['a field that there is not', OWN.replace('severity: block', 'severity: block\n    colour: red'), 7],
    ['a rule that is there twice', `${OWN}${OWN.slice(OWN.indexOf('  - id'))}`, 14],
    [
      'a bomb of aliases',
      `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefghij'
        .split('')
        .map((c, i) => `${c}: &${c} [${`*${'abcdefghij'[i]},`.repeat(9)}]`)
        .join('\n')}`,
      1,
    ],
    ['more than a megabyte', `${OWN}#${'x'.repeat(2 ** 20)}`, 1],
    ['nothing', '', 1],
  ])('%s is refused, with the line', (_, text, line) => {
    expect(refusal(text)).toEqual({ code: 'POLICY_INVALID', line });
  });
});
