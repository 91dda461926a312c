/** Drivers of disks that the virtio-win project makes for Windows, by its own table of folders and the INF files that it ships. */
import type { VirtioBus } from '../../../contract/drivers.contract.ts';

export interface VirtioDriver {
  readonly bus: VirtioBus;
  /** of the service, of its folder in the ISO, and of its files */
  readonly name: string;
  /** of the device: as QEMU made it first, and as it is since virtio 1.0 */
  readonly devices: readonly string[];
}

export const VIRTIO_DRIVERS: readonly VirtioDriver[] = [
  { bus: 'virtio', name: 'viostor', devices: ['VEN_1AF4&DEV_1001&REV_00', 'VEN_1AF4&DEV_1042&REV_01'] },
  { bus: 'scsi', name: 'vioscsi', devices: ['VEN_1AF4&DEV_1004&REV_00', 'VEN_1AF4&DEV_1048&REV_01'] },
];

/** What makes a driver: the program, how it is installed, and its signatures. No other file of the ISO is looked at. */
export const DRIVER_PARTS = ['sys', 'inf', 'cat'] as const;
export type DriverPart = (typeof DRIVER_PARTS)[number];

/** Folders of virtio-win by the release of Windows, as `windowsRelease` names it. */
const FOLDERS: Readonly<Record<string, string>> = {
  'windows-xp': 'xp',
  'windows-server-2003': '2k3',
  'windows-server-2003-r2': '2k3',
  'windows-vista': 'vista',
  'windows-server-2008': '2k8',
  'windows-7': 'w7',
  'windows-server-2008-r2': '2k8R2',
  'windows-8': 'w8',
  'windows-8.1': 'w8.1',
  'windows-server-2012': '2k12',
  'windows-server-2012-r2': '2k12R2',
  'windows-10': 'w10',
  'windows-11': 'w11',
  'windows-server-2016': '2k16',
  'windows-server-2019': '2k19',
  'windows-server-2022': '2k22',
  'windows-server-2025': '2k25',
};

/** Releases before Windows 8 and Server 2012, which look for drivers in another place of their registry. */
const BEFORE_DRIVER_DATABASE = new Set([
  ...['windows-xp', 'windows-server-2003', 'windows-server-2003-r2', 'windows-vista', 'windows-server-2008'],
  ...['windows-7', 'windows-server-2008-r2'],
]);

interface Architecture {
  readonly folder: string;
  /** `Machine` in the head of a program: Microsoft, "PE Format" */
  readonly machine: number;
}

const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  x86_64: { folder: 'amd64', machine: 0x8664 },
  i386: { folder: 'x86', machine: 0x014c },
  aarch64: { folder: 'ARM64', machine: 0xaa64 },
};

/** A Windows that drivers are looked for. */
export interface WindowsKind {
  readonly release: string;
  /** of virtio-win, for this release */
  readonly folder: string;
  readonly architecture: Architecture;
  readonly hasDriverDatabase: boolean;
}

/** @returns null for a release or an architecture that virtio-win has no folder for, or that is not known */
export function windowsKind(release: string | null, architecture: string | null): WindowsKind | null {
  if (release === null || architecture === null) return null;
  if (!Object.hasOwn(FOLDERS, release) || !Object.hasOwn(ARCHITECTURES, architecture)) return null;
  return {
    release,
    folder: FOLDERS[release],
    architecture: ARCHITECTURES[architecture],
    hasDriverDatabase: !BEFORE_DRIVER_DATABASE.has(release),
  };
}

/** Whether bytes are a program for that machine. Source: Microsoft, "PE Format". */
export function isProgramFor(bytes: Buffer, { machine }: Architecture): boolean {
  if (bytes.length < 64 || bytes.toString('latin1', 0, 2) !== 'MZ') return false;
  const head = bytes.readUInt32LE(60);
  if (head > bytes.length - 6) return false;
  return bytes.readUInt32LE(head) === 0x4550 && bytes.readUInt16LE(head + 4) === machine;
}
