/** ISOs laid out as virtio-win's, made by genisoimage, xorriso and mkudffs; and Windows disks to put their drivers into. */
import { hive, writeTree, type GuestTree } from './guests.ts';
import { buildDisk } from './phony-layout.ts';
import { program } from './virtio-tree.ts';
import { run, type Workbench } from './workbench.ts';

/** What names and which structures an ISO has, by the program that makes it. */
export const ISO_KINDS = {
  'ISO 9660, 8.3': ['genisoimage', '-quiet', '-iso-level', '1'],
  'ISO 9660, level 4': ['genisoimage', '-quiet', '-iso-level', '4'],
  Joliet: ['genisoimage', '-quiet', '-J'],
  'Rock Ridge': ['genisoimage', '-quiet', '-R'],
  'Joliet, Rock Ridge and UDF': ['genisoimage', '-quiet', '-J', '-R', '-udf'],
  'Rock Ridge of xorriso': ['xorriso', '-as', 'mkisofs', '-quiet', '-r'],
  'Joliet of xorriso': ['xorriso', '-as', 'mkisofs', '-quiet', '-J'],
} as const;

/** @returns the path of the ISO */
export function isoOf(
  bench: Workbench,
  name: string,
  tree: GuestTree,
  kind: keyof typeof ISO_KINDS = 'Joliet',
): string {
  const folder = bench.path(`${name}.tree`);
  writeTree(folder, tree);
  const [tool, ...args] = ISO_KINDS[kind];
  run(tool, ...args, '-V', 'virtio-win', '-o', bench.path(name), folder);
  return bench.path(name);
}

export interface WindowsOptions {
  readonly name?: string;
  readonly build?: string;
  readonly isServer?: boolean;
  readonly machine?: 'AMD64' | 'x86' | 'ARM64';
  /** the set of settings that it starts with */
  readonly current?: number;
  readonly system?: Record<string, Record<string, string | number>>;
  readonly software?: Record<string, string | number>;
  readonly files?: GuestTree;
  /** as old versions write them */
  readonly hasCapitals?: boolean;
  /** of the hive SYSTEM, before it is put on the disk */
  readonly damage?: (system: Buffer) => Buffer;
}

/** A path of Windows as Windows XP wrote it. */
export const withCapitals = (path: string): string =>
  path.replace('/Windows/System32/', '/WINDOWS/system32/').replace('/Windows/', '/WINDOWS/');

const CONFIG = '/Windows/System32/config';

/** A disk with a partition of NTFS that a Windows of few files lies on, whose services are those of a real one in kind. */
export function windowsDisk(bench: Workbench, file: string, options: WindowsOptions = {}): string {
  const { name = 'Windows 10 Pro', build = '19045', isServer = false, machine = 'AMD64', current = 1 } = options;
  const set = `ControlSet00${current}`;
  const system = hive(bench.folder, {
    Select: { Current: current },
    ...(current === 1 ? {} : { 'ControlSet001\\Services\\old': { Start: 3 } }),
    [`${set}\\Control\\Session Manager\\Environment`]: { PROCESSOR_ARCHITECTURE: machine },
    [`${set}\\Control\\CriticalDeviceDatabase`]: {},
    [`${set}\\Services\\Tcpip`]: { Start: 1 },
    [`${set}\\Services\\storahci`]: { Start: 0, ImagePath: 'System32\\drivers\\storahci.sys' },
    ...options.system,
  });
  const software = hive(bench.folder, {
    'Microsoft\\Windows NT\\CurrentVersion': {
      ProductName: name,
      CurrentBuildNumber: build,
      InstallationType: isServer ? 'Server' : 'Client',
      CurrentVersion: '6.3',
    },
    'Microsoft\\Windows\\CurrentVersion': { ProgramFilesDir: 'C:\\Program Files', ...options.software },
  });
  const all: GuestTree = {
    [`${CONFIG}/SYSTEM`]: options.damage ? options.damage(system) : system,
    [`${CONFIG}/SOFTWARE`]: software,
    '/Windows/System32/drivers/storahci.sys': program('amd64', 'storahci'),
    '/Windows/explorer.exe': 'MZ',
    '/bootmgr': 'x',
    '/Boot/BCD': 'x',
    ...options.files,
  };
  const files = options.hasCapitals
    ? Object.fromEntries(Object.entries(all).map(([path, content]) => [withCapitals(path), content]))
    : all;
  return buildDisk(bench.folder, file, {
    table: 'mbr',
    bootCode: 'windows',
    partitions: [{ role: 'windows', name: '', volume: { fileSystem: 'ntfs', mib: 12, files } }],
    told: { release: '', pointRelease: null, bootModes: ['bios'], bootKernel: null, usesLvm: false },
  });
}

/** All keys of a hive with their values, as hivexregedit tells them: numbers and lists as it writes them. */
export function exported(hivePath: string): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  let values: string[] = [];
  // a value of several lines goes on behind a backslash
  const text = run('hivexregedit', '--export', '--unsafe-printable-strings', hivePath, '\\').replace(/\\\r?\n\s*/g, '');
  for (const line of text.split(/\r?\n/)) {
    const key = /^\[(.*)\]$/.exec(line)?.[1];
    if (key !== undefined) keys.set(key, (values = []));
    else if (/^(?:"|@)/.test(line)) values.push(line);
  }
  return keys;
}
