/** The states to look at, with data that could be real. */
import type {
  CapturePlan,
  Check,
  CommandResult,
  DeployPlan,
  DeviceView,
  DiskView,
  ErrorView,
  JobView,
  LogEntry,
  PlaceView,
  TemplateView,
  VersionView,
  VolumeView,
  Warning,
} from '../../src-engine/contract/index.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const NOW = Date.now();
const ago = (minutes: number) => new Date(NOW - minutes * 60_000).toISOString();
const uuid = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

export interface Scene {
  info: CommandResult<'app.info'>;
  devices: DeviceView[];
  templates: TemplateView[];
  bin: TemplateView[];
  jobs: JobView[];
  log: LogEntry[];
  error?: ErrorView;
  isLost?: boolean;
  inspect(source: string): CommandResult<'source.inspect'>;
  list(folder: string | null): CommandResult<'folder.list'>;
  capturePlan(params: { source: string; name: string }): CapturePlan;
  deployPlan(template: TemplateView, target: string): DeployPlan;
}

type Part = Partial<VolumeView> & {
  lengthBytes: number;
  fs?: [kind: NonNullable<VolumeView['fileSystem']>['kind'], label: string];
};

/** Volumes one after the other from 1 MiB on; `gapBytes` leaves room before one. */
function disk(lengthBytes: number, parts: (Part & { gapBytes?: number })[], more: Partial<DiskView> = {}): DiskView {
  let at = MIB;
  const volumes = parts.map(({ fs, gapBytes = 0, ...part }, index): VolumeView => {
    const startBytes = at + gapBytes;
    at = startBytes + part.lengthBytes;
    const usedBytes = part.usedBytes ?? part.lengthBytes;
    return {
      index,
      number: index + 1,
      startBytes,
      typeId: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
      name: '',
      isLogical: false,
      isBootable: false,
      recognised: null,
      captureAs: fs ? (fs[0] === 'swap' ? 'header-only' : 'used-blocks') : 'whole',
      warnings: [],
      ...part,
      usedBytes,
      fileSystem: fs
        ? { kind: fs[0], label: fs[1], uuid: uuid(index), blockBytes: 4096, lengthBytes: part.lengthBytes, usedBytes }
        : null,
    };
  });
  return {
    lengthBytes,
    sectorBytes: 512,
    physicalSectorBytes: 4096,
    table: 'gpt',
    tableId: uuid(99).toUpperCase(),
    volumes,
    usedBytes: volumes.reduce((sum, volume) => sum + volume.usedBytes, 2 * MIB),
    warnings: [],
    ...more,
  };
}

const EFI = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';
const SWAP = '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F';
const BASIC = 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7';

const debian = (capacity = 256_060_514_304, used = 31_200_000_000) =>
  disk(capacity, [
    { lengthBytes: 512 * MIB, usedBytes: 6.1e6, typeId: EFI, fs: ['fat32', 'EFI'] },
    { lengthBytes: Math.floor(capacity * 0.6), usedBytes: used, fs: ['ext4', 'debian-root'] },
    { lengthBytes: 8 * GIB, usedBytes: 4096, typeId: SWAP, fs: ['swap', ''] },
  ]);
const windows = () =>
  disk(512_110_190_592, [
    { lengthBytes: 100 * MIB, usedBytes: 32e6, typeId: EFI, fs: ['fat32', 'SYSTEM'] },
    { lengthBytes: 16 * MIB, typeId: 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE', name: 'Microsoft reserved partition' },
    {
      lengthBytes: 470 * GIB,
      usedBytes: 470 * GIB,
      typeId: BASIC,
      name: 'Basic data partition',
      recognised: 'ntfs',
      warnings: [{ code: 'FILESYSTEM_UNKNOWN', data: { volume: 3, name: 'ntfs', lengthBytes: 470 * GIB } }],
    },
    { lengthBytes: 750 * MIB, typeId: 'DE94BBA4-06D1-4D40-A16A-BFD50179D6AC', recognised: 'ntfs' },
  ]);
const mixed = () =>
  disk(2_000_398_934_016, [
    { lengthBytes: MIB, usedBytes: MIB, typeId: '21686148-6449-6E6F-744E-656564454649' },
    { lengthBytes: 1 * GIB, usedBytes: 301e6, fs: ['ext4', 'boot'] },
    { lengthBytes: 400 * GIB, recognised: 'luks', name: 'vault' },
    { lengthBytes: 700 * GIB, recognised: 'lvm2', typeId: 'E6D6D379-F507-44C2-A23C-238F2A3DF928' },
    { lengthBytes: 300 * GIB, usedBytes: 212e9, typeId: BASIC, fs: ['fat32', 'PHOTOS'], gapBytes: 80 * GIB },
  ]);
const stick = () =>
  disk(31_914_983_424, [{ lengthBytes: 29 * GIB, usedBytes: 11.4e9, typeId: '0C', fs: ['fat32', 'TOOLS'] }], {
    table: 'mbr',
  });
const huge = () =>
  disk(
    18_000_207_937_536,
    Array.from({ length: 40 }, (_, i) => ({
      lengthBytes: (i % 7 === 0 ? 900 : 40) * GIB,
      usedBytes: (i % 5) * 6 * GIB,
      fs: ['ext4', `data-${i + 1}`] as ['ext4', string],
    })),
  );

const place = (model: string, serial: string, lengthBytes: number, path: string): PlaceView => ({
  kind: path.startsWith('/dev/') ? 'device' : 'file',
  path,
  model,
  serial,
  lengthBytes,
  sectorBytes: 512,
  physicalSectorBytes: path.startsWith('/dev/') ? 4096 : 512,
});

function version(number: number, view: DiskView, minutes: number, more: Partial<VersionView> = {}): VersionView {
  return {
    number,
    createdAt: ago(minutes),
    source: place('Samsung SSD 970 EVO Plus', 'S4EWNX0R512345', view.lengthBytes, '/dev/nvme0n1'),
    disk: view,
    warnings: view.volumes.flatMap((volume) => volume.warnings),
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
    if (found) return { source: found, disk: DISKS[source] };
    return {
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
  capturePlan({ source, name }) {
    const seen = base.inspect(source);
    return {
      planId: uuid(77),
      expiresAt: new Date(NOW + 10 * 60_000).toISOString(),
      ...seen,
      name,
      kind: 'lab',
      versionNumber: name === 'Debian 12 lab' ? 4 : 1,
      readBytes: seen.disk.usedBytes,
      catalogFreeBytes: 412e9,
      checks: passes('SOURCE_READABLE', 'SOURCE_NOT_IN_USE', 'CATALOG_SPACE'),
      canRun: true,
    };
  },
  deployPlan(which, target) {
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
        ...passes(
          'TEMPLATE_ACTIVE',
          'TEMPLATE_HEALTHY',
          'TARGET_LARGE_ENOUGH',
          'SECTOR_SIZE_EQUAL',
          'TARGET_NOT_IN_USE',
        ),
        ...(found
          ? [{ code: 'TARGET_WILL_BE_ERASED' as const, level: 'warn' as const, data: facts }]
          : passes('TARGET_NEW_FILE', 'TARGET_FOLDER_SPACE')),
      ],
      canRun: true,
      confirmWords: found ? [to.serial, to.path] : [],
      needsOverwrite: false,
    };
  },
};

const BLOCKS: Check[] = [
  { code: 'SOURCE_MOUNTED_READ_WRITE', level: 'block', data: { path: '/dev/sda', details: '/home, /srv' } },
  { code: 'CATALOG_SPACE_LOW', level: 'warn', data: { usedBytes: 505e9, freeBytes: 41e9 } },
];

const SCENES: Record<string, Partial<Scene>> = {
  many: {},
  empty: { templates: [], bin: [], jobs: [], log: [], info: { ...base.info, storeBytes: 0 } },
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
      checks: BLOCKS,
      canRun: false,
    }),
  },
};

export const sceneOf = (name: string): Scene => ({ ...base, ...SCENES[name] });
