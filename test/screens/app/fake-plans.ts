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
import { RECORDED, fakeInside } from './fake-inside.ts';
import { IDENTIFIERS, LINKS } from './fake-starts.ts';
import { fakeVm } from './fake-vm.ts';
import { fakeVolumes } from './fake-volumes.ts';
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

const diskToCapture = (path: string, i: number): CapturePlan['disks'][number] => {
  const { source, disk } = inspect(path);
  const kind = path.startsWith('/dev/') ? 'device' : 'file';
  return {
    role: i === 0 ? 'boot' : 'data',
    bus: null,
    source: { ...source, kind },
    files: [],
    disk,
    readBytes: disk.usedBytes,
  };
};

export function capturePlan({ source, others = [], name, kind = 'lab', ...asked }: CaptureRequest): CapturePlan {
  const { machine: _, guest, ...seen } = inspect(source);
  const disks = [source, ...others].map(diskToCapture);
  const report = fakeReport({ action: 'capture', kind, subject: source, ...asked });
  return {
    planId: uuid(77),
    expiresAt: new Date(NOW + 10 * 60_000).toISOString(),
    ...seen,
    source: disks[0].source,
    disks,
    guest: guest ?? debianGuest(),
    report,
    name,
    kind,
    versionNumber: name === 'Debian 12 lab' ? 4 : 1,
    files: [],
    readBytes: disks.reduce((sum, { readBytes }) => sum + readBytes, 0),
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
  const disk = { ...plan.disk, account };
  return {
    ...plan,
    disk,
    disks: plan.disks.map((one) => ({ ...one, disk })),
    checks: isUndecided ? [check, ...plan.checks] : plan.checks,
    canRun: !isUndecided,
  };
}

export function deployPlan(
  which: TemplateView,
  { target, template: _, disk: number = 1, lengthBytes, volumes = [], ...asked }: CommandParams<'deploy.plan'>,
): DeployPlan {
  const report = fakeReport({
    action: 'deploy',
    kind: which.kind,
    subject: `${which.name}@${which.versions[0].number}`,
    target,
    ...asked,
  });
  const found = DEVICES.find(({ path }) => path === target);
  const version = which.versions[0];
  const source = version.disks[number - 1];
  const capacity = found?.lengthBytes ?? lengthBytes ?? source.capacityBytes;
  const fitted = fakeVolumes(source.layout, capacity, volumes);
  const identity: DeployPlan['identity'] = asked.exact
    ? { becomes: 'keep', because: 'exact', data: {} }
    : asked.identity
      ? { becomes: asked.identity, because: 'asked', data: {} }
      : // the disk of the machine that it was captured from
        target === '/dev/sdb'
        ? { becomes: 'keep', because: 'source', data: { path: target } }
        : { becomes: 'fresh', because: 'deployment', data: { path: target } };
  const isTooSmall = fitted.checks.some(({ level }) => level === 'block');
  const to = found ?? place(target.split('/').pop() ?? target, '', capacity, target);
  const facts = { path: to.path, model: to.model, serial: to.serial, lengthBytes: to.lengthBytes };
  return {
    planId: uuid(78),
    expiresAt: new Date(NOW + 2.2 * 60_000).toISOString(),
    templateId: which.id,
    templateName: which.name,
    versionNumber: version.number,
    disk: number,
    diskCount: version.disks.length,
    target: to,
    before: found ? DISKS[target] : target.includes('there') ? DISKS['/dev/sdb'] : null,
    after: fitted.after,
    writeBytes: source.usedBytes,
    checks: [
      ...(isTooSmall ? fitted.checks : passes('TARGET_LARGE_ENOUGH')),
      ...passes('TEMPLATE_HEALTHY', 'SECTOR_SIZE_EQUAL', 'TARGET_NOT_IN_USE'),
      ...(source.damage ? [INCOMPLETE] : []),
      ...(found
        ? [{ code: 'TARGET_WILL_BE_ERASED' as const, level: 'warn' as const, data: facts }]
        : passes('TARGET_NEW_FILE', 'TARGET_FOLDER_SPACE')),
    ],
    report,
    canRun: isAllowed(report) && !isTooSmall,
    confirmWords: found ? [to.serial, to.path] : [],
    volumes: fitted.volumes,
    ...fakeInside({ ...asked, identity: identity.becomes }),
    boot: LINKS,
    identity,
    recorded: asked.exact ? null : RECORDED,
    identifiers: identity.becomes === 'fresh' ? IDENTIFIERS : [],
    drivers: [],
    driverMaking: null,
    putIn: null,
    // a file called `there` is there already
    vm: asked.vm ? fakeVm(target, asked.vm) : null,
    needsOverwrite: target.includes('there'),
    asksRights: false,
  };
}
