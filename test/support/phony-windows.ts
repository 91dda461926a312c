/** Windows as its setup lays it out, with registry hives that hivexsh wrote. */
import { hive, type GuestTree } from './guests.ts';
import type { PhonyGuest, PhonyPartition } from './phony-guests.ts';

const CONFIG = '/Windows/System32/config';
const VERSION = 'Microsoft\\Windows NT\\CurrentVersion';
const SETUP = 'Microsoft\\Windows\\CurrentVersion\\Setup\\State';

interface Edition {
  readonly release: string;
  readonly name: string;
  readonly build: string;
  readonly edition: string;
  readonly display?: string;
  readonly ubr?: number;
}

const server = (year: string, build: string, display?: string, ubr?: number): Edition => ({
  release: `windows-server-${year.toLowerCase().replace(' ', '-')}`,
  name: `Windows Server ${year} Standard`,
  build,
  edition: 'ServerStandard',
  display,
  ubr,
});

const EDITIONS: Readonly<Record<string, Edition>> = {
  'windows-server-2003': { ...server('2003', '3790'), name: 'Microsoft Windows Server 2003' },
  'windows-server-2008': { ...server('2008', '6002'), name: 'Windows Server (R) 2008 Standard' },
  'windows-server-2008-r2': server('2008 R2', '7601'),
  'windows-server-2012': server('2012', '9200'),
  'windows-server-2012-r2': server('2012 R2', '9600'),
  'windows-server-2016': server('2016', '14393', undefined, 6897),
  'windows-server-2019': server('2019', '17763', undefined, 5696),
  'windows-server-2022': server('2022', '20348', '21H2', 2402),
  'windows-10': {
    release: 'windows-10',
    name: 'Windows 10 Pro',
    build: '19045',
    edition: 'Professional',
    display: '22H2',
  },
  'windows-11': {
    release: 'windows-11',
    name: 'Windows 10 Pro',
    build: '26100',
    edition: 'Professional',
    display: '24H2',
  },
};

export function windowsGuests(): Record<string, (work: string) => PhonyGuest> {
  return Object.fromEntries(
    Object.entries(EDITIONS).map(([name, edition]) => [name, (work: string) => windows(work, edition)]),
  );
}

function windows(work: string, edition: Edition): PhonyGuest {
  const build = Number(edition.build);
  const isUefi = build >= 14393;
  const hives = hivesOf(work, edition);
  const system: GuestTree = { ...hives, '/Windows/explorer.exe': 'MZ' };
  const loader: GuestTree =
    build < 6000 ? { '/ntldr': 'x', '/boot.ini': '[boot loader]\r\n' } : { '/bootmgr': 'x', '/Boot/BCD': 'x' };
  const volume = (files: GuestTree, label = ''): PhonyPartition => ({
    role: 'windows',
    name: 'Basic data partition',
    volume: { fileSystem: 'ntfs', mib: 8, files, label },
  });
  const esp: PhonyPartition = {
    role: 'esp',
    name: 'EFI system partition',
    volume: {
      fileSystem: 'fat',
      mib: 4,
      files: {
        '/EFI/Microsoft/Boot/bootmgfw.efi': 'MZ',
        '/EFI/Microsoft/Boot/BCD': 'x',
        '/EFI/Boot/bootx64.efi': 'MZ',
      },
    },
  };
  const hasReserved = build >= 7600;
  const partitions = isUefi
    ? [esp, { role: 'msr' as const, name: 'Microsoft reserved partition' }, volume(system)]
    : hasReserved
      ? [volume(loader, 'System Reserved'), volume(system)]
      : [volume({ ...system, ...loader })];
  return {
    table: isUefi ? 'gpt' : 'mbr',
    bootCode: isUefi ? null : 'windows',
    partitions,
    told: {
      release: edition.release,
      pointRelease:
        edition.display && !edition.release.includes('server')
          ? `${edition.release}-${edition.display.toLowerCase()}`
          : null,
      bootModes: [isUefi ? 'uefi' : 'bios'],
      bootKernel: null,
      usesLvm: false,
    },
  };
}

function hivesOf(work: string, { name, build, edition, display, ubr }: Edition): GuestTree {
  const isServer = name.includes('Server');
  const isModern = Number(build) >= 10240;
  const software = hive(work, {
    [VERSION]: {
      ProductName: name,
      CurrentBuildNumber: build,
      CurrentVersion: Number(build) < 6000 ? '5.2' : '6.3',
      ...(Number(build) >= 6000 && { InstallationType: isServer ? 'Server' : 'Client', EditionID: edition }),
      ...(isModern && { CurrentMajorVersionNumber: 10, CurrentMinorVersionNumber: 0, UBR: ubr ?? 1 }),
      ...(display && { DisplayVersion: display }),
    },
    ...(Number(build) >= 6000 && { [SETUP]: { ImageState: 'IMAGE_STATE_COMPLETE' } }),
    'Microsoft\\Cryptography': { MachineGuid: '01234567-89ab-cdef-0123-456789abcdef' },
  });
  const system = hive(work, {
    Select: { Current: 1 },
    'ControlSet001\\Control\\ComputerName\\ComputerName': { ComputerName: 'WIN-PHONY' },
    'ControlSet001\\Control\\Session Manager\\Environment': { PROCESSOR_ARCHITECTURE: 'AMD64' },
    'ControlSet001\\Services\\Tcpip': {},
  });
  return { [`${CONFIG}/SOFTWARE`]: software, [`${CONFIG}/SYSTEM`]: system };
}
