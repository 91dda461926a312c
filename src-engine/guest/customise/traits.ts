/** What decides how a setting is done: the distribution, what starts services, which files only some systems have. */
import type { Guest } from '../../contract/guest.contract.ts';
import type { GuestFiles } from '../guest-files.ts';

const RED_HAT = ['centos', 'centos-stream', 'rhel', 'fedora', 'rocky', 'almalinux', 'ol', 'scientific', 'amzn'];

export interface Traits {
  readonly distribution: string;
  /** the first number of its version; for Ubuntu with the month: 16.04; 0 where it is not known */
  readonly version: number;
  readonly isRedHat: boolean;
  /** of Red Hat's family before systemd: CentOS and RHEL 5 and 6 */
  readonly isOldRedHat: boolean;
  readonly isDebian: boolean;
  readonly isSuse: boolean;
  readonly init: 'systemd' | 'sysv' | 'openrc';
}

export async function readTraits(guest: Guest, files: GuestFiles): Promise<Traits> {
  const distribution = guest.distribution.value ?? '';
  const version = Number(/^\d{1,5}(?:\.\d{1,5})?/.exec(guest.version.value ?? '')?.[0] ?? 0);
  const isRedHat = RED_HAT.includes(distribution);
  const isOldRedHat = isRedHat && !['fedora', 'amzn'].includes(distribution) && version > 0 && version < 7;
  const isDebian = ['debian', 'ubuntu'].includes(distribution) || (await files.exists('/etc/debian_version'));
  const isSuse = /^(opensuse|sles|sled)/.test(distribution);
  const old =
    isOldRedHat || (version > 0 && version < (distribution === 'ubuntu' ? 15 : distribution === 'debian' ? 8 : 0));
  const init = await readInit(files, distribution, old);
  return { distribution, version, isRedHat, isOldRedHat, isDebian, isSuse, init };
}

async function readInit(files: GuestFiles, distribution: string, isOld: boolean): Promise<Traits['init']> {
  const program = (await files.linkTarget('/sbin/init')) ?? (await files.linkTarget('/usr/sbin/init')) ?? '';
  if (program.includes('systemd')) return 'systemd';
  if (distribution === 'alpine' || (await files.firstOf(['/sbin/openrc', '/usr/sbin/openrc', '/sbin/openrc-run'])))
    return 'openrc';
  if (isOld) return 'sysv';
  const hasSystemd = await files.firstOf(['/usr/lib/systemd/systemd', '/lib/systemd/systemd', '/etc/systemd/system']);
  return hasSystemd || !(await files.exists('/etc/inittab')) ? 'systemd' : 'sysv';
}
