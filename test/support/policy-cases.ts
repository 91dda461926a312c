/**
 * What every rule of every policy that comes with Diskpress is driven with: values that it passes, values that it does not like,
 * and none. The test of policies judges the outcomes, scripts/policies.mjs tells of them.
 */
import { join } from 'node:path';
import type { FactValue, ReportLine } from '../../src-engine/contract/report.contract.ts';
import { evaluate } from '../../src-engine/policies/evaluate.ts';
import type { FactId, Facts } from '../../src-engine/policies/facts.ts';
import { loadPolicies, rulesOf } from '../../src-engine/policies/load-policies.ts';
import type { Policy, Rule } from '../../src-engine/policies/policy.ts';

export const OURS = join(import.meta.dirname, '../../resources/policies');
const { all } = await loadPolicies(OURS, join(OURS, 'none'));
export const POLICIES: ReadonlyMap<string, Policy> = all;

export type Values = Partial<Record<FactId, FactValue | null>>;
export const factsOf = (values: Values): Facts =>
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
export const GOOD: Record<string, Values> = {
  standard: { ...COMMON, ...virtual, 'guest.release': 'debian-12' },
  flex: { ...COMMON, ...physical, 'guest.release': 'centos-6' },
  'bare-metal-2020': { ...COMMON, ...physical, 'guest.release': 'centos-7', 'guest.pointRelease': 'centos-7.6' },
  'bare-metal-current': { ...COMMON, ...physical, 'guest.release': 'rhel-8' },
  lab: { ...COMMON, ...physical, 'guest.release': 'arch' },
};

export interface Case {
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

const OWN: Record<string, Record<string, Case>> = {
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

/** @returns the cases of a policy by rule, those of what it includes too */
export function casesOf(policyId: string): Record<string, Case> {
  return { ...EVERY_KIND, ...OWN[policyId] };
}

/** The line of one rule in a report of the action that it speaks in. */
export function lineOf(policyId: string, ruleId: string, values: Values, overrides: string[] = []) {
  const policy = all.get(policyId)!;
  const rules = rulesOf(policy, all);
  const rule = rules.find(({ id }) => id === ruleId)!;
  const action = rule.when === 'capture' ? 'capture' : 'deploy';
  const line = evaluate(policy, rules, action, factsOf(values), overrides).lines.find((found) => found.rule === ruleId);
  return { rule, line };
}

/** One value that a rule was driven with, and what came of it. */
export interface Drive {
  readonly rule: Rule;
  /** the rule should like it, should not, or it is unknown */
  readonly wanted: 'good' | 'bad' | 'unknown';
  readonly values: Values;
  readonly line: ReportLine | undefined;
}

/** Drives a rule with every value of its case. */
export function drive(policyId: string, ruleId: string): Drive[] {
  const { given = {}, bad, also = [], good = [] } = casesOf(policyId)[ruleId];
  const facts = { ...GOOD[policyId], ...given };
  const run = (wanted: Drive['wanted'], change: Values): Drive => {
    const values = { ...facts, ...change };
    return { wanted, values, ...lineOf(policyId, ruleId, values) };
  };
  const { rule } = lineOf(policyId, ruleId, facts);
  return [
    ...[{}, ...good].map((change) => run('good', change)),
    ...[bad, ...also].map((change) => run('bad', change)),
    run('unknown', { [rule.fact]: null }),
  ];
}
