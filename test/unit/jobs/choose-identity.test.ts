/** Another machine or the same again: by what was recorded of the source, by what the target holds, by what was interrupted there. */
import { describe, expect, test } from 'vitest';
import type { JobRepository } from '../../../src-engine/catalog/job-repository.ts';
import { COMMANDS } from '../../../src-engine/contract/commands.ts';
import type { PlaceView } from '../../../src-engine/contract/disk.contract.ts';
import { isSameMachine, type MachineMarks } from '../../../src-engine/guest/machine-marks.ts';
import { chooseIdentity, identityAsked } from '../../../src-engine/jobs/deploy/choose-identity.ts';
import type { NotLookedInto } from '../../../src-engine/jobs/deploy/not-looked-into.ts';
import type { FoundDisk } from '../../../src-engine/versions/found-disk.ts';

const MARKS: MachineMarks = {
  rootUuid: '0a1b2c3d-1111-4222-8333-000000000001',
  machineId: '0123456789abcdef0123456789abcdef',
  hostKeys: ['ssh-ed25519 AAAA1'],
};
const OTHER: MachineMarks = { ...MARKS, machineId: 'f'.repeat(32) };

const device: PlaceView = {
  kind: 'device',
  path: '/dev/sda',
  model: 'Samsung SSD 870',
  serial: 'S5STNF0R123456X',
  lengthBytes: 1e12,
  sectorBytes: 512,
  physicalSectorBytes: 512,
};
const file: PlaceView = { ...device, kind: 'file', path: '/vm/disk.img', model: 'disk.img', serial: '' };

const LUKS: NotLookedInto = { reason: 'encrypted', volumes: ['2'] };

type Jobs = Pick<JobRepository, 'list'>;
const jobs = (...list: unknown[]) => ({ list: () => list }) as Jobs as JobRepository;
const found = (source: PlaceView, family: string | null = 'linux') =>
  ({
    template: { name: 'lab' },
    version: { guest: { family: { value: family } } },
    disk: { source },
  }) as unknown as FoundDisk;

function chosen(source: PlaceView, target: PlaceView, marks: MachineMarks | null, exists = true, list = jobs()) {
  const { becomes, because } = chooseIdentity(list, found(source), MARKS, null, { place: target, exists, marks });
  return `${becomes}: ${because}`;
}

describe('the disk that it was captured from', () => {
  test.each([
    ['empty by now', null, 'keep: source'],
    ['with the same machine', MARKS, 'keep: same-machine'],
    ['with another machine by now', OTHER, 'keep: source'],
  ] as const)('%s', (_, marks, expected) => {
    expect(chosen(device, { ...device, path: '/dev/sdc' }, marks)).toBe(expected);
  });

  test.each<[string, Partial<PlaceView>]>([
    ['of another serial number', { serial: 'S5STNF0R123457X' }],
    ['of another length', { lengthBytes: 2e12 }],
    ['of another model with the same serial number', { model: 'USB adapter' }],
  ])('is no disk %s', (_, other) => {
    expect(chosen(device, { ...device, ...other }, null)).toBe('fresh: deployment');
  });

  test.each([
    '',
    'QM00001',
    'QM00005',
    'drive-scsi0',
    'drive-virtio-disk0',
    '0123456789ABCDEF',
    '000000000000',
    'None',
  ])('is not told by the serial number %o, which others have, too', (serial) => {
    const common = { ...device, serial };
    expect(chosen(common, common, null)).toBe('fresh: deployment');
    expect(chosen(common, common, MARKS)).toBe('keep: same-machine');
  });

  test.each(['QM00001X77', 'WD-WCC4N0123457', 'VB3f0c1d2e-9a8b7c6d', '5000c500a1b2c3d4', 'S1'])(
    'is told by %o',
    (serial) => {
      const own = { ...device, serial };
      expect(chosen(own, own, null)).toBe('keep: source');
    },
  );

  test('is not one with another World Wide Name', () => {
    const named = (wwn: string): PlaceView => ({
      ...device,
      identity: { number: '8:0', wwn, ids: [], generation: '' },
    });
    expect(chosen(named('5002538e0001'), named('5002538e0002'), null)).toBe('fresh: deployment');
    expect(chosen(named('5002538e0001'), named('5002538e0001'), null)).toBe('keep: source');
  });
});

test('a file is the one that was captured by its place and its length, unless another machine lies there', () => {
  expect(chosen(file, file, null)).toBe('keep: source');
  expect(chosen(file, file, OTHER)).toBe('fresh: deployment');
  expect(chosen(file, file, null, false)).toBe('fresh: deployment');
  expect(chosen(file, { ...file, lengthBytes: 5 }, null)).toBe('fresh: deployment');
  expect(chosen(file, { ...file, path: '/vm/other.img' }, MARKS)).toBe('keep: same-machine');
});

test('a deploy that was interrupted goes on with the identity that it had', () => {
  const job = (identity: string, outcome: string) => ({
    kind: 'deploy',
    templateName: 'lab',
    parts: [{ path: '/dev/sdz', state: 'ended', outcome, identity }],
  });
  const target = { ...device, serial: 'other', path: '/dev/sdz' };
  const after = (...list: unknown[]) => chosen(device, target, null, true, jobs(...list));
  expect(after(job('keep', 'lost'))).toBe('keep: goes-on');
  expect(after(job('fresh', 'lost'))).toBe('fresh: deployment');
  expect(after(job('keep', 'done'))).toBe('fresh: deployment');
  expect(after(job('keep', 'done'), job('keep', 'failed'))).toBe('fresh: deployment');
  expect(chosen(device, target, OTHER, true, jobs(job('keep', 'lost')))).toBe('fresh: deployment');
});

describe('a machine', () => {
  const none = { rootUuid: MARKS.rootUuid, machineId: '', hostKeys: [] };
  test.each<[string, MachineMarks, MachineMarks, boolean]>([
    ['with new host keys is the same', MARKS, { ...MARKS, hostKeys: ['ssh-ed25519 AAAA2'] }, true],
    ['with another machine id is another', MARKS, OTHER, false],
    ['whose id comes at its next start is another', MARKS, { ...MARKS, machineId: '' }, false],
    ['with another root is another', MARKS, { ...MARKS, rootUuid: '1' }, false],
    ['without an id is told by host keys', { ...none, hostKeys: ['a', 'b'] }, { ...none, hostKeys: ['b'] }, true],
    [
      'without an id, with other host keys, is another',
      { ...none, hostKeys: ['a'] },
      { ...none, hostKeys: ['b'] },
      false,
    ],
    ['with neither is told by its root', none, none, true],
    ['with nothing at all is not told', { ...none, rootUuid: '' }, { ...none, rootUuid: '' }, false],
  ])('%s', (_, one, other, expected) => {
    expect(isSameMachine(one, other)).toBe(expected);
    expect(isSameMachine(other, one)).toBe(expected);
  });
});

test('who says it is heard', () => {
  const asked = (more: object, version: object = {}, unread: NotLookedInto | null = null) => {
    const request = COMMANDS['deploy.plan'].params.parse({ template: 'lab', target: '/x', ...more });
    const whole = { guest: { family: { value: 'linux' } }, medium: 'disk', ...version };
    const told = identityAsked(request, { version: whole } as unknown as FoundDisk, unread);
    return told && `${told.becomes}: ${told.because}`;
  };
  expect(asked({})).toBeNull();
  expect(asked({ identity: 'fresh' })).toBe('fresh: asked');
  expect(asked({ identity: 'keep' })).toBe('keep: asked');
  expect(asked({ exact: true })).toBe('keep: exact');
  expect(asked({ keep: ['logs'] })).toBeNull();
  expect(asked({}, { guest: null })).toBeNull();
  expect(asked({}, { guest: { family: { value: null } } })).toBe('keep: nothing-to-renew');
  expect(asked({}, { medium: 'iso' })).toBe('keep: nothing-to-renew');
  expect(asked({}, { guest: { family: { value: null } } }, LUKS)).toBeNull();
  expect(asked({}, { medium: 'iso', guest: null }, LUKS)).toBe('keep: nothing-to-renew');
});

describe('where no system is seen', () => {
  const other = { ...device, serial: 'S5STNF0R999999X' };
  const seen = (unread: NotLookedInto | null, family: string | null, target = other) => {
    const place = { place: target, exists: true, marks: null };
    const { becomes, because, data } = chooseIdentity(jobs(), found(device, family), null, unread, place);
    return { told: `${becomes}: ${because}`, data };
  };
  test('and everything was looked into, there is nothing to renew', () => {
    expect(seen(null, null).told).toBe('keep: nothing-to-renew');
  });
  test('one may lie in what cannot be looked into', () => {
    const data = { target: '/dev/sda', volumes: ['2'], reason: 'encrypted' };
    expect(seen(LUKS, null)).toEqual({ told: 'keep: not-looked-into', data });
  });
  test('the one that is on the other disks of the template is looked into there', () => {
    expect(seen(LUKS, 'linux').told).toBe('keep: nothing-to-renew');
  });
  test('it lies on this disk, too, where half of its group is here', () => {
    expect(seen({ reason: 'several-disks', volumes: ['1'] }, 'linux').told).toBe('keep: not-looked-into');
  });
  test('the disk that was captured is the same again', () => {
    expect(seen(LUKS, null, device).told).toBe('keep: source');
  });
});

describe('a machine that an earlier deploy made', () => {
  const own: MachineMarks = { rootUuid: '0a1b2c3d-9999-4222-8333-000000000009', machineId: '', hostKeys: [] };
  const job = (part: object, templateName = 'lab') => ({
    kind: 'deploy',
    templateName,
    parts: [{ path: '/dev/sdz', state: 'ended', outcome: 'done', identity: 'fresh', ...part }],
  });
  const given = (after: string) => ({ result: { inside: { identifiers: [{ of: 'file-system', after }] } } });
  const at = (path: string, ...list: unknown[]) =>
    chosen(device, { ...device, serial: 'other', path }, own, true, jobs(...list));

  test.each<[string, string, unknown[], string]>([
    [
      'is told by its root, wherever it is now',
      '/dev/sdq',
      [job(given(own.rootUuid.toUpperCase()))],
      'deployed-before',
    ],
    ['is told by its place, where its root was kept', '/dev/sdz', [job({ result: null })], 'deployed-before'],
    ['is not one whose root is another, elsewhere', '/dev/sdq', [job(given('x'))], 'deployment'],
    ['is not one of another template', '/dev/sdz', [job(given(own.rootUuid), 'desk')], 'deployment'],
    ['is not one that kept the template’s', '/dev/sdz', [job({ identity: 'keep' })], 'deployment'],
    ['is not one that was replaced since', '/dev/sdz', [job({}, 'desk'), job({})], 'deployment'],
    ['is not one that did not come to its end', '/dev/sdz', [job({ outcome: 'failed' })], 'deployment'],
  ])('%s', (_, path, list, because) => {
    expect(at(path, ...list)).toBe(`fresh: ${because}`);
  });
});
