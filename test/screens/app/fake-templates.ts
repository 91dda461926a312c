/** Templates that could be real, and a catalog of a thousand. */
import {
  NOTHING_RECORDED,
  type DiskView,
  type TemplateView,
  type VersionDiskView,
  type VersionView,
  type Warning,
} from '../../../src-engine/contract/index.ts';
import { ago, debian, disc, mixed, place, server, stick, uuid, windows } from './fake-disks.ts';
import { debianGuest, MACHINES, windowsGuest } from './fake-reports.ts';

interface MoreOfVersion extends Partial<VersionView> {
  damage?: VersionDiskView['damage'];
}

function version(number: number, view: DiskView, minutes: number, told: MoreOfVersion = {}): VersionView {
  const { damage = null, ...more } = told;
  const { health = 'verified' } = more;
  const disk: VersionDiskView = {
    role: 'boot',
    bus: null,
    address: null,
    source: place('Samsung SSD 970 EVO Plus', 'S4EWNX0R512345', view.lengthBytes, '/dev/nvme0n1'),
    layout: view,
    damage,
    capacityBytes: view.lengthBytes,
    usedBytes: view.usedBytes,
    health,
    verifiedAt: ago(minutes - 12),
  };
  return {
    number,
    createdAt: ago(minutes),
    disks: [disk],
    warnings: view.volumes.flatMap((volume) => volume.warnings),
    medium: 'disk',
    configuration: NOTHING_RECORDED,
    guest: null,
    platform: null,
    machine: null,
    definition: null,
    consistency: null,
    capacityBytes: view.lengthBytes,
    usedBytes: view.usedBytes,
    storedBytes: Math.round(view.usedBytes * 0.41),
    newBytes: Math.round(view.usedBytes * (number === 1 ? 0.41 : 0.03)),
    attachments: [],
    health,
    verifiedAt: ago(minutes - 12),
    ...more,
  };
}

/** What a boot proof left with a version. */
const PROOF: VersionView['attachments'] = [
  { id: 'picture', name: 'boot-picture.png', mediaType: 'image/png', lengthBytes: 9_120, addedAt: ago(20) },
  { id: 'console', name: 'boot-console.txt', mediaType: 'text/plain', lengthBytes: 640, addedAt: ago(20) },
];

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

export const DIRTY: Warning[] = [
  { code: 'JOURNAL_NOT_CLEAN', data: {} },
  { code: 'GPT_BACKUP_MISPLACED', data: { offsetBytes: 1e9, expectedBytes: 2e9 } },
];

export const TEMPLATES = [
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
    [version(1, mixed(), 30_000, { health: 'damaged', warnings: DIRTY })],
    {
      note: 'Kept until the new array has proven itself.',
      tags: ['server'],
    },
  ),
  template(5, 'Test bench, node 4', [version(1, debian(64_023_257_088, 6.8e9), 52_000, { warnings: DIRTY })], {
    tags: ['bench', 'linux'],
    status: 'disabled',
  }),
];

const DAMAGE: NonNullable<VersionDiskView['damage']> = {
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
export const UNREADABLE: Warning = { code: 'SECTORS_UNREADABLE', data: { lengthBytes: 61_440, places: 7 } };
TEMPLATES.push(
  template(6, 'Mail server', [version(1, server(), 400, { damage: DAMAGE, warnings: [UNREADABLE] })], {
    note: 'Its disk is failing: two places could not be read.',
    tags: ['server'],
  }),
);

TEMPLATES.push(
  template(7, 'Debian netinst', [version(1, disc(), 500, { medium: 'iso' })], { tags: ['tools'] }),
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
  template(
    9,
    'Web shop',
    [version(1, debian(), 1_300, { guest: debianGuest(), platform: 'virtual', attachments: PROOF })],
    {
      kind: 'standard',
      tags: ['server'],
    },
  ),
  template(
    10,
    'Rack node',
    [version(2, windows(), 2_100, { guest: windowsGuest(), platform: 'physical', machine: MACHINES[0] })],
    { kind: 'bare-metal', tags: ['server'], note: 'For the nodes of the second rack.' },
  ),
);

/** A machine of two disks, and one of five. */
const PAIR = [debian(64_023_257_088, 6.8e9), mixed()];
const withDisks = (number: number, disks: readonly DiskView[], minutes: number): VersionView => {
  const sum = (field: 'lengthBytes' | 'usedBytes') => disks.reduce((all, one) => all + one[field], 0);
  const whole = version(number, disks[0], minutes);
  const names = ['Samsung SSD 870 EVO', 'WDC WD20EFRX', 'ST4000VN008'];
  return {
    ...whole,
    disks: disks.map((layout, i) => ({
      ...whole.disks[0],
      role: i === 0 ? 'boot' : 'data',
      bus: 'sata',
      address: String(i),
      source: place(names[i % 3], `SN${i}0041`, layout.lengthBytes, `/dev/sd${'abcde'[i]}`),
      layout,
      capacityBytes: layout.lengthBytes,
      usedBytes: layout.usedBytes,
    })),
    capacityBytes: sum('lengthBytes'),
    usedBytes: sum('usedBytes'),
    storedBytes: Math.round(sum('usedBytes') * 0.41),
  };
};
TEMPLATES.push(
  template(11, 'File server, two disks', [withDisks(2, PAIR, 60), withDisks(1, PAIR, 9_000)], {
    tags: ['server'],
    note: 'System and data, captured together.',
  }),
  template(12, 'Storage node', [withDisks(1, [stick(), mixed(), windows(), debian(), stick()], 70)], {
    tags: ['server'],
  }),
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
export const MANY = Array.from({ length: 1_000 }, (_, i) =>
  i < TEMPLATES.length
    ? TEMPLATES[i]
    : template(
        i + 1,
        `${NAMES[i % NAMES.length]} ${String(Math.floor(i / NAMES.length)).padStart(3, '0')}`,
        [version(1, i % 3 === 0 ? stick() : debian(128_035_676_160, 4e9 + (i % 17) * 1.3e9), 100 + i * 37)],
        { tags: [['linux', 'office', 'bench', 'classroom'][i % 4]], note: i % 5 === 0 ? 'Room 2.14, third row.' : '' },
      ),
);

export const BIN = [template(900, 'Old kiosk', [version(1, stick(), 200_000)], { deletedAt: ago(600) })];
