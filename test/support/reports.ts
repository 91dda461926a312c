/** Reports as the engine makes them, of the policies that come with Diskpress. */
import { join } from 'node:path';
import type { FactValue, Report } from '../../src-engine/contract/report.contract.ts';
import { evaluate, viewOf } from '../../src-engine/policies/evaluate.ts';
import type { FactId, Facts } from '../../src-engine/policies/facts.ts';
import { loadPolicies, rulesOf } from '../../src-engine/policies/load-policies.ts';

const { all } = await loadPolicies(join(import.meta.dirname, '../../resources/policies'), '/none');

/** A report with lines of all levels, overridden, contradicted and unknown ones among them. */
export function sampleReport(changes: Partial<Report> = {}, origin = '/etc/os-release'): Report {
  const values: Partial<Record<FactId, FactValue>> = {
    'machine.firmware': 'bios',
    'machine.raidLevels': ['raid1', 'raid5'],
    'machine.hasTpm': false,
    'machine.graphics': 'gpu',
    'guest.bootModes': ['uefi'],
    'guest.isPastEndOfLife': true,
    'guest.pointRelease': 'centos-7.6',
    'disk.largestBytes': 1_500_000_000_000,
    'disk.count': 1,
    'template.licence': 'none',
  };
  const facts: Facts = {
    ...Object.fromEntries(Object.entries(values).map(([id, value]) => [id, { value, origin }])),
    'template.status': { value: 'active', origin: 'catalog' },
    'deploy.isAgain': { value: true, origin: 'audit log' },
  };
  const policy = all.get('bare-metal-2020')!;
  return {
    ...evaluate(policy, rulesOf(policy, all), 'deploy', facts, ['end-of-life']),
    subject: 'classroom@3',
    target: '/dev/sdb',
    machine: 'room 12',
    createdAt: '2026-11-21T09:30:00.000Z',
    others: [viewOf(all.get('lab')!, 9)],
    ...changes,
  };
}
