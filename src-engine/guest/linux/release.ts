/** Which distribution it is, in which version: os-release(5) and what stood before it. */
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';
import { parseAssignments } from './assignments.ts';

interface Found {
  readonly distribution: string;
  readonly version: string;
  readonly name: string;
  readonly origin: string;
  /** where the version was read, if that is another file */
  readonly versionOrigin?: string;
}

/** Distributions of the Red Hat family by how their release file begins. */
const RED_HAT_NAMES: [RegExp, string][] = [
  [/^CentOS Stream/i, 'centos-stream'],
  [/^CentOS/i, 'centos'],
  [/^Red Hat Enterprise Linux/i, 'rhel'],
  [/^Fedora/i, 'fedora'],
  [/^Rocky Linux/i, 'rocky'],
  [/^AlmaLinux/i, 'almalinux'],
  [/^Oracle Linux/i, 'ol'],
  [/^Scientific Linux/i, 'scientific'],
];

/** Their second number is a release of its own, not an update. */
const TWO_PART_RELEASES = new Set(['ubuntu', 'alpine']);

export async function readRelease(files: GuestFiles) {
  const found = (await fromRedHat(files)) ?? (await fromOsRelease(files)) ?? (await fromOlder(files));
  if (!found) {
    const nothing = unknown('/etc/os-release');
    return { distribution: nothing, version: nothing, name: nothing, release: nothing, pointRelease: nothing };
  }
  const { distribution, version, name, origin, versionOrigin = origin } = found;
  const parts = version.split('.');
  const major = parts.slice(0, TWO_PART_RELEASES.has(distribution) ? 2 : 1).join('.');
  // CentOS 7 adds the month of its making: 7.6.1810
  const point = parts.slice(0, TWO_PART_RELEASES.has(distribution) ? 3 : 2).join('.');
  const id = (number: string, from: string) => known(number ? `${distribution}-${number}` : distribution, from);
  return {
    distribution: known(distribution, origin),
    version: version ? known(version, versionOrigin) : unknown(versionOrigin),
    name: known(name, origin),
    release: id(major, origin),
    pointRelease: point !== major ? id(point, versionOrigin) : unknown(versionOrigin),
  };
}

/** Says the point release, which os-release of CentOS 7 does not, and is there in the versions before os-release. */
async function fromRedHat(files: GuestFiles): Promise<Found | null> {
  // Oracle Linux calls itself Red Hat Enterprise Linux in the one, and by its name in the other
  const origin = (await files.firstOf(['/etc/oracle-release', '/etc/redhat-release'])) ?? '/etc/redhat-release';
  const name = (await files.text(origin))?.trim().split('\n')[0].slice(0, 200) ?? '';
  const version = /release ([0-9]{1,4}(?:\.[0-9]{1,6}){0,3})/.exec(name)?.[1];
  const distribution = RED_HAT_NAMES.find(([pattern]) => pattern.test(name))?.[1];
  return version && distribution ? { distribution, version, name, origin } : null;
}

async function fromOsRelease(files: GuestFiles): Promise<Found | null> {
  for (const origin of ['/etc/os-release', '/usr/lib/os-release']) {
    const values = parseAssignments((await files.text(origin)) ?? '');
    const distribution = values.get('ID')?.toLowerCase();
    if (!distribution || !/^[a-z0-9._-]{1,60}$/.test(distribution)) continue;
    const name = values.get('PRETTY_NAME') ?? values.get('NAME') ?? distribution;
    const number = /^[0-9]{1,8}(\.[0-9]{1,6}){0,3}/.exec(values.get('VERSION_ID') ?? '')?.[0] ?? '';
    const isDated = distribution === 'opensuse-tumbleweed' || distribution === 'arch';
    const version = isDated ? '' : await precise(files, distribution, number, values.get('VERSION') ?? '');
    return {
      distribution,
      version,
      name,
      origin,
      ...(distribution === 'debian' && version !== number && { versionOrigin: '/etc/debian_version' }),
    };
  }
  return null;
}

/** Debian keeps its update in a file of its own, Ubuntu in VERSION only. */
async function precise(files: GuestFiles, distribution: string, number: string, words: string): Promise<string> {
  const other = distribution === 'debian' ? ((await files.text('/etc/debian_version')) ?? '') : words;
  const more = /^[0-9]{1,8}(\.[0-9]{1,6}){0,3}/.exec(other.trim())?.[0] ?? '';
  return number && more.startsWith(`${number}.`) ? more : number;
}

async function fromOlder(files: GuestFiles): Promise<Found | null> {
  const lsb = parseAssignments((await files.text('/etc/lsb-release')) ?? '');
  const distribution = lsb.get('DISTRIB_ID')?.toLowerCase() ?? '';
  const version = lsb.get('DISTRIB_RELEASE') ?? '';
  if (/^[a-z0-9-]{1,60}$/.test(distribution) && /^[0-9]{1,4}(\.[0-9]{1,4}){0,3}$/.test(version)) {
    const name = lsb.get('DISTRIB_DESCRIPTION') ?? distribution;
    return { distribution, version, name, origin: '/etc/lsb-release' };
  }
  const debian = (await files.text('/etc/debian_version'))?.trim() ?? '';
  if (!/^[0-9]{1,4}(\.[0-9]{1,4}){0,2}$/.test(debian)) return null;
  return { distribution: 'debian', version: debian, name: `Debian ${debian}`, origin: '/etc/debian_version' };
}
