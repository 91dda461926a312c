/**
 * Keys and registrations that somebody gave this machine: they are not touched, since nothing makes them again and what needs them would
 * stop. Machines of one template share them, and that is told.
 */
import { shown, type GuestDraft } from '../draft.ts';
import { homes } from './homes.ts';

const FILES = [
  // VPN, and what lets a machine into a network or a cluster
  '/var/lib/rancher/k3s/server/token',
  '/var/lib/rancher/k3s/agent/client-kubelet.key',
  '/var/lib/rancher/rke2/server/token',
  '/var/lib/rancher/rke2/agent/client-kubelet.key',
  '/etc/rancher/node/password',
  '/var/lib/docker/swarm/docker-state.json',
  '/etc/netbird/config.json',
  '/var/lib/netbird/default.json',
  '/var/lib/cloudflare-warp/reg.json',
  '/var/lib/netdata/cloud.d/claimed_id',
  '/etc/chef/client.pem',
  '/var/ossec/etc/client.keys',
  '/opt/CrowdStrike/falconstore',
  '/etc/qualys/hostid',
  '/etc/tenable_tag',
  '/var/lib/amazon/ssm/registration',
  '/var/lib/teleport/host_uuid',
  '/etc/gitlab-runner/config.toml',
  '/var/lib/ipa-client/pki/key.pem',
  '/etc/zypp/credentials.d/SCCcredentials',
  '/var/lib/rabbitmq/.erlang.cookie',
  '/etc/xrdp/rsakeys.ini',
  '/etc/webmin/miniserv.pem',
  '/etc/bind/rndc.key',
  '/etc/rndc.key',
  '/etc/target/saveconfig.json',
];

/** Folders and the names in them; a folder among those is told as one. */
const AMONG: readonly (readonly [folder: string, names: RegExp])[] = [
  ['/etc/wireguard', /\.(?:conf|key)$|^private/],
  ['/etc/openvpn', /\.(?:conf|ovpn|key|p12|pem)$/],
  ['/etc/openvpn/server', /\.(?:conf|ovpn|key|p12|pem)$/],
  ['/etc/openvpn/client', /\.(?:conf|ovpn|key|p12|pem)$/],
  ['/etc/ipsec.d/private', /./],
  ['/etc/swanctl/private', /./],
  ['/etc/swanctl/rsa', /./],
  ['/etc/nebula', /\.key$/],
  ['/etc/tinc', /./],
  ['/etc/cloudflared', /\.json$/],
  // of web and mail servers: that of Debian's package ssl-cert, too
  ['/etc/ssl/private', /\.(?:key|pem|p12|pfx)$/],
  ['/etc/pki/tls/private', /\.(?:key|pem|p12|pfx)$/],
  ['/etc/letsencrypt/live', /^[^.]+\../],
  ['/etc/kubernetes', /\.conf$/],
  ['/etc/kubernetes/pki', /\.key$/],
  ['/var/lib/kubelet/pki', /\.(?:key|pem)$/],
  ['/var/lib/landscape/client', /./],
  ['/var/lib/snapd/device/private-keys-v1', /./],
  ['/var/lib/tor', /^hidden_service|^keys$/],
  // SSH servers whose keys nothing makes again, or that wait in the first file system
  ['/etc/tinyssh/sshkeydir', /./],
  ['/etc/dropbear/initramfs', /host_key$/],
  ['/etc/dropbear-initramfs', /host_key$/],
];

/** Files of settings that may hold a key. */
const KEY_IN: readonly (readonly [folder: string, names: RegExp, key: RegExp])[] = [
  ['/etc/systemd/network', /\.netdev$/, /^\s*(?:PrivateKey|PresharedKey)(?:File)?\s*=\s*\S/m],
  ['/etc/NetworkManager/system-connections', /./, /^\s*(?:private-key|type)\s*=\s*(?:vpn\b|[A-Za-z0-9+/]{40,}=)/m],
  ['/etc', /^ipsec\.secrets$/, /^[^#\n]*\b(?:PSK|RSA|ECDSA|PKCS\w*)\b/m],
];

const IN_HOMES: readonly (readonly [folder: string, names: RegExp])[] = [
  ['.ssh', /^id_[\w-]{1,60}$/],
  ['.gnupg/private-keys-v1.d', /\.key$/],
  ['.config/syncthing', /^key\.pem$/],
  ['.local/state/syncthing', /^key\.pem$/],
  ['actions-runner', /^\.credentials$/],
];

/** More are not looked for in one folder. */
const MAX_NAMES = 100;
const MAX_TOLD = 12;

/** @param stays further such paths */
export async function tellShared(draft: GuestDraft, stays: readonly string[]): Promise<void> {
  const { files } = draft;
  const found: string[] = [...stays];
  const holds = async (path: string) => {
    const node = (await files.find(path))?.node;
    return node?.kind === 'folder' ? (await files.names(path)).length > 0 : (node?.lengthBytes ?? 0) > 0;
  };
  const among = async (folder: string, names: RegExp) =>
    (await files.names(folder))
      .filter((name) => names.test(name))
      .slice(0, MAX_NAMES)
      .map((name) => `${folder}/${name}`);

  for (const path of FILES) if (await holds(path)) found.push(path);
  const folders = [...AMONG];
  for (const home of await homes(draft))
    folders.push(...IN_HOMES.map(([name, names]) => [`${home}/${name}`, names] as const));
  for (const [folder, names] of folders) {
    for (const path of await among(folder, names)) if (await holds(path)) found.push(path);
  }
  for (const [folder, names, key] of KEY_IN) {
    for (const path of await among(folder, names)) if (key.test((await draft.glance(path)) ?? '')) found.push(path);
  }
  if (found.length === 0) return;
  const told = found.slice(0, MAX_TOLD).map((path) => shown(path));
  const paths = [...told, ...(found.length > told.length ? ['…'] : [])].join(', ');
  draft.can('machine-id', 'secrets-shared', { count: found.length, paths });
}
