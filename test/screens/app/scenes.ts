/** The states to look at, with data that could be real. */
import { HYPERVISORS, NO_ANSWER, NO_HYPERVISORS } from './fake-vms.ts';
import type { LogEntry } from '../../../src-engine/contract/index.ts';
import { capturePlan, blockedPlan, deployPlan, hibernatedPlan, outsidePlan } from './fake-plans.ts';
import { DEVICES, inspect } from './fake-devices.ts';
import { ago } from './fake-disks.ts';
import { COMPARISON, VOLUMES } from './fake-files.ts';
import { ENDED, FAILED, IMPORTS, RUNNING, SAVING, SEVERAL, TOGETHER, UNPACKING, VERIFYING } from './fake-jobs.ts';
import { MANY_MACHINES, REFUSED_MACHINE } from './fake-machines.ts';
import { POLICY_LISTS } from './fake-policies.ts';
import { MACHINES } from './fake-reports.ts';
import { BIN, MANY, TEMPLATES } from './fake-templates.ts';
import type { Scene } from './scene.ts';

const base: Scene = {
  info: {
    version: '0.1.0',
    catalogPath: '/home/lab/.local/share/diskpress',
    catalogFreeBytes: 412e9,
    storeBytes: 48.3e9,
    commandAsRoot: null,
    platform: 'linux',
    samplePath: '/opt/diskpress/resources/sample.img',
    homePath: '/home/ada',
    downloadsPath: '/home/ada/Downloads',
    canTakeOut: true,
    canShowFolders: true,
  },
  devices: DEVICES,
  hypervisors: HYPERVISORS,
  templates: TEMPLATES,
  bin: BIN,
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
  inspect,
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
  capturePlan,
  fileVolumes: VOLUMES,
  machines: MACHINES,
  policies: POLICY_LISTS.own,
  comparison: COMPARISON,
  deployPlan,
};

/** As long as a name may be, with no place to break it. */
const UNBROKEN = 'Backup_of_the_server_in_room_2.07'.repeat(4).slice(0, 128);

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
    hypervisors: NO_HYPERVISORS,
    info: { ...base.info, storeBytes: 0 },
  },
  one: { templates: TEMPLATES.slice(0, 1), bin: [], jobs: ENDED.slice(0, 1) },
  thousand: { templates: MANY },
  long: {
    templates: TEMPLATES.map((one) => ({
      ...one,
      name: UNBROKEN,
      note: `${UNBROKEN.repeat(3)} and more`,
      tags: [UNBROKEN.slice(0, 64)],
    })),
    devices: DEVICES.map((one) => ({ ...one, model: UNBROKEN })),
    jobs: [...RUNNING, FAILED, ...ENDED].map((one) => ({ ...one, templateName: UNBROKEN, diskName: UNBROKEN })),
  },
  quiet: { jobs: ENDED },
  lost: { isLost: true },
  refused: {
    info: { ...base.info, commandAsRoot: 'sudo /usr/bin/node /opt/diskpress/out/main/cli.js serve' },
    hypervisors: NO_ANSWER,
    devices: DEVICES.map((one) => ({
      ...one,
      captureRefusals: [{ code: 'NO_PERMISSION', details: [] }],
      deployRefusals: [{ code: 'NO_PERMISSION', details: [] }],
    })),
  },
  blocked: { capturePlan: blockedPlan },
  hibernated: { capturePlan: hibernatedPlan },
  outside: { capturePlan: outsidePlan },
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
  machines: { machines: MANY_MACHINES, refusedMachines: [REFUSED_MACHINE] },
  noMachines: { machines: null, isProbing: true },
  verifying: { jobs: [VERIFYING, ...ENDED] },
  several: { jobs: [TOGETHER, SEVERAL, ...ENDED] },
  unpacking: { jobs: [UNPACKING, ...ENDED] },
  saving: { jobs: [SAVING, ...ENDED] },
};

export const sceneOf = (name: string): Scene => ({ ...base, ...SCENES[name] });
