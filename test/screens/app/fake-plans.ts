/** Plans of captures and deploys: allowed, blocked, with a question, with something that a person may take upon themselves. */
import type {
  CapturePlan,
  Check,
  CommandParams,
  DeployPlan,
  TemplateView,
} from '../../../src-engine/contract/index.ts';
import { fakeAccount } from './fake-account.ts';
import { DEVICES, DISKS, inspect } from './fake-devices.ts';
import { NOW, place, uuid } from './fake-disks.ts';
import { debianGuest, fakeReport, isAllowed } from './fake-reports.ts';

type CaptureRequest = CommandParams<'capture.plan'>;

const passes = (...codes: Check['code'][]): Check[] =>
  codes.map((code) => ({
    code,
    level: 'pass',
    data: { freeBytes: 412e9, targetBytes: 512e9, requiredBytes: 164e9, sectorBytes: 512, folder: '/images' },
  }));

/** What may not be done as it is, and one thing that a person may take upon themselves. */
const blocked = (overrides: readonly string[]): Check[] => [
  { code: 'SOURCE_MOUNTED_READ_WRITE', level: 'block', data: { path: '/dev/sda', details: '/home, /srv' } },
  ...hibernated(overrides),
  { code: 'CATALOG_SPACE_LOW', level: 'warn', data: { usedBytes: 505e9, freeBytes: 41e9 } },
];
const hibernated = (overrides: readonly string[]): Check[] => [
  {
    code: 'WINDOWS_HIBERNATED',
    level: overrides.includes('WINDOWS_HIBERNATED') ? 'warn' : 'block',
    canOverride: true,
    data: { volume: 3 },
  },
  ...passes('SOURCE_READABLE', 'SOURCE_NOT_IN_USE'),
];
const INCOMPLETE: Check = {
  code: 'TEMPLATE_INCOMPLETE',
  level: 'warn',
  data: { template: 'Mail server', lengthBytes: 61_440, files: 3 },
};

export function capturePlan({ source, name, kind = 'lab', ...asked }: CaptureRequest): CapturePlan {
  const { machine: _, guest, ...seen } = inspect(source);
  const place = { ...seen.source, kind: source.startsWith('/dev/') ? ('device' as const) : ('file' as const) };
  const { disk } = seen;
  const report = fakeReport({ action: 'capture', kind, subject: source, ...asked });
  return {
    planId: uuid(77),
    expiresAt: new Date(NOW + 10 * 60_000).toISOString(),
    ...seen,
    source: place,
    disks: [{ role: 'boot', bus: null, source: place, files: [], disk, readBytes: disk.usedBytes }],
    guest: guest ?? debianGuest(),
    report,
    name,
    kind,
    versionNumber: name === 'Debian 12 lab' ? 4 : 1,
    files: [],
    readBytes: seen.disk.usedBytes,
    catalogFreeBytes: 412e9,
    checks: passes('SOURCE_READABLE', 'SOURCE_NOT_IN_USE', 'CATALOG_SPACE'),
    canRun: isAllowed(report),
  };
}

export function blockedPlan(params: CaptureRequest): CapturePlan {
  return {
    ...capturePlan(params),
    checks: blocked(params.overrides ?? []),
    canRun: false,
  };
}

export function hibernatedPlan(params: CaptureRequest): CapturePlan {
  return {
    ...capturePlan(params),
    checks: hibernated(params.overrides ?? []),
    canRun: (params.overrides ?? []).length > 0,
  };
}

export function outsidePlan(params: CaptureRequest): CapturePlan {
  const plan = capturePlan(params);
  const isUndecided = (params.outside ?? 'ask') === 'ask';
  const { lengthBytes, volumes, usedBytes } = plan.disk;
  const holds = { lengthBytes: 41e9, names: [], isUndecided };
  const account = fakeAccount({ lengthBytes, volumes, usedBytes }, holds);
  const [{ startBytes }] = account.pieces;
  const data = { lengthBytes: account.leftBytes, places: 1, offset: startBytes, largestBytes: account.leftBytes };
  const check = { code: 'OUTSIDE_UNDECIDED', level: 'block', data } as const;
  return {
    ...plan,
    disk: { ...plan.disk, account },
    checks: isUndecided ? [check, ...plan.checks] : plan.checks,
    canRun: !isUndecided,
  };
}

export function deployPlan(
  which: TemplateView,
  { target, template: _, ...asked }: CommandParams<'deploy.plan'>,
): DeployPlan {
  const report = fakeReport({
    action: 'deploy',
    kind: which.kind,
    subject: `${which.name}@${which.versions[0].number}`,
    target,
    ...asked,
  });
  const found = DEVICES.find(({ path }) => path === target);
  const source = which.versions[0];
  const capacity = found?.lengthBytes ?? source.capacityBytes * 2;
  const to = found ?? place(target.split('/').pop() ?? target, '', capacity, target);
  const facts = { path: to.path, model: to.model, serial: to.serial, lengthBytes: to.lengthBytes };
  return {
    planId: uuid(78),
    expiresAt: new Date(NOW + 2.2 * 60_000).toISOString(),
    templateId: which.id,
    templateName: which.name,
    versionNumber: source.number,
    disk: 1,
    diskCount: source.disks.length,
    target: to,
    before: found ? DISKS[target] : null,
    after: { ...source.disks[0].layout, lengthBytes: capacity },
    guestChanges: [],
    settingNotes: [],
    writeBytes: source.usedBytes,
    checks: [
      ...passes('TEMPLATE_HEALTHY', 'TARGET_LARGE_ENOUGH', 'SECTOR_SIZE_EQUAL', 'TARGET_NOT_IN_USE'),
      ...(source.disks[0].damage ? [INCOMPLETE] : []),
      ...(found
        ? [{ code: 'TARGET_WILL_BE_ERASED' as const, level: 'warn' as const, data: facts }]
        : passes('TARGET_NEW_FILE', 'TARGET_FOLDER_SPACE')),
    ],
    report,
    canRun: isAllowed(report),
    confirmWords: found ? [to.serial, to.path] : [],
    needsOverwrite: false,
  };
}
