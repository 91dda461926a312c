/** Reports, guests and machines that could be real. What a report says follows from the kind and the target alone. */
import type {
  CommandParams,
  Guest,
  MachineProfile,
  PolicyView,
  Report,
  ReportLine,
  Kind,
  TemplateView,
} from '../../../src-engine/contract/index.ts';
import { ago, NOW } from './fake-disks.ts';

const IMAGES = { document: 'image-templates@7c88f22 image_index.md', date: '2025-06-27' };
const BETA = { document: 'bare-metal@c3142b1 bm-about-custom-image-templates.md', date: '2020-11-11' };

const policy = (id: string, kind: Kind, en: string, fr: string, more: Partial<PolicyView> = {}) => ({
  id,
  name: { en, fr },
  kinds: [kind],
  isDefault: true,
  source: IMAGES,
  path: '',
  ruleCount: 9,
  ...more,
});
const STANDARD = policy('standard', 'standard', 'Standard Image Template', 'Modèle d’image standard');
const FLEX = policy('flex', 'flex', 'Flex Image', 'Image Flex');
const LAB = policy('lab', 'lab', 'Lab', 'Labo');
const BARE_METAL = 'Bare-metal custom image template';
const MACHINE = 'Modèle d’image personnalisé de machine physique';
const METAL_2020 = policy('bare-metal-2020', 'bare-metal', `${BARE_METAL} (2020)`, `${MACHINE} (2020)`, {
  source: BETA,
});
const METAL = policy('bare-metal-current', 'bare-metal', BARE_METAL, MACHINE, { isDefault: false });
export const POLICIES: PolicyView[] = [METAL_2020, METAL, FLEX, LAB, STANDARD];

type Said = Pick<ReportLine, 'rule' | 'level' | 'fact' | 'value' | 'origin' | 'reason'> & Partial<ReportLine>;
const line = (said: Said): ReportLine => ({
  policy: 'every-kind',
  wayOut: { en: 'Choose another one.', fr: 'En choisir un autre.' },
  source: IMAGES,
  canOverride: false,
  isOverridden: false,
  compared: null,
  contradicts: [],
  ...said,
});

const ACTIVE = line({
  rule: 'active-for-new',
  level: 'pass',
  fact: 'template.status',
  value: 'active',
  origin: 'catalog',
  reason: {
    en: 'Only an active template is deployed to a machine that does not have it yet.',
    fr: 'Seul un modèle actif est déployé sur une machine qui ne l’a pas encore.',
  },
});
const LAYOUT = line({
  rule: 'flex.layout',
  level: 'pass',
  fact: 'deploy.layout',
  value: 'template',
  origin: 'plan',
  reason: {
    en: 'The template’s own partition layout is used.',
    fr: 'Le partitionnement du modèle est utilisé.',
  },
});
const SIZE = line({
  rule: 'bm2020.two-terabytes',
  level: 'pass',
  fact: 'disk.largestBytes',
  value: 512_110_190_592,
  origin: 'Debian 12 lab',
  reason: { en: 'A drive may have 2 TB (2 TiB) at most.', fr: 'Un disque peut avoir 2 To (2 Tio) au plus.' },
  source: BETA,
});
const PASSED = [ACTIVE, LAYOUT, SIZE];

/** What nobody knows as long as the machine is not named. */
const unknownOfMachine = (['firmware', 'boardFamily', 'hasTpm', 'raidLevels', 'raidGroups'] as const).map((name) =>
  line({
    rule: `bm2020.${name.toLowerCase()}`,
    level: 'warn',
    fact: `machine.${name}`,
    value: null,
    origin: '',
    reason: {
      en: 'Machines differ in this, and not all of them are supported.',
      fr: 'Les machines diffèrent en cela, et toutes ne sont pas prises en charge.',
    },
    wayOut: { en: 'Name the machine, or look there.', fr: 'Nommer la machine, ou y regarder.' },
    source: BETA,
  }),
);
const BOOT_UNKNOWN = line({
  rule: 'lab.boot-mode',
  level: 'warn',
  fact: 'guest.bootModes',
  value: null,
  origin: 'first sector, EFI system partition',
  reason: { en: 'A disk without a boot loader does not start.', fr: 'Un disque sans chargeur ne démarre pas.' },
  wayOut: { en: 'Try it in a virtual machine first.', fr: 'L’essayer d’abord dans une machine virtuelle.' },
});

function onBareDisk(target: string): ReportLine[] {
  return [
    line({
      rule: 'standard.target-virtual',
      level: 'block',
      fact: 'target.platform',
      value: 'physical',
      origin: `${target}, usb`,
      reason: {
        en: 'A standard template is not compatible with bare metal.',
        fr: 'Un modèle standard n’est pas compatible avec une machine physique.',
      },
      wayOut: {
        en: 'Deploy it to a virtual machine or an image file. Onto a disk of a machine go templates of the kinds flex, bare-metal and lab.',
        fr: 'Le déployer vers une machine virtuelle ou un fichier image. Sur le disque d’une machine vont les modèles des sortes flex, bare-metal et lab.',
      },
    }),
  ];
}

function endOfLife(overrides: readonly string[]): ReportLine {
  const isOverridden = overrides.includes('end-of-life');
  return line({
    rule: 'end-of-life',
    level: isOverridden ? 'warn' : 'block',
    fact: 'guest.isPastEndOfLife',
    value: true,
    origin: '2:/etc/os-release, end-of-life.yaml',
    canOverride: true,
    isOverridden,
    reason: {
      en: 'The operating system is past its end of life and gets no security updates any more.',
      fr: 'Le système d’exploitation est en fin de vie et ne reçoit plus de mises à jour de sécurité.',
    },
    wayOut: {
      en: 'Deploy a template of a later release, or take it upon yourself and keep the machine off the network.',
      fr: 'Déployer un modèle d’une version plus récente, ou passer outre et tenir la machine hors du réseau.',
    },
  });
}

const onServer = (overrides: readonly string[]): ReportLine[] => [
  line({
    rule: 'bm2020.raid-levels',
    level: 'block',
    fact: 'machine.raidLevels',
    value: ['raid1', 'raid5'],
    origin: 'bench 7, 2026-11-02',
    reason: {
      en: 'RAID 0, 1 and 10 are supported; RAID 5 and 6 are not.',
      fr: 'RAID 0, 1 et 10 sont pris en charge ; RAID 5 et 6 ne le sont pas.',
    },
    wayOut: {
      en: 'Build the array as RAID 0, 1 or 10, or use the kind lab.',
      fr: 'Construire la grappe en RAID 0, 1 ou 10, ou utiliser le type lab.',
    },
    source: BETA,
  }),
  line({
    rule: 'bm2020.no-uefi',
    level: 'block',
    fact: 'machine.firmware',
    value: 'uefi',
    origin: 'bench 7, 2026-11-02',
    contradicts: ['bm2020.firmware-match'],
    reason: {
      en: 'Machines in UEFI boot mode are not supported. The same page also says that UEFI images go onto UEFI machines: it contradicts itself, and both rules stand.',
      fr: 'Les machines en mode de démarrage UEFI ne sont pas prises en charge. La même page dit aussi que les images UEFI vont sur des machines UEFI : elle se contredit, et les deux règles sont gardées.',
    },
    wayOut: {
      en: 'Set the machine to BIOS (legacy) boot mode, or use the current policy of bare metal.',
      fr: 'Régler la machine sur le mode de démarrage BIOS (legacy), ou utiliser la règle actuelle des machines physiques.',
    },
    source: BETA,
  }),
  endOfLife(overrides),
  line({
    rule: 'bm2020.graphics',
    level: 'warn',
    fact: 'machine.graphics',
    value: 'gpu',
    origin: 'bench 7, 2026-11-02',
    reason: {
      en: 'vGPU is supported; of other graphics processors nothing is said.',
      fr: 'vGPU est pris en charge ; rien n’est dit d’autres processeurs graphiques.',
    },
    wayOut: {
      en: 'Try the deployed machine before you rely on it.',
      fr: 'Essayer la machine déployée avant de s’y fier.',
    },
    source: BETA,
  }),
  line({
    rule: 'bm2020.firmware-match',
    level: 'pass',
    fact: 'guest.bootModes',
    value: ['bios', 'uefi'],
    origin: 'first sector, 1:/EFI/BOOT/BOOTX64.EFI',
    contradicts: ['bm2020.no-uefi'],
    reason: {
      en: 'BIOS images go onto BIOS machines, UEFI images onto UEFI machines.',
      fr: 'Les images BIOS vont sur des machines BIOS, les images UEFI sur des machines UEFI.',
    },
    source: BETA,
  }),
];

interface Asked {
  action: Report['action'];
  kind: TemplateView['kind'];
  subject: string;
  target?: string;
  policy?: string | undefined;
  machine?: string | undefined;
  overrides?: readonly string[] | undefined;
}

export function fakeReport({ action, kind, subject, target = '', overrides = [], ...asked }: Asked): Report {
  const under =
    POLICIES.find(({ id }) => id === asked.policy) ?? POLICIES.find(({ kinds }) => kinds.some((own) => own === kind));
  const isBare = kind === 'standard' && target.startsWith('/dev/');
  const machine = asked.machine === undefined ? '' : asked.machine === 'this' ? 'workbench' : asked.machine;
  const unknown = machine ? [] : [BOOT_UNKNOWN, ...unknownOfMachine];
  const isMetal = kind === 'bare-metal' && machine !== '';
  const lines = [...(isBare ? onBareDisk(target) : []), ...(isMetal ? onServer(overrides) : []), ...unknown, ...PASSED];
  const order = ['block', 'warn', 'pass'];
  return {
    policy: under ?? LAB,
    action,
    subject,
    target,
    machine,
    createdAt: new Date(NOW).toISOString(),
    others: isBare ? [FLEX, LAB] : isMetal ? [LAB] : [],
    lines: lines.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level)),
  };
}

export const isAllowed = ({ lines }: Report) => lines.every(({ level }) => level !== 'block');

export function checkFake({ subject, kind, ...asked }: CommandParams<'report.check'>, of: TemplateView): Report {
  return fakeReport({
    action: 'deploy',
    kind: kind ?? of.kind,
    subject: `${of.name}@${subject.split('@')[1]}`,
    ...asked,
  });
}

const unknown = (origin = '') => ({ value: null, origin });
const OS_RELEASE = '2:/etc/os-release';
const SOFTWARE = '3:/Windows/System32/config/SOFTWARE';

export const debianGuest = (): Guest => ({
  family: { value: 'linux', origin: OS_RELEASE },
  distribution: { value: 'debian', origin: OS_RELEASE },
  version: { value: '12.7', origin: '2:/etc/debian_version' },
  name: { value: 'Debian GNU/Linux 12 (bookworm)', origin: OS_RELEASE },
  release: { value: 'debian-12', origin: OS_RELEASE },
  pointRelease: { value: 'debian-12.7', origin: '2:/etc/debian_version' },
  edition: unknown(),
  architecture: { value: 'x86_64', origin: '2:/bin/sh' },
  kernels: { value: [], origin: '2:/boot' },
  bootKernel: { value: '6.1.0-25-amd64', origin: '2:/boot/grub/grub.cfg' },
  kernelOrigin: { value: 'distribution', origin: '2:/var/lib/dpkg/status' },
  bootLoaders: {
    value: [
      { kind: 'esp', origin: '1:/EFI/debian/grubx64.efi' },
      { kind: 'esp-fallback', origin: '1:/EFI/BOOT/BOOTX64.EFI' },
    ],
    origin: 'first sector, volumes',
  },
  bootModes: { value: ['uefi'], origin: '1:/EFI/debian/grubx64.efi' },
  usesLvm: { value: false, origin: 'volumes' },
  isEncrypted: { value: false, origin: 'volumes' },
  fstab: { value: [], origin: '2:/etc/fstab' },
  usesSwap: { value: true, origin: '2:/etc/fstab' },
  mountsByDeviceName: { value: false, origin: '2:/etc/fstab' },
  networkSystems: {
    value: ['ifupdown', 'NetworkManager'],
    origin: '/etc/network, /etc/NetworkManager/system-connections',
  },
  hasCloudInit: { value: true, origin: '2:/etc/cloud/cloud.cfg' },
  guestAgents: { value: ['qemu-guest-agent'], origin: '2:/usr/sbin/qemu-ga' },
  sysprepState: unknown(),
  machineId: { value: 'f1d2c3b4a5968778695a4b3c2d1e0f00', origin: '2:/etc/machine-id' },
  sshHostKeys: { value: [], origin: '2:/etc/ssh' },
  isGeneralized: { value: false, origin: '2:/etc/machine-id, /etc/ssh' },
  hostname: { value: 'classroom-01', origin: '2:/etc/hostname' },
  endOfLife: { value: { date: '2028-06-30', tableDate: '2026-11-20' }, origin: 'end-of-life.yaml' },
  warnings: [],
});

export const windowsGuest = (): Guest => ({
  ...debianGuest(),
  family: { value: 'windows', origin: SOFTWARE },
  distribution: { value: 'windows-server', origin: SOFTWARE },
  version: { value: '6.1.7601', origin: SOFTWARE },
  name: { value: 'Windows Server 2008 R2', origin: SOFTWARE },
  release: { value: 'windows-server-2008-r2', origin: SOFTWARE },
  pointRelease: unknown(SOFTWARE),
  edition: { value: 'Enterprise', origin: SOFTWARE },
  architecture: { value: 'x86_64', origin: '3:/Windows/System32/ntoskrnl.exe' },
  bootKernel: unknown(),
  bootLoaders: { value: [{ kind: 'windows-mbr', origin: 'first sector' }], origin: 'first sector, volumes' },
  bootModes: { value: ['bios'], origin: 'first sector' },
  networkSystems: unknown(),
  hasCloudInit: { value: false, origin: '3:/Windows/System32/config/SYSTEM' },
  guestAgents: { value: [], origin: '3:/Windows/System32/config/SYSTEM' },
  sysprepState: { value: 'IMAGE_STATE_COMPLETE', origin: SOFTWARE },
  usesSwap: unknown(),
  hostname: { value: 'NODE-2-07', origin: '3:/Windows/System32/config/SYSTEM' },
  isGeneralized: { value: false, origin: SOFTWARE },
  endOfLife: { value: { date: '2020-01-14', tableDate: '2026-11-20' }, origin: 'end-of-life.yaml' },
});

const drive = (model: string, serial: string, lengthBytes: number) => ({
  model,
  serial,
  bus: 'sas',
  lengthBytes,
  sectorBytes: 512,
  physicalSectorBytes: 4096,
  isRemovable: false,
  health: 'good' as const,
});

export const MACHINES: MachineProfile[] = [
  {
    name: 'bench 7',
    recordedAt: ago(27_000),
    maker: 'Supermicro',
    product: 'SYS-5019S',
    boardMaker: 'Supermicro',
    board: 'X11SSH-F',
    firmware: 'uefi',
    isVirtual: false,
    processor: 'Intel Xeon E3-1270 v6',
    cores: 8,
    memoryBytes: 34_359_738_368,
    drives: [
      drive('Seagate Exos 7E8', 'ZC1A0PYN', 2_000_398_934_016),
      { ...drive('Seagate Exos 7E8', 'ZC1A0Q11', 2_000_398_934_016), health: 'failing' },
      { ...drive('Seagate Exos 7E8', 'ZC1A0Q7B', 2_000_398_934_016), health: null },
    ],
    arrays: [{ name: 'md0', kind: 'md', level: 'raid5', members: ['/dev/sda', '/dev/sdb', '/dev/sdc'] }],
    hasTpm: true,
    graphics: [{ model: 'NVIDIA Tesla P4', kind: 'gpu' }],
    networks: null,
  },
  {
    name: 'store room server',
    recordedAt: ago(90_000),
    maker: 'Lenovo',
    product: 'ThinkSystem SR250',
    boardMaker: null,
    board: null,
    firmware: 'bios',
    isVirtual: false,
    processor: null,
    cores: null,
    memoryBytes: null,
    drives: null,
    arrays: null,
    hasTpm: null,
    graphics: null,
    networks: null,
  },
];
