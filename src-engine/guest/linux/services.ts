/** What brings up the network, and who speaks with the hypervisor or the cloud. */
import { known, unknown } from '../datum.ts';
import type { GuestFiles } from '../guest-files.ts';

/** A folder, the files in it that say that the system is in use, and its name. */
const NETWORKS: [string, RegExp, string][] = [
  ['/etc/netplan', /\.ya?ml$/, 'netplan'],
  ['/etc/network', /^interfaces$/, 'ifupdown'],
  ['/etc/sysconfig/network-scripts', /^ifcfg-(?!lo$)./, 'network-scripts'],
  ['/etc/sysconfig/network', /^ifcfg-(?!lo$|template)./, 'wicked'],
  ['/etc/NetworkManager/system-connections', /./, 'NetworkManager'],
  ['/etc/systemd/network', /\.network$/, 'systemd-networkd'],
];

export async function readNetworkSystems(files: GuestFiles) {
  const found: string[] = [];
  const origins: string[] = [];
  for (const [folder, pattern, name] of NETWORKS) {
    if (!(await files.names(folder)).some((file) => pattern.test(file))) continue;
    found.push(name);
    origins.push(folder);
  }
  return found.length > 0 ? known(found, origins.join(', ')) : unknown('/etc');
}

const AGENTS: [string, string[]][] = [
  ['qemu-guest-agent', ['/usr/bin/qemu-ga', '/usr/sbin/qemu-ga']],
  ['open-vm-tools', ['/usr/bin/vmtoolsd', '/usr/sbin/vmtoolsd']],
  ['virtualbox-guest-additions', ['/usr/sbin/VBoxService']],
  ['hyperv-daemons', ['/usr/sbin/hv_kvp_daemon', '/usr/sbin/hypervkvpd']],
  ['xe-guest-utilities', ['/usr/sbin/xe-daemon']],
  ['waagent', ['/usr/sbin/waagent', '/usr/bin/waagent']],
  ['amazon-ssm-agent', ['/usr/bin/amazon-ssm-agent']],
  ['google-guest-agent', ['/usr/bin/google_guest_agent']],
];

export async function readGuestAgents(files: GuestFiles) {
  const found: string[] = [];
  const origins: string[] = [];
  for (const [name, paths] of AGENTS) {
    const path = await files.firstOf(paths);
    if (path === null) continue;
    found.push(name);
    origins.push(path);
  }
  return known(found, origins.join(', ') || '/usr/bin, /usr/sbin');
}

export async function readCloudInit(files: GuestFiles) {
  const path = await files.firstOf(['/usr/bin/cloud-init', '/etc/cloud/cloud.cfg']);
  return known(path !== null, path ?? '/usr/bin/cloud-init');
}
