/** What is written down is read by versions that do not know all of its words: those are unknown, and nothing else is lost. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AuditLog } from '../../../src-engine/catalog/audit-log.ts';
import { openDatabase } from '../../../src-engine/catalog/database.ts';
import { JobRepository } from '../../../src-engine/catalog/job-repository.ts';
import type { JobRecord, LayoutRecord, VersionRecord } from '../../../src-engine/catalog/records/index.ts';
import { readTemplate } from '../../../src-engine/catalog/records/template.record.ts';
import { upgraded } from '../../../src-engine/catalog/records/upgrade.ts';
import { newTemplateRecord, TemplateRepository } from '../../../src-engine/catalog/template-repository.ts';
import { COMMANDS } from '../../../src-engine/contract/commands.ts';
import type { EngineError } from '../../../src-engine/core/engine-error.ts';
import { centos7, serverProfile } from '../../support/profiles.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const folder = temporaryFolder();
let count = 0;
const open = () => openDatabase(join(folder, `records-${count++}.db`));
const AT = '2026-11-20T10:00:00.000Z';
const LATER = { code: 'OF_A_LATER_VERSION', data: { volume: '1', deep: { one: 1 }, list: [1, 2] } };
const LATER_VIEW = {
  code: 'UNKNOWN_WARNING',
  data: { code: 'OF_A_LATER_VERSION', volume: '1', deep: '{"one":1}', list: '[1,2]' },
};

const FILE_SYSTEM = { kind: 'laterfs', label: 'root', uuid: 'u', blockBytes: 4096, lengthBytes: 4096, usedBytes: 4096 };
const CONTENT = {
  fileSystem: FILE_SYSTEM,
  recognised: null,
  recognisedLabel: '',
  recognisedUuid: '',
  captureAs: 'by-magic',
  usedBytes: 4096,
  warnings: [LATER],
};
const LAYOUT: LayoutRecord = {
  lengthBytes: 8192,
  sectorBytes: 512,
  physicalSectorBytes: 512,
  table: 'later-table',
  tableId: '',
  volumes: [
    {
      index: 0,
      ref: '1',
      number: 1,
      startBytes: 4096,
      lengthBytes: 4096,
      typeId: '',
      name: '',
      partitionUuid: '',
      isLogical: false,
      isBootable: false,
      ...CONTENT,
    },
  ],
  groups: [
    {
      kind: 'later-group',
      name: 'g',
      uuid: '',
      members: [0],
      missingMembers: 0,
      volumes: [{ ref: 'g/v', lengthBytes: 4096, mapping: 'spiral', ...CONTENT }],
    },
  ],
  usedBytes: 4096,
  warnings: [LATER],
  account: {
    lengthBytes: 8192,
    capturedBytes: 4096,
    takenBytes: 0,
    freeBytes: 0,
    free: [],
    zeroBytes: 4096,
    leftBytes: 0,
    outsideBytes: 4096,
    lookedBytes: 4096,
    outside: 'maybe',
    isUndecided: false,
    pieces: [
      {
        place: 'above',
        volume: '',
        startBytes: 0,
        lengthBytes: 4096,
        lookedBytes: 4096,
        takenBytes: 0,
        zeroBytes: 4096,
        leftBytes: 0,
        names: [],
      },
    ],
  },
};

const place = { path: '/x', model: 'x', serial: '', lengthBytes: 8192, sectorBytes: 512, physicalSectorBytes: 512 };
const guest = centos7();

const laterMachine = () => ({
  hypervisor: 'later-hypervisor',
  name: 'later',
  ...{ title: null, operatingSystem: null, architecture: 'later64', machineType: null, memoryBytes: 4096 },
  processors: { count: 2, model: null, topology: null },
  ...{ hasSecureBoot: false, tpm: null, bootDevices: [], video: [], screens: [], sound: [] },
  ...{ hasSerialConsole: true, hasGuestAgent: false, hasRandomSource: false, watchdog: null, timezone: null },
  ...{ features: [], removed: [] },
});

const laterDisk = (kind: string) => ({
  ...{ kind, disk: 1, name: 'vda', bus: 'virtio', controller: null, serial: null, wwn: null, bootOrder: 1 },
  ...{ format: 'raw', cache: null, discard: null, isReadOnly: false, isShared: false },
  ...{ sectorBytes: null, physicalSectorBytes: null },
});

function version(number: number, manifest: string): VersionRecord {
  return {
    number,
    createdAt: AT,
    disks: [
      {
        manifest,
        ...{ role: 'cache', bus: 'later-bus', address: null },
        source: { kind: 'registry', ...place },
        layout: LAYOUT,
        damage: null,
      },
    ],
    warnings: [LATER],
    medium: 'tape',
    configuration: {
      operatingSystem: 'Later OS',
      bootMode: 'later-firmware',
      hasCloudInit: null,
      cpus: 2,
      memoryBytes: null,
      networks: [],
    },
    guest: {
      ...guest,
      family: { value: 'plan9', origin: '/' },
      kernelOrigin: { value: 'grown', origin: '/' },
      bootLoaders: { value: [{ kind: 'later-loader', origin: 'esp' }], origin: 'esp' },
      bootModes: { value: ['bios', 'later-firmware'], origin: 'esp' },
      warnings: [LATER],
    },
    platform: 'cloud',
    machine: {
      ...serverProfile(),
      firmware: 'later-firmware',
      arrays: [{ name: 'a', kind: 'network', level: null, members: [] }],
      graphics: [{ model: 'g', kind: 'neural' }],
    },
    definition: {
      ...laterMachine(),
      firmware: 'later-firmware',
      clock: 'sundial',
      disks: [laterDisk('tape'), laterDisk('disk')],
      cards: [{ model: 'virtio', kind: 'radio', to: 'wlan0', mac: null, bootOrder: null, isPluggedIn: true }],
    },
    storedBytes: 100,
    newBytes: 100,
    attachments: [],
  };
}

describe('a version of which this Diskpress does not know the words', () => {
  const db = open();
  const templates = new TemplateRepository(db);
  const template = {
    ...newTemplateRecord({ name: 'later', note: '', tags: [], kind: 'golden' }, AT),
    ...{ status: 'resting', visibility: 'by-invitation', licence: 'rented' },
  };
  templates.addVersion(template, version(1, 'one'));
  templates.addVersion(newTemplateRecord({ name: 'ours', note: '', tags: [], kind: 'lab' }, AT), version(1, 'two'));

  test('is shown with what is unknown, and all the rest', () => {
    const { template: shown } = templates.find('later');
    expect(COMMANDS['template.show'].result.parse(shown)).toEqual(shown);
    const unknown = 'unknown';
    expect(shown).toMatchObject({ kind: unknown, status: unknown, visibility: unknown, licence: unknown });
    const [one] = shown.versions;
    expect(one).toMatchObject({
      medium: unknown,
      platform: null,
      health: 'unverified',
      warnings: [LATER_VIEW],
      configuration: { operatingSystem: 'Later OS', bootMode: null, cpus: 2 },
      guest: {
        family: { value: null, origin: '/' },
        kernelOrigin: { value: null },
        bootLoaders: { value: null },
        bootModes: { value: null },
        hostname: guest.hostname,
        warnings: [LATER_VIEW],
      },
      machine: { firmware: null, arrays: null, graphics: null, board: 'X10SDV-4C' },
      definition: {
        name: 'later',
        firmware: null,
        clock: 'other',
        disks: [{ kind: 'disk' }],
        cards: [{ kind: 'other', to: 'wlan0' }],
      },
    });
    const [disk] = one.disks;
    expect(disk).toMatchObject({ role: unknown, bus: 'later-bus', source: { kind: unknown, path: '/x' } });
    expect(disk.layout).toMatchObject({
      table: unknown,
      warnings: [LATER_VIEW],
      volumes: [{ captureAs: unknown, fileSystem: { kind: unknown, label: 'root' }, warnings: [LATER_VIEW] }],
      groups: [{ kind: unknown, volumes: [{ mapping: 'spiral', captureAs: unknown, fileSystem: { kind: unknown } }] }],
      account: { outside: unknown, zeroBytes: 4096, pieces: [{ place: unknown, lengthBytes: 4096 }] },
    });
  });

  test('hides no other in a list', () => {
    const summaries = templates.summaries(false);
    expect(COMMANDS['template.list'].result.parse(summaries)).toEqual(summaries);
    expect(summaries.map(({ name, kind }) => [name, kind]).sort()).toEqual([
      ['later', 'unknown'],
      ['ours', 'lab'],
    ]);
    expect(summaries.every(({ versions }) => versions[0].health === 'unverified')).toBe(true);
  });

  test('keeps them when it is edited, and is no damage to a repair', () => {
    templates.edit('later', { note: 'edited' });
    const { id } = template;
    const kept = { kind: 'golden', status: 'resting', visibility: 'by-invitation', licence: 'rented', note: 'edited' };
    expect(templates.record(id)).toMatchObject(kept);
    expect(readTemplate(JSON.parse(JSON.stringify(templates.record(id))))).toMatchObject(kept);
    expect(templates.removeDamaged()).toBe(0);
    templates.checkAllRows();
    expect(templates.soundVersion('one')?.record).toEqual(version(1, 'one'));
  });
});

describe('jobs of a later version', () => {
  const job = (more: Partial<JobRecord> = {}): JobRecord => ({
    waitsFor: null,
    parts: [],
    id: randomUUID(),
    kind: 'capture',
    templateName: 'base',
    path: '/x.img',
    state: 'ended',
    outcome: 'done',
    user: 'ana',
    error: null,
    createdAt: new Date(Date.UTC(2026, 0, 1) + count++ * 1000).toISOString(),
    startedAt: null,
    endedAt: null,
    phases: [],
    warnings: [],
    result: null,
    ...more,
  });
  const result = {
    templateId: null,
    versionNumber: null,
    processedBytes: 5,
    storedBytes: 0,
    verifiedBytes: 0,
    readBack: 'by-telescope',
    damagedTemplates: [],
  };

  test('are shown with what is unknown', () => {
    const jobs = new JobRepository(open());
    const error = { code: 'LATER_ERROR', message: 'm', hint: 'h', data: LATER.data };
    const later = job({
      kind: 'teleport',
      state: 'hovering',
      outcome: 'forgiven',
      error,
      phases: [{ phase: 'dreaming', startedAt: AT, elapsedMs: 5 }],
      warnings: [LATER],
      result,
    });
    jobs.save(later);
    jobs.save(job());
    const shown = jobs.list();
    expect(z.array(COMMANDS['job.show'].result).parse(shown)).toEqual(shown);
    expect(shown[1]).toMatchObject({
      id: later.id,
      kind: 'unknown',
      state: 'ended',
      outcome: 'unknown',
      error: { code: 'UNKNOWN_ERROR', message: 'm', data: { ...LATER_VIEW.data, code: 'LATER_ERROR' } },
      phases: [{ phase: 'unknown', elapsedMs: 5 }],
      warnings: [LATER_VIEW],
      result: { readBack: 'unknown', processedBytes: 5 },
    });
    expect(jobs.removeDamaged()).toBe(0);
  });

  test.each([
    ['no JSON', '{', 'CATALOG_DAMAGED', 1],
    ['JSON of something else', '{"kind":"capture"}', 'CATALOG_DAMAGED', 1],
    ['a format that comes later', '{"format":99}', 'unknown', 0],
  ])('of which one row is %s are listed, and found, all the same', (_, text, told, removed) => {
    const db = open();
    const jobs = new JobRepository(db);
    const [first, broken, last] = [job(), job(), job()];
    for (const one of [first, broken, last]) jobs.save(one);
    db.prepare('UPDATE job SET record = ?, sum = NULL WHERE id = ?').run(text, broken.id);
    const listed = jobs.list();
    expect(listed.map(({ error, outcome }) => error?.code ?? outcome)).toEqual(['done', told, 'done']);
    expect(z.array(COMMANDS['job.show'].result).parse(listed)).toEqual(listed);
    expect([first, last].map(({ id }) => jobs.find(id)?.outcome)).toEqual(['done', 'done']);
    expect(jobs.removeDamaged()).toBe(removed);
    expect(jobs.list()).toHaveLength(3 - removed);
  });
});

test('the audit log tells what it has no words for as it was written', () => {
  const db = open();
  const log = new AuditLog(db);
  log.add('template.captured', 'base', { version: 1 });
  db.prepare(`UPDATE audit SET action = 'template.teleported', data = ?, sum = NULL`).run(JSON.stringify(LATER.data));
  const entries = log.list(10);
  expect(COMMANDS['log.list'].result.parse(entries)).toEqual(entries);
  expect(entries[0]).toMatchObject({ action: 'template.teleported', data: { volume: '1', deep: '{"one":1}' } });
  expect(log.removeDamaged()).toBe(0);
});

describe('formats of records', () => {
  const steps = [
    ({ old, ...json }: Record<string, unknown>) => ({ ...json, second: old }),
    ({ second, ...json }: Record<string, unknown>) => ({ ...json, third: second }),
  ];

  test('are brought along one step after another', () => {
    expect(upgraded({ old: 1, kept: 2 }, steps, 'record')).toEqual({ third: 1, kept: 2 });
    expect(upgraded({ format: 2, second: 1 }, steps, 'record')).toEqual({ third: 1 });
    expect(upgraded({ format: 3, third: 1 }, steps, 'record')).toEqual({ third: 1 });
  });

  test('of later versions are told so, and what is no record is none', () => {
    const thrown = (() => {
      try {
        return upgraded({ format: 4 }, steps, 'record');
      } catch (error) {
        return error as EngineError;
      }
    })();
    expect(thrown).toMatchObject({ code: 'CATALOG_TOO_NEW', data: { version: 4, supported: 3 } });
    for (const none of [{ format: 0 }, { format: '2' }, { format: 1.5 }]) expect(upgraded(none, steps, '')).toBeNull();
    expect(() => readTemplate(upgraded([], steps, ''))).toThrow(z.ZodError);
  });
});
