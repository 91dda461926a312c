/** The states to look at, with data that could be real. */
import type {
  CapturePlan,
  Check,
  CommandParams,
  CommandResult,
  Comparison,
  DeployPlan,
  DeviceView,
  DiskView,
  FileVolumeView,
  JobView,
  LogEntry,
  MachineProfile,
  PlaceView,
  TemplateView,
  VersionView,
  Warning,
} from '../../src-engine/contract/index.ts';
import { fakeAccount } from './fake-account.ts';
import { NOTHING_RECORDED } from '../../src-engine/contract/index.ts';
import { ago, debian, huge, mixed, NOW, place, server, stick, uuid, windows } from './fake-disks.ts';
import { COMPARISON, VOLUMES } from './fake-files.ts';
import { MANY_MACHINES } from './fake-machines.ts';
import { POLICY_LISTS } from './fake-policies.ts';
import { debianGuest, fakeReport, isAllowed, MACHINES, windowsGuest } from './fake-reports.ts';

export interface Scene {
  info: CommandResult<'app.info'>;
  devices: DeviceView[];
  templates: TemplateView[];
  bin: TemplateView[];
  jobs: JobView[];
  log: LogEntry[];
  isLost?: boolean;
  inspect(source: string): CommandResult<'source.inspect'>;
  list(folder: string | null): CommandResult<'folder.list'>;
  capturePlan(params: CommandParams<'capture.plan'>): CapturePlan;
  deployPlan(template: TemplateView, params: CommandParams<'deploy.plan'>): DeployPlan;
  fileVolumes: FileVolumeView[];
  /** null: they cannot be listed */
  machines: MachineProfile[] | null;
  isProbing?: boolean;
  policies: CommandResult<'policy.list'>;
  /** null: it is still being compared */
  comparison: Comparison | null;
}

function version(number: number, view: DiskView, minutes: number, more: Partial<VersionView> = {}): VersionView {
  return {
    number,
    createdAt: ago(minutes),
    source: place('Samsung SSD 970 EVO Plus', 'S4EWNX0R512345', view.lengthBytes, '/dev/nvme0n1'),
    disk: view,
    warnings: view.volumes.flatMap((volume) => volume.warnings),
    damage: null,
    medium: 'disk',
    configuration: NOTHING_RECORDED,
    guest: null,
    platform: null,
    machine: null,
    capacityBytes: view.lengthBytes,
    usedBytes: view.usedBytes,
    storedBytes: Math.round(view.usedBytes * 0.41),
    newBytes: Math.round(view.usedBytes * (number === 1 ? 0.41 : 0.03)),
    health: 'verified',
    verifiedAt: ago(minutes - 12),
    ...more,
  };
}

function template(n: number, name: string, versions: VersionView[], more: Partial<TemplateView> = {}): TemplateView {
  return {
    id: uuid(n),
    name,
    note: '',
    tags: [],
    kind: 'lab',
    status: 'active',
    visibility: 'private',
    licence: 'none',
    owner: 'mara',
    sharedWith: [],
    policy: null,
    createdAt: versions[versions.length - 1].createdAt,
    updatedAt: versions[0].createdAt,
    deletedAt: null,
    versions,
    ...more,
  };
}

const dirty: Warning[] = [
  { code: 'JOURNAL_NOT_CLEAN', data: {} },
  { code: 'GPT_BACKUP_MISPLACED', data: { offsetBytes: 1e9, expectedBytes: 2e9 } },
];

const TEMPLATES = [
  template(
    1,
    'Debian 12 lab',
    [
      version(3, debian(), 90, { health: 'unverified', verifiedAt: null }),
      version(2, debian(256_060_514_304, 29.4e9), 14_000),
      version(1, debian(256_060_514_304, 28.1e9), 41_000),
    ],
    {
      note: 'Classroom image with compilers, QEMU and the course material. Log in as student, no password.',
      tags: ['classroom', 'linux'],
    },
  ),
  template(2, 'Windows 11 office', [version(1, windows(), 3_000)], {
    note: 'Office suite, printers of the second floor.',
    tags: ['office'],
    status: 'deprecated',
  }),
  template(3, 'Rescue stick', [version(2, stick(), 7_200), version(1, stick(), 90_000)], {
    tags: ['tools'],
    visibility: 'public',
  }),
  template(
    4,
    'Archive server, before the move',
    [version(1, mixed(), 30_000, { health: 'damaged', warnings: dirty })],
    {
      note: 'Kept until the new array has proven itself.',
      tags: ['server'],
    },
  ),
  template(5, 'Test bench, node 4', [version(1, debian(64_023_257_088, 6.8e9), 52_000, { warnings: dirty })], {
    tags: ['bench', 'linux'],
    status: 'disabled',
  }),
];

const DAMAGE: NonNullable<VersionView['damage']> = {
  lengthBytes: 61_440,
  extents: Array.from({ length: 7 }, (_, i) => ({
    startBytes: 41_203_712_000 + i * 7_340_032,
    lengthBytes: i ? 4_096 : 36_864,
  })),
  files: [
    { volume: 'vg0/root', path: '/var/lib/postgresql/15/main/base/16384/16397', lengthBytes: 36_864 },
    { volume: 'vg0/root', path: '/usr/lib/x86_64-linux-gnu/libicudata.so.72.1', lengthBytes: 12_288 },
    { volume: 'vg0/home', path: '/mara/projects/sensor board/measurements/run 00412.csv', lengthBytes: 8_192 },
    { volume: '5', path: '', lengthBytes: 4_096 },
  ],
};
const UNREADABLE: Warning = { code: 'SECTORS_UNREADABLE', data: { lengthBytes: 61_440, places: 7 } };
TEMPLATES.push(
  template(6, 'Mail server', [version(1, server(), 400, { damage: DAMAGE, warnings: [UNREADABLE] })], {
    note: 'Its disk is failing: two places could not be read.',
    tags: ['server'],
  }),
);

TEMPLATES.push(
  template(7, 'Debian netinst', [version(1, stick(), 500, { medium: 'iso' })], { tags: ['tools'] }),
  template(
    8,
    'Exchange gateway',
    [
      version(1, windows(), 800, {
        configuration: {
          operatingSystem: 'Windows Server 2019 Standard',
          bootMode: 'uefi',
          hasCloudInit: false,
          cpus: 4,
          memoryBytes: 17_179_869_184,
          networks: ['bridged', 'lab-net'],
        },
      }),
    ],
    { licence: 'own', tags: ['server'] },
  ),
  template(9, 'Web shop', [version(1, debian(), 1_300, { guest: debianGuest(), platform: 'virtual' })], {
    kind: 'standard',
    tags: ['server'],
  }),
  template(
    10,
    'Rack node',
    [version(2, windows(), 2_100, { guest: windowsGuest(), platform: 'physical', machine: MACHINES[0] })],
    { kind: 'bare-metal', tags: ['server'], note: 'For the nodes of the second rack.' },
  ),
);

const NAMES = [
  'Debian 12',
  'Ubuntu 24.04',
  'Fedora 41',
  'Kiosk',
  'Router',
  'Measuring station',
  'Laptop pool',
  'Print server',
];
const MANY = Array.from({ length: 1_000 }, (_, i) =>
  i < TEMPLATES.length
    ? TEMPLATES[i]
    : template(
        i + 1,
        `${NAMES[i % NAMES.length]} ${String(Math.floor(i / NAMES.length)).padStart(3, '0')}`,
        [version(1, i % 3 === 0 ? stick() : debian(128_035_676_160, 4e9 + (i % 17) * 1.3e9), 100 + i * 37)],
        { tags: [['linux', 'office', 'bench', 'classroom'][i % 4]], note: i % 5 === 0 ? 'Room 2.14, third row.' : '' },
      ),
);

const result = (more: Partial<NonNullable<JobView['result']>> = {}): JobView['result'] => ({
  templateId: uuid(1),
  versionNumber: 3,
  processedBytes: 31.2e9,
  storedBytes: 936e6,
  verifiedBytes: 31.2e9,
  readBack: 'direct',
  damagedTemplates: [],
  ...more,
});

function job(n: number, more: Partial<JobView>): JobView {
  return {
    id: uuid(10_000 + n),
    kind: 'capture',
    templateName: 'Debian 12 lab',
    path: '/dev/nvme0n1',
    state: 'ended',
    waitsFor: null,
    outcome: 'done',
    error: null,
    createdAt: ago(90 + n * 300),
    startedAt: ago(90 + n * 300),
    endedAt: ago(88 + n * 300),
    phases: [
      { phase: 'inspecting', startedAt: ago(90), elapsedMs: 1_840 },
      { phase: 'capturing', startedAt: ago(90), elapsedMs: 146_300 },
      { phase: 'publishing', startedAt: ago(88), elapsedMs: 620 },
      { phase: 'verifying', startedAt: ago(88), elapsedMs: 21_000 },
    ],
    progress: null,
    warnings: [],
    result: result(),
    parts: [],
    ...more,
  };
}

const RUNNING: JobView[] = [
  job(0, {
    state: 'running',
    outcome: null,
    kind: 'deploy',
    path: '/dev/sdc',
    createdAt: ago(3),
    startedAt: ago(3),
    endedAt: null,
    result: null,
    phases: [
      { phase: 'inspecting', startedAt: ago(3), elapsedMs: 900 },
      { phase: 'writing', startedAt: ago(3), elapsedMs: 148_000 },
    ],
    progress: {
      phase: 'writing',
      doneBytes: 13.4e9,
      totalBytes: 31.2e9,
      bytesPerSecond: 38e6,
      etaMs: 468_000,
      slowest: 'target',
    },
  }),
  job(1, {
    state: 'running',
    outcome: null,
    templateName: 'Test bench, node 4',
    path: '/dev/sdd',
    createdAt: ago(6),
    startedAt: ago(6),
    endedAt: null,
    result: null,
    phases: [
      { phase: 'inspecting', startedAt: ago(6), elapsedMs: 1_200 },
      { phase: 'capturing', startedAt: ago(6), elapsedMs: 31_000 },
      { phase: 'verifying', startedAt: ago(6), elapsedMs: 4_000 },
    ],
    progress: {
      phase: 'verifying',
      doneBytes: 4.1e9,
      totalBytes: 6.8e9,
      bytesPerSecond: 410e6,
      etaMs: 7_000,
      slowest: null,
    },
  }),
];

const FAILED = job(3, {
  kind: 'deploy',
  templateName: 'Rescue stick',
  path: '/dev/sdb',
  outcome: 'failed',
  createdAt: ago(40),
  endedAt: ago(34),
  result: null,
  error: {
    code: 'WRITE_FAILED',
    message: 'WRITE_FAILED',
    hint: 'EIO: i/o error, write',
    data: { path: '/dev/sdb', offsetBytes: 12.4e9, reason: 'EIO' },
  },
  phases: [
    { phase: 'inspecting', startedAt: ago(40), elapsedMs: 700 },
    { phase: 'writing', startedAt: ago(40), elapsedMs: 341_000 },
  ],
  progress: { phase: 'writing', doneBytes: 8.4e9, totalBytes: 11.4e9, bytesPerSecond: 0, etaMs: null, slowest: null },
});
const ENDED: JobView[] = [
  job(4, { warnings: dirty }),
  job(5, {
    kind: 'deploy',
    path: '/images/bench-4.img',
    templateName: 'Test bench, node 4',
    result: result({ readBack: 'cached', templateId: uuid(5), versionNumber: 1 }),
  }),
  job(6, {
    kind: 'verify',
    templateName: '',
    path: '',
    result: result({ damagedTemplates: ['Archive server, before the move'], templateId: null, versionNumber: null }),
  }),
  job(7, { outcome: 'aborted', result: null }),
  job(8, {
    kind: 'prune',
    templateName: '',
    path: '',
    result: result({ storedBytes: 4.2e9, templateId: null, versionNumber: null }),
  }),
];

ENDED.push(
  job(9, {
    templateName: 'Mail server',
    path: '/dev/sdc',
    warnings: [UNREADABLE],
    result: result({ templateId: uuid(6), versionNumber: 1 }),
  }),
  job(10, {
    kind: 'extract',
    templateName: 'Debian 12 lab',
    path: '/home/student',
    result: result({ processedBytes: 41.2e6, storedBytes: 0, readBack: 'none' }),
  }),
);
ENDED.push(
  job(12, {
    templateName: 'Measuring station',
    path: '/dev/sdb',
    outcome: 'failed',
    result: null,
    error: {
      code: 'READ_FAILED',
      message: 'READ_FAILED',
      hint: 'EIO: i/o error, read',
      data: { path: '/dev/sdb', offsetBytes: 8.9e9, canFill: true },
    },
    progress: {
      phase: 'capturing',
      doneBytes: 8.4e9,
      totalBytes: 11.4e9,
      bytesPerSecond: 0,
      etaMs: null,
      slowest: null,
    },
  }),
);
/** Imports in every state. */
const importing = (n: number, templateName: string, path: string, more: Partial<JobView>) =>
  job(n, {
    kind: 'import',
    templateName,
    path,
    state: 'running',
    outcome: null,
    createdAt: ago(n / 10),
    startedAt: ago(n / 10),
    endedAt: null,
    result: null,
    phases: [],
    ...more,
  });
const IMPORTS: JobView[] = [
  importing(20, 'kiosk', '/home/lab/images/kiosk.qcow2', {
    progress: {
      phase: 'capturing',
      doneBytes: 3.9e9,
      totalBytes: 6.8e9,
      bytesPerSecond: 214e6,
      etaMs: 14_000,
      slowest: 'processor',
    },
  }),
  importing(21, 'station', '/home/lab/images/station.ova', {
    progress: {
      phase: 'unpacking',
      doneBytes: 1.1e9,
      totalBytes: 4.2e9,
      bytesPerSecond: 88e6,
      etaMs: 35_000,
      slowest: null,
    },
  }),
  importing(22, 'old office', '/home/lab/images/old-office', { state: 'queued', startedAt: null }),
  importing(23, 'archive server', '/home/lab/images/archive.vmdk', {
    state: 'ended',
    outcome: 'failed',
    endedAt: ago(2),
    error: {
      code: 'FILE_TRUNCATED',
      message: 'FILE_TRUNCATED',
      hint: 'grain 131072',
      data: { path: '/home/lab/images/archive.vmdk', endBytes: 8.4e9, missingBytes: 4.5e9 },
    },
  }),
];

/** A folder that is being saved. */
const SAVING = job(11, {
  kind: 'extract',
  templateName: 'Debian 12 lab',
  path: '/home/student',
  state: 'running',
  outcome: null,
  createdAt: ago(0.2),
  startedAt: ago(0.2),
  endedAt: null,
  result: null,
  phases: [{ phase: 'extracting', startedAt: ago(0.2), elapsedMs: 12_000 }],
  progress: {
    phase: 'extracting',
    doneBytes: 18e6,
    totalBytes: 41e6,
    bytesPerSecond: 31e6,
    etaMs: 1_000,
    slowest: null,
  },
});

const refusedSystem: DeviceView['captureRefusals'] = [{ code: 'MOUNTED_READ_WRITE', details: ['/', '/boot/efi'] }];
function device(where: PlaceView, more: Partial<DeviceView> = {}): DeviceView {
  return {
    ...where,
    kind: 'device',
    bus: 'nvme',
    isRemovable: false,
    isReadOnly: false,
    isRotational: false,
    mounts: [],
    captureRefusals: [],
    deployRefusals: [],
    ...more,
  };
}
const DISKS: Record<string, DiskView> = {
  '/dev/nvme0n1': debian(),
  '/dev/sda': windows(),
  '/dev/sdb': stick(),
  '/dev/sdc': mixed(),
  '/dev/sdd': huge(),
  '/dev/sde': server(),
};
const DEVICES = [
  device(place('Samsung SSD 970 EVO Plus', 'S4EWNX0R512345', 256_060_514_304, '/dev/nvme0n1'), {
    mounts: [
      { device: '/dev/nvme0n1p2', path: '/', isReadOnly: false },
      { device: '/dev/nvme0n1p1', path: '/boot/efi', isReadOnly: false },
    ],
    captureRefusals: refusedSystem,
    deployRefusals: [{ code: 'SYSTEM_DISK', details: [] }],
  }),
  device(place('Crucial MX500', '2113E5A0B1C2', 512_110_190_592, '/dev/sda'), { bus: 'sata' }),
  device(place('SanDisk Ultra Fit', '4C530001230912', 31_914_983_424, '/dev/sdb'), { bus: 'usb', isRemovable: true }),
  device(place('Samsung Portable SSD T7', 'S5TCNS0R700123', 2_000_398_934_016, '/dev/sdc'), {
    bus: 'usb',
    isRemovable: true,
  }),
  device(place('Seagate Exos 7E8', 'ZC1A0PYN', 2_000_398_934_016, '/dev/sde'), { bus: 'sas', isRotational: true }),
  device(place('WDC WD180EDGZ', '3WG1K2TN', 18_000_207_937_536, '/dev/sdd'), { bus: 'sata', isRotational: true }),
];

const passes = (...codes: Check['code'][]): Check[] =>
  codes.map((code) => ({
    code,
    level: 'pass',
    data: { freeBytes: 412e9, targetBytes: 512e9, requiredBytes: 164e9, sectorBytes: 512, folder: '/images' },
  }));

const base: Scene = {
  info: {
    version: '0.1.0',
    catalogPath: '/home/lab/.local/share/diskpress',
    catalogFreeBytes: 412e9,
    storeBytes: 48.3e9,
    canOpenDevices: true,
    platform: 'linux',
    samplePath: '/opt/diskpress/resources/sample.img',
  },
  devices: DEVICES,
  templates: TEMPLATES,
  bin: [template(900, 'Old kiosk', [version(1, stick(), 200_000)], { deletedAt: ago(600) })],
  jobs: [...RUNNING, FAILED, ...ENDED],
  log: ['template.deployed', 'template.edited', 'catalog.verified', 'template.captured', 'template.captured'].map(
    (action, i): LogEntry => ({
      id: 5 - i,
      at: ago(100 + i * 4_000),
      user: 'mara',
      action,
      subject: 'Debian 12 lab',
      data: action === 'template.deployed' ? { path: '/dev/sdc', version: 3 } : {},
    }),
  ),
  inspect(source) {
    const found = DEVICES.find(({ path }) => path === source);
    const guest = source === '/dev/sda' ? windowsGuest() : debianGuest();
    if (found) return { source: found, disk: DISKS[source], guest, machine: null };
    return {
      guest,
      machine: null,
      source: place(source.split('/').pop() ?? source, '', 64_023_257_088, source),
      disk: debian(64_023_257_088, 6.8e9),
    };
  },
  list: () => ({
    folder: '/home/lab/images',
    parent: '/home/lab',
    entries: [
      { name: 'archive', kind: 'folder', lengthBytes: 0, modifiedAt: ago(9_000) },
      { name: 'bench', kind: 'folder', lengthBytes: 0, modifiedAt: ago(4_000) },
      ...['bench-4.img', 'debian-golden.img', 'kiosk-2025.raw', 'notes.txt'].map((name, i) => ({
        name,
        kind: 'file' as const,
        lengthBytes: [64e9, 12.9e9, 31.9e9, 4_301][i],
        modifiedAt: ago(2_000 * (i + 1)),
      })),
    ],
  }),
  capturePlan({ source, name, kind = 'lab', ...asked }) {
    const { machine: _, guest, ...seen } = base.inspect(source);
    const report = fakeReport({ action: 'capture', kind, subject: source, ...asked });
    return {
      planId: uuid(77),
      expiresAt: new Date(NOW + 10 * 60_000).toISOString(),
      ...seen,
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
  },
  fileVolumes: VOLUMES,
  machines: MACHINES,
  policies: POLICY_LISTS.own,
  comparison: COMPARISON,
  deployPlan(which, { target, template: _, ...asked }) {
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
      target: to,
      before: found ? DISKS[target] : null,
      after: { ...source.disk, lengthBytes: capacity },
      writeBytes: source.usedBytes,
      checks: [
        ...passes('TEMPLATE_HEALTHY', 'TARGET_LARGE_ENOUGH', 'SECTOR_SIZE_EQUAL', 'TARGET_NOT_IN_USE'),
        ...(source.damage ? [INCOMPLETE] : []),
        ...(found
          ? [{ code: 'TARGET_WILL_BE_ERASED' as const, level: 'warn' as const, data: facts }]
          : passes('TARGET_NEW_FILE', 'TARGET_FOLDER_SPACE')),
      ],
      report,
      canRun: isAllowed(report),
      confirmWords: found ? [to.serial, to.path] : [],
      needsOverwrite: false,
    };
  },
};

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

const NO_FILES = { files: 0, lengthBytes: 0 };
const SCENES: Record<string, Partial<Scene>> = {
  many: {},
  empty: {
    templates: [],
    bin: [],
    jobs: [],
    log: [],
    machines: [],
    policies: POLICY_LISTS.none,
    info: { ...base.info, storeBytes: 0 },
  },
  one: { templates: TEMPLATES.slice(0, 1), bin: [], jobs: ENDED.slice(0, 1) },
  thousand: { templates: MANY },
  quiet: { jobs: ENDED },
  lost: { isLost: true },
  refused: {
    info: { ...base.info, canOpenDevices: false },
    devices: DEVICES.map((one) => ({
      ...one,
      captureRefusals: [{ code: 'NO_PERMISSION', details: [] }],
      deployRefusals: [{ code: 'NO_PERMISSION', details: [] }],
    })),
  },
  blocked: {
    capturePlan: (params) => ({
      ...base.capturePlan(params),
      checks: blocked(params.overrides ?? []),
      canRun: false,
    }),
  },
  hibernated: {
    capturePlan: (params) => ({
      ...base.capturePlan(params),
      checks: hibernated(params.overrides ?? []),
      canRun: (params.overrides ?? []).length > 0,
    }),
  },
  outside: {
    capturePlan: (params) => {
      const plan = base.capturePlan(params);
      const isUndecided = (params.outside ?? 'ask') === 'ask';
      const { lengthBytes, volumes, usedBytes } = plan.disk;
      const holds = { lengthBytes: 41e9, names: ['isw_raid_member'], isUndecided };
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
    },
  },
  comparing: { comparison: null },
  equal: {
    comparison: {
      ...COMPARISON,
      ...{ added: NO_FILES, changed: NO_FILES, removed: NO_FILES },
      changes: [],
      isCut: false,
      notCompared: [],
    },
  },
  few: {
    comparison: {
      ...COMPARISON,
      added: { files: 2, lengthBytes: 41_002 },
      changed: { files: 3, lengthBytes: 1.2e6 },
      removed: { files: 1, lengthBytes: 871 },
      changes: COMPARISON.changes.slice(0, 6),
      isCut: false,
      notCompared: [],
    },
  },
  locked: { fileVolumes: VOLUMES.slice(2) },
  importing: { jobs: [...IMPORTS, ...ENDED] },
  machines: { machines: MANY_MACHINES },
  noMachines: { machines: null, isProbing: true },
  saving: { jobs: [SAVING, ...ENDED] },
};

export const sceneOf = (name: string): Scene => ({ ...base, ...SCENES[name] });
