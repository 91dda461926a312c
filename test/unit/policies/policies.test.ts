/** Every rule of every policy that comes with Diskpress: passes where it should, blocks or warns where it should, warns of what is unknown. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FactValue } from '../../../src-engine/contract/report.contract.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { evaluate } from '../../../src-engine/policies/evaluate.ts';
import type { FactId, Facts } from '../../../src-engine/policies/facts.ts';
import { loadPolicies, parsePolicy, rulesOf } from '../../../src-engine/policies/load-policies.ts';

const OURS = join(import.meta.dirname, '../../../resources/policies');
const { all } = await loadPolicies(OURS, join(OURS, 'none'));

type Values = Partial<Record<FactId, FactValue | null>>;
const factsOf = (values: Values): Facts =>
  Object.fromEntries(Object.entries(values).map(([id, value]) => [id, { value, origin: 'test' }]));

/** Facts under which every rule of a policy passes. */
const COMMON: Values = {
  'source.isOffline': true,
  'disk.count': 1,
  'disk.largestBytes': 500e9,
  'machine.firmware': 'bios',
  'machine.boardFamily': 'x11',
  'machine.hasTpm': false,
  'machine.graphics': 'none',
  'machine.raidLevels': ['raid1'],
  'machine.raidGroups': 1,
  'machine.mixesRaidAndPlain': false,
  'machine.hasPublicNetwork': true,
  'guest.family': 'linux',
  'guest.architecture': 'x86_64',
  'guest.isPastEndOfLife': false,
  'guest.bootModes': ['bios'],
  'guest.kernelOrigin': 'distribution',
  'guest.usesLvm': false,
  'guest.isEncrypted': false,
  'guest.hasCloudInit': false,
  'guest.isGeneralized': true,
  'guest.mountsByDeviceName': false,
  'template.status': 'active',
  'template.licence': 'none',
  'template.visibility': 'private',
  'deploy.layout': 'template',
  'deploy.isAgain': false,
};
const physical: Values = { 'source.platform': 'physical', 'target.platform': 'physical' };
const virtual: Values = { 'source.platform': 'virtual', 'target.platform': 'virtual' };
const GOOD: Record<string, Values> = {
  standard: { ...COMMON, ...virtual, 'guest.release': 'debian-12' },
  flex: { ...COMMON, ...physical, 'guest.release': 'centos-6' },
  'bare-metal-2020': { ...COMMON, ...physical, 'guest.release': 'centos-7', 'guest.pointRelease': 'centos-7.6' },
  'bare-metal-current': { ...COMMON, ...physical, 'guest.release': 'rhel-8' },
  lab: { ...COMMON, ...physical, 'guest.release': 'arch' },
};

interface Case {
  /** what makes the rule speak, where it does not always */
  readonly given?: Values;
  /** what the rule does not like; its own fact, unless it is about another */
  readonly bad: Values;
  readonly also?: Values[];
  readonly good?: Values[];
}

const EVERY_KIND: Record<string, Case> = {
  'licence-not-public': {
    given: { 'template.licence': 'own' },
    bad: { 'template.visibility': 'public' },
    good: [{ 'template.visibility': 'shared' }],
  },
  'end-of-life': { bad: { 'guest.isPastEndOfLife': true } },
  'active-for-new': { bad: { 'template.status': 'deprecated' }, also: [{ 'template.status': 'disabled' }] },
  'deprecated-for-again': {
    given: { 'deploy.isAgain': true },
    bad: { 'template.status': 'disabled' },
    good: [{ 'template.status': 'deprecated' }],
  },
};

const CASES: Record<string, Record<string, Case>> = {
  standard: {
    'standard.source-virtual': { bad: { 'source.platform': 'physical' } },
    'standard.offline': { bad: { 'source.isOffline': false } },
    'standard.target-virtual': { bad: { 'target.platform': 'physical' } },
    'standard.no-lvm': { bad: { 'guest.usesLvm': true } },
    'standard.own-windows-without-cloud-init': {
      given: { 'guest.family': 'windows', 'template.licence': 'own' },
      bad: { 'guest.hasCloudInit': true },
    },
  },
  flex: {
    'flex.any-source': { bad: { 'source.platform': 'container' }, good: [{ 'source.platform': 'virtual' }] },
    'flex.any-target': { bad: { 'target.platform': 'container' }, good: [{ 'target.platform': 'virtual' }] },
    'flex.systems': {
      bad: { 'guest.release': 'ubuntu-24.04' },
      also: [{ 'guest.release': 'windows-server-2012-r2' }, { 'guest.release': 'rhel-8' }],
      good: ['centos-5', 'rhel-5', 'rhel-6', 'windows-server-2003', 'windows-server-2008-r2'].map((release) => ({
        'guest.release': release,
      })),
    },
    'flex.seven-not-yet': { bad: { 'guest.release': 'centos-7' }, also: [{ 'guest.release': 'rhel-7' }] },
    'flex.layout': { bad: { 'deploy.layout': 'changed' } },
  },
  'bare-metal-2020': {
    'bm2020.source-physical': { bad: { 'source.platform': 'virtual' } },
    'bm2020.target-physical': { bad: { 'target.platform': 'virtual' } },
    'bm2020.firmware-match': { bad: { 'guest.bootModes': ['uefi'] }, good: [{ 'guest.bootModes': ['uefi', 'bios'] }] },
    'bm2020.no-uefi': { bad: { 'machine.firmware': 'uefi' } },
    'bm2020.boards': {
      bad: { 'machine.boardFamily': 'Dell 0X3D66' },
      good: [{ 'machine.boardFamily': 'x10' }, { 'machine.boardFamily': 'lenovo' }],
    },
    'bm2020.one-drive': { bad: { 'disk.count': 2 } },
    'bm2020.two-terabytes': { bad: { 'disk.largestBytes': 4e12 }, good: [{ 'disk.largestBytes': 2_000_398_934_016 }] },
    'bm2020.graphics': { bad: { 'machine.graphics': 'gpu' }, good: [{ 'machine.graphics': 'vgpu' }] },
    'bm2020.raid-levels': {
      bad: { 'machine.raidLevels': ['raid5'] },
      also: [{ 'machine.raidLevels': ['raid6'] }, { 'machine.raidLevels': ['raid1', 'raid5'] }],
      good: [{ 'machine.raidLevels': [] }, { 'machine.raidLevels': ['raid0'] }, { 'machine.raidLevels': ['raid10'] }],
    },
    'bm2020.one-raid-group': { bad: { 'machine.raidGroups': 2 }, good: [{ 'machine.raidGroups': 0 }] },
    'bm2020.raid-or-plain': { bad: { 'machine.mixesRaidAndPlain': true } },
    'bm2020.no-tpm': { bad: { 'machine.hasTpm': true } },
    'bm2020.no-lvm': { bad: { 'guest.usesLvm': true } },
    'bm2020.kernel': { bad: { 'guest.kernelOrigin': 'custom' } },
    'bm2020.systems': {
      bad: { 'guest.pointRelease': 'centos-7.9' },
      good: ['centos-6.10', 'ubuntu-16.04', 'ubuntu-18.04'].map((release) => ({ 'guest.pointRelease': release })),
    },
  },
  'bare-metal-current': {
    'bm.source-physical': { bad: { 'source.platform': 'virtual' } },
    'bm.target-physical': { bad: { 'target.platform': 'virtual' } },
    'bm.firmware-match': { bad: { 'guest.bootModes': ['uefi'] } },
    'bm.limited-uefi': { bad: { 'machine.firmware': 'uefi' } },
    'bm.centos-not-uefi': { given: { 'machine.firmware': 'uefi' }, bad: { 'guest.release': 'centos-7' } },
    'bm.boards': { bad: { 'machine.boardFamily': 'Dell 0X3D66' } },
    'bm.raid-levels': { bad: { 'machine.raidLevels': ['raid6'] } },
    'bm.one-raid-group': { bad: { 'machine.raidGroups': 3 } },
    'bm.raid-or-plain': { bad: { 'machine.mixesRaidAndPlain': true } },
    'bm.kernel': { bad: { 'guest.kernelOrigin': 'custom' } },
    'bm.public-network': { bad: { 'machine.hasPublicNetwork': false } },
    'bm.systems': { bad: { 'guest.release': 'debian-12' }, good: [{ 'guest.release': 'windows-server-2019' }] },
  },
  lab: {
    'lab.firmware-match': { bad: { 'guest.bootModes': ['uefi'] } },
    'lab.same-platform': { given: { 'guest.family': 'windows' }, bad: { 'source.platform': 'virtual' } },
    'lab.generalized': { bad: { 'guest.isGeneralized': false } },
    'lab.device-names': { bad: { 'guest.mountsByDeviceName': true } },
    'lab.tpm-and-encryption': { bad: { 'guest.isEncrypted': true } },
  },
};

/** The line of one rule in a report of the action that it speaks in. */
function lineOf(policyId: string, ruleId: string, values: Values, overrides: string[] = []) {
  const policy = all.get(policyId)!;
  const rules = rulesOf(policy, all);
  const rule = rules.find(({ id }) => id === ruleId)!;
  const action = rule.when === 'capture' ? 'capture' : 'deploy';
  const line = evaluate(policy, rules, action, factsOf(values), overrides).lines.find((found) => found.rule === ruleId);
  return { rule, line };
}

describe.each(Object.keys(GOOD))('%s', (policyId) => {
  const policy = all.get(policyId)!;
  const cases = { ...EVERY_KIND, ...CASES[policyId] };

  it('has a case for every rule, and no others', () => {
    expect(Object.keys(cases).sort()).toEqual(
      rulesOf(policy, all)
        .map(({ id }) => id)
        .sort(),
    );
  });

  it.each(Object.entries(cases))('%s', (ruleId, { given = {}, bad, also = [], good = [] }) => {
    const facts = { ...GOOD[policyId], ...given };
    for (const change of [{}, ...good])
      expect(lineOf(policyId, ruleId, { ...facts, ...change }).line, JSON.stringify(change)).toMatchObject({
        level: 'pass',
      });
    for (const change of [bad, ...also]) {
      const { rule, line } = lineOf(policyId, ruleId, { ...facts, ...change });
      expect(line, JSON.stringify(change)).toMatchObject({
        level: rule.severity,
        origin: 'test',
        value: { ...facts, ...change }[rule.fact],
      });
    }
    const { rule } = lineOf(policyId, ruleId, facts);
    const { line } = lineOf(policyId, ruleId, { ...facts, [rule.fact]: null });
    expect(line).toMatchObject({ level: 'warn', value: null });
    if (rule.severity === 'block') {
      const overridden = lineOf(policyId, ruleId, { ...facts, ...bad }, [ruleId]).line;
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
