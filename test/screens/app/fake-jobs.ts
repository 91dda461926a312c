/** Jobs in every state. */
import type { BootSight, ErrorView, JobPart, JobView } from '../../../src-engine/contract/index.ts';
import { ago, uuid } from './fake-disks.ts';
import { fakeInside } from './fake-inside.ts';
import { IDENTIFIERS, LINKS } from './fake-starts.ts';
import { DIRTY, UNREADABLE } from './fake-templates.ts';

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

/** What each kind of job goes through. */
const PHASES = {
  capture: ['inspecting', 'capturing', 'publishing'],
  import: ['inspecting', 'capturing', 'publishing'],
  deploy: ['inspecting', 'writing', 'finishing'],
  verify: ['marking', 'verifying'],
  prune: ['marking', 'repacking'],
  repair: ['scanning'],
  extract: ['extracting'],
  export: ['exporting'],
  boot: ['booting'],
} as const;
type Kind = keyof typeof PHASES;
const TOOK_MS = [1_840, 146_300, 620];

const phasesOf = (kind: Kind): JobView['phases'] =>
  PHASES[kind].map((phase, i) => ({ phase, startedAt: ago(90 - i), elapsedMs: TOOK_MS[i] }));

const DISK_NAMES: Record<string, string> = {
  '/dev/nvme0n1': 'Samsung SSD 970 EVO Plus',
  '/dev/sdb': 'SanDisk Ultra Fit',
  '/dev/sdc': 'Samsung Portable SSD T7',
};

function job(n: number, more: Partial<JobView> & { kind?: Kind }): JobView {
  return {
    diskName: DISK_NAMES[more.path ?? '/dev/nvme0n1'],
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
    phases: phasesOf(more.kind ?? 'capture'),
    progress: null,
    warnings: [],
    result: result(),
    parts: [],
    ...more,
  };
}

export const RUNNING: JobView[] = [
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
  // it waits for its place
  job(2, {
    state: 'queued',
    outcome: null,
    templateName: 'Rescue stick',
    path: '/dev/sdb',
    createdAt: ago(1),
    startedAt: null,
    endedAt: null,
    result: null,
    phases: [],
  }),
];

const part = (path: string, more: Partial<JobPart>): JobPart => ({
  path,
  state: 'running',
  outcome: null,
  error: null,
  phases: [],
  progress: null,
  result: null,
  ...more,
});

const BROKEN: ErrorView = {
  code: 'WRITE_FAILED',
  message: 'WRITE_FAILED',
  hint: 'EIO: i/o error, write',
  data: { path: '/dev/sdc', offsetBytes: 12.4e9, reason: 'EIO' },
};

/** A deploy to four targets: one is done, one has failed, one is slow, one waits for a place. */
export const SEVERAL = job(25, {
  state: 'running',
  outcome: null,
  kind: 'deploy',
  path: '/dev/sdb, /dev/sdc, /dev/sdd, /images/bench-4.img',
  createdAt: ago(9),
  startedAt: ago(9),
  endedAt: null,
  result: null,
  phases: RUNNING[0].phases,
  progress: { ...RUNNING[0].progress!, etaMs: null },
  parts: [
    part('/dev/sdb', { disk: 1, state: 'ended', outcome: 'done', result: result() }),
    part('/dev/sdc', { state: 'ended', outcome: 'failed', error: BROKEN }),
    part('/dev/sdd', { phases: RUNNING[0].phases, progress: RUNNING[0].progress }),
    part('/images/bench-4.img', { state: 'queued' }),
  ],
});

/** A capture of two disks as one template. */
export const TOGETHER = job(26, {
  state: 'running',
  outcome: null,
  kind: 'capture',
  templateName: 'File server, two disks',
  path: '/dev/sda, /dev/sdb',
  createdAt: ago(4),
  startedAt: ago(4),
  endedAt: null,
  result: null,
  progress: { ...RUNNING[0].progress!, phase: 'capturing', slowest: 'source' },
  parts: [1, 2].map((disk) =>
    part(`/dev/sd${' ab'[disk]}`, {
      disk,
      phases: phasesOf('capture').slice(0, 2),
      progress: { ...RUNNING[0].progress!, phase: 'capturing', doneBytes: disk * 11e9, slowest: 'source' },
    }),
  ),
});

/** A verification that is nearly done. */
export const VERIFYING = job(1, {
  state: 'running',
  outcome: null,
  kind: 'verify',
  templateName: 'Test bench, node 4',
  path: '',
  createdAt: ago(6),
  startedAt: ago(6),
  endedAt: null,
  result: null,
  phases: [
    { phase: 'marking', startedAt: ago(6), elapsedMs: 1_200 },
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
});

export const FAILED = job(3, {
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
export const ENDED: JobView[] = [
  job(4, { warnings: DIRTY }),
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
/** A deploy that changed much inside and was proven, and a proof of a version. */
const SIGHT: BootSight = {
  sign: 'login',
  seconds: 73.4,
  kernel: '6.1.0-18-amd64',
  firmware: 'uefi',
  isSecureBoot: false,
  accelerator: 'tcg',
  failedUnits: ['apt-daily.service'],
  lastLines: ['Debian GNU/Linux 12 lab-01 ttyS0', '', 'lab-01 login: '],
};
const { guestChanges } = fakeInside({
  identity: 'fresh',
  settings: { hostname: 'lab-01', network: [{ card: '1', ipv4: 'dhcp', ipv6: 'auto' }], users: [{ name: 'anna' }] },
});
const logs = Array.from({ length: 90 }, (_, i) => ({
  ...guestChanges[0],
  ...{ reason: 'logs' as const, kind: 'remove' as const, path: `/var/log/journal/system@${i}.journal` },
  ...{ before: null, after: null },
}));
ENDED.push(
  job(14, {
    kind: 'deploy',
    path: '/images/room-1.img',
    result: result({
      inside: {
        changes: [...guestChanges, ...logs],
        identifiers: IDENTIFIERS,
        changedFiles: 1_204,
        sameFiles: 48_211,
        sameBytes: 3.1e9,
      },
      boot: SIGHT,
      bootChain: LINKS,
    }),
  }),
  job(15, {
    kind: 'boot',
    path: '',
    result: result({ processedBytes: 0, boot: { ...SIGHT, sign: 'picture', failedUnits: [] } }),
  }),
  job(16, {
    kind: 'capture',
    result: result({
      notProven: {
        code: 'BOOT_EMERGENCY',
        message: '',
        hint: '',
        data: {
          name: 'debian@4',
          until: 'login',
          seconds: 41.2,
          kernel: '6.12.48+deb13-amd64',
          last: 'You are in emergency mode.',
        },
      },
    }),
    warnings: [{ code: 'NOT_PROVEN', data: { name: 'debian@4' } }],
  }),
);
/** Imports: under way, waiting, failed. */
const importing = (n: number, templateName: string, path: string, more: Partial<Omit<JobView, 'kind'>>) =>
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
export const IMPORTS: JobView[] = [
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
  importing(22, 'old office', '/home/lab/images/old-office', {
    state: 'queued',
    startedAt: null,
    waitsFor: { claim: 'places', what: '', jobs: [] },
  }),
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
export const SAVING = job(11, {
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

export const UNPACKING = importing(24, 'exam room', '/home/lab/images/exam-room.zip', {
  progress: {
    phase: 'unpacking',
    doneBytes: 1.1e9,
    totalBytes: 4.2e9,
    bytesPerSecond: 88e6,
    etaMs: 35_000,
    slowest: null,
  },
});
