/** From what jobs know to a report: which facts are told, what is unknown, what a person may take upon themselves. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { DeviceView, PlaceView } from '../../../src-engine/contract/disk.contract.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { configurationOf } from '../../../src-engine/inspection/configuration.ts';
import {
  captureFacts,
  deployFacts,
  type CaptureSubject,
  type DeploySubject,
} from '../../../src-engine/judgement/facts.ts';
import { refusalOf } from '../../../src-engine/jobs/plan-records.ts';
import { makeReport, overriddenRules, refuseReported } from '../../../src-engine/judgement/make-report.ts';
import { platformOf } from '../../../src-engine/judgement/platform.ts';
import { choosePolicy, type Rulebook } from '../../../src-engine/judgement/rulebook.ts';
import { loadPolicies, parsePolicy } from '../../../src-engine/policies/load-policies.ts';
import { centos7, DRIVE, serverProfile } from '../../support/profiles.ts';

const resources = fileURLToPath(new URL('../../../resources', import.meta.url));
const book: Rulebook = {
  ...(await loadPolicies(`${resources}/policies`, '/none')),
  endOfLife: { madeOn: '2026-11-21', releases: {} } as unknown as Rulebook['endOfLife'],
};

const ACTIVE = { status: 'active', visibility: 'private', licence: 'none' } as const;
const PLACE: PlaceView = {
  kind: 'file',
  path: '/images/vm.img',
  model: 'vm.img',
  serial: '',
  lengthBytes: 20e9,
  sectorBytes: 512,
  physicalSectorBytes: 512,
};
const DEVICE = { ...PLACE, kind: 'device', path: '/dev/sdb', model: 'ST1000', bus: 'sata' } as unknown as DeviceView;

const source = (more: Partial<CaptureSubject> = {}): CaptureSubject => ({
  path: '/images/vm.img',
  lengthBytes: 20e9,
  platform: { value: 'virtual', origin: '/images/vm.img' },
  isOffline: true,
  isFile: true,
  guest: centos7(),
  machine: null,
  template: ACTIVE,
  ...more,
});

const template = (more: Partial<DeploySubject> = {}): DeploySubject => ({
  template: { ...ACTIVE, name: 'web' },
  capacityBytes: 20e9,
  sourcePlatform: 'physical',
  guest: centos7({ endOfLife: { value: { date: '2099-01-01', tableDate: '2026-11-21' }, origin: 'a table' } }),
  machine: serverProfile(),
  target: { path: '/dev/sdb', platform: { value: 'physical', origin: '/dev/sdb' }, isAgain: false },
  ...more,
});

const about = { subject: 'web@1', target: '/dev/sdb', machine: 'bench-1' };
const deployUnder = (policy: string, subject: DeploySubject, overrides: string[] = []) =>
  makeReport(book, book.all.get(policy)!, 'deploy', deployFacts(subject), about, overrides);
const blocksOf = (report: ReturnType<typeof deployUnder>) =>
  report.lines.filter(({ level }) => level === 'block').map(({ rule }) => rule);

describe('facts', () => {
  it('of a file without a machine: a virtual disk, one, of a machine that nobody knows', () => {
    const facts = captureFacts(source());
    expect(facts['source.platform']?.value).toBe('virtual');
    expect(facts['disk.count']?.value).toBe(1);
    expect(facts['disk.largestBytes']?.value).toBe(20e9);
    expect(facts['machine.firmware']).toBeUndefined();
  });

  it('of a disk whose machine is unknown: nobody can say how many more there are', () => {
    expect(captureFacts(source({ isFile: false }))['disk.count']?.value).toBeNull();
  });

  it('of a machine: arrays count as one disk, what is plugged in does not count', () => {
    const array = { name: 'md0', kind: 'md', level: 'raid1', members: ['/dev/sda', '/dev/sdb'] } as const;
    const machine = serverProfile({
      drives: [DRIVE, DRIVE, { ...DRIVE, lengthBytes: 3e12 }, { ...DRIVE, isRemovable: true, lengthBytes: 9e12 }],
      arrays: [{ ...array, members: [...array.members] }],
    });
    const facts = captureFacts(source({ machine }));
    expect(facts['disk.count']?.value).toBe(2);
    expect(facts['disk.largestBytes']).toEqual({ value: 3e12, origin: 'bench-1, 2026-11-20' });
  });

  it('of a deploy to a machine that is elsewhere: the profile says what it is', () => {
    const facts = deployFacts(template({ target: null, machine: serverProfile({ isVirtual: true }) }));
    expect(facts['target.platform']).toEqual({ value: 'virtual', origin: 'bench-1, 2026-11-20' });
    expect(facts['deploy.isAgain']?.value).toBe(false);
  });
});

describe('whether a disk is a virtual machine’s', () => {
  it.each([
    ['a file', PLACE, null, null, 'virtual'],
    ['a disk on SATA', { ...PLACE, kind: 'device' }, DEVICE, null, 'physical'],
    ['a disk on virtio', { ...PLACE, kind: 'device' }, { ...DEVICE, bus: 'virtio' }, null, 'virtual'],
    [
      'what QEMU calls a hard disk',
      { ...PLACE, kind: 'device' },
      { ...DEVICE, model: 'QEMU HARDDISK' },
      null,
      'virtual',
    ],
    ['a file that was named a physical machine’s', PLACE, null, serverProfile(), 'physical'],
    ['a machine that does not know itself', PLACE, null, serverProfile({ isVirtual: null }), 'virtual'],
  ] as const)('%s', (_, place, device, named, expected) => {
    expect(platformOf(place as PlaceView, device as DeviceView | null, named).value).toBe(expected);
  });
});

describe('a report', () => {
  it('refuses a standard template on a bare disk, and names the policies that would not', () => {
    const report = deployUnder('standard', template());
    expect(blocksOf(report)).toEqual(['standard.target-virtual']);
    expect(report.others.map(({ id }) => id)).toEqual(expect.arrayContaining(['lab', 'bare-metal-2020']));
    expect(report.others.map(({ id }) => id)).not.toContain('flex');
    expect(refusalOf([], report)).toMatchObject({ code: 'PLAN_BLOCKED' });
    expect(() => refuseReported(report)).toThrow(EngineError);
  });

  it('does not look for others where nothing is blocked', () => {
    const report = deployUnder('lab', template());
    expect(refusalOf([], report)).toBeNull();
    expect(report.others).toEqual([]);
    expect(() => refuseReported(report)).not.toThrow();
  });

  it('lets a person take a block upon themselves by its rule, where the rule allows it', () => {
    const past = { value: { date: '2020-11-30', tableDate: '2026-11-21' }, origin: 'a table' };
    const subject = template({ guest: centos7({ endOfLife: past }) });
    expect(blocksOf(deployUnder('lab', subject))).toEqual(['end-of-life']);
    const overridden = deployUnder('lab', subject, ['end-of-life']);
    expect(refusalOf([], overridden)).toBeNull();
    expect(overriddenRules(overridden)).toEqual(['end-of-life']);
    expect(blocksOf(deployUnder('standard', template(), ['standard.target-virtual']))).toEqual([
      'standard.target-virtual',
    ]);
  });

  it('says where a document contradicts itself: both rules stand', () => {
    const uefi = template({
      machine: serverProfile({ firmware: 'uefi' }),
      guest: centos7({ ...template().guest, bootModes: { value: ['uefi'], origin: 'an ESP' } }),
    });
    const { lines } = deployUnder('bare-metal-2020', uefi);
    const refusing = lines.find(({ rule }) => rule === 'bm2020.no-uefi')!;
    expect(refusing.level).toBe('block');
    expect(refusing.contradicts).toContain('bm2020.firmware-match');
    expect(lines.find(({ rule }) => rule === 'bm2020.firmware-match')?.level).toBe('pass');
  });

  it('names both facts of a rule that compares two', () => {
    const { lines } = deployUnder('lab', template({ machine: serverProfile({ firmware: 'uefi' }) }));
    expect(lines[0]).toMatchObject({
      rule: 'lab.firmware-match',
      level: 'block',
      fact: 'guest.bootModes',
      value: ['bios'],
      compared: { fact: 'machine.firmware', value: 'uefi', origin: 'bench-1, 2026-11-20' },
    });
  });

  it('says of a rule that cannot be told which fact is missing, not the one that is there', () => {
    const { lines } = deployUnder('lab', template({ machine: null }));
    const line = lines.find(({ rule }) => rule === 'lab.firmware-match');
    expect(line).toMatchObject({ level: 'warn', fact: 'machine.firmware', value: null, compared: null });
  });

  it('warns of what is unknown, and never passes it', () => {
    const { lines } = deployUnder('bare-metal-2020', template({ machine: null }));
    for (const line of lines.filter((one) => one.fact.startsWith('machine.'))) {
      expect(line).toMatchObject({ level: 'warn', value: null });
    }
    expect(lines.filter(({ fact }) => fact.startsWith('machine.')).length).toBeGreaterThan(4);
  });
});

describe('a policy', () => {
  it('is the default of its kind where none is named; bare metal begins with the rules of 2020', () => {
    expect(
      (['standard', 'flex', 'bare-metal', 'lab'] as const).map((kind) => choosePolicy(book, kind, null).id),
    ).toEqual(['standard', 'flex', 'bare-metal-2020', 'lab']);
    expect(choosePolicy(book, 'bare-metal', 'bare-metal-current').id).toBe('bare-metal-current');
  });

  it('of another kind, or that is not there, is refused', () => {
    expect(() => choosePolicy(book, 'lab', 'flex')).toThrow(expect.objectContaining({ code: 'BAD_REQUEST' }));
    expect(() => choosePolicy(book, 'lab', 'nowhere')).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  });

  it('of a lab’s own never becomes the default by itself', () => {
    const text = `id: own\nname: { en: Own, fr: Propre }\nkinds: [lab]\nisDefault: true\nsource: { document: ours, date: 2026-01-01 }\nrules: []\n`;
    const own = parsePolicy(text, '/policies/own.yaml');
    const all = new Map([['own', own], ...book.all]);
    expect(choosePolicy({ ...book, all }, 'lab', null).id).toBe('lab');
    expect(choosePolicy({ ...book, all }, 'lab', 'own')).toBe(own);
  });
});

describe('the recorded configuration', () => {
  it('is what the guest and its machine say', () => {
    expect(configurationOf(centos7(), serverProfile())).toEqual({
      operatingSystem: 'CentOS Linux 7 (Core)',
      bootMode: 'bios',
      hasCloudInit: true,
      cpus: 8,
      memoryBytes: 32 * 2 ** 30,
      networks: ['eno1'],
    });
  });

  it('of a disk for both firmwares takes the machine’s, and is silent where nobody knows', () => {
    const both = centos7({ bootModes: { value: ['bios', 'uefi'], origin: 'an ESP' } });
    expect(configurationOf(both, serverProfile({ firmware: 'uefi' })).bootMode).toBe('uefi');
    expect(configurationOf(both, null).bootMode).toBeNull();
  });
});
