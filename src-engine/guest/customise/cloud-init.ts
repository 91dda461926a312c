/**
 * cloud-init sets a machine up once more when it finds itself on a new one: it must then find what was set here, and not set it back.
 * It is given that as a seed of its data source NoCloud.
 */
import { createHash } from 'node:crypto';
import { HostNameSchema, type GuestSettings } from '../../contract/deploy.contract.ts';
import type { Guest } from '../../contract/guest.contract.ts';
import { ROOT, type GuestDraft } from './draft.ts';
import { capturedDomain } from './hostname.ts';

const SEED = '/var/lib/cloud/seed/nocloud';
/** Behind all others by its name: of two files the later one counts, and Ubuntu's installer leaves a 99-installer.cfg. */
const CONFIGURATION = '/etc/cloud/cloud.cfg.d/zz-diskpress.cfg';

/** @param isFreshState whether it will take the machine for a new one in any case */
export async function seedCloudInit(
  draft: GuestDraft,
  guest: Guest,
  settings: GuestSettings,
  isFreshState: boolean,
  nowMs: number,
): Promise<void> {
  if (guest.hasCloudInit.value !== true || (!isFreshState && !hasSettings(settings))) return;
  if (await draft.files.exists('/etc/cloud/cloud-init.disabled'))
    return draft.can('cloud-init', 'cloud-init-off', { path: '/etc/cloud/cloud-init.disabled' });
  const keepsKeys = draft.changes.every(({ reason }) => reason !== 'ssh-host-keys');
  const { hostname, users, network } = settings;
  const domain = settings.domain ?? (await capturedDomain(draft, guest));
  const full = hostname === undefined || hostname.includes('.') || !domain ? hostname : `${hostname}.${domain}`;
  const name = HostNameSchema.safeParse(hostname ?? guest.hostname.value).data ?? '';
  const meta = { 'instance-id': instanceId(guest, settings, nowMs), ...(name !== '' && { 'local-hostname': name }) };
  const user = {
    ...(full !== undefined && { hostname, fqdn: full }),
    manage_etc_hosts: false,
    ssh_deletekeys: !keepsKeys,
    // else its own user is made again and loses its password
    users: [],
    ...(users.some(({ name: one, sshKeys }) => one === 'root' && sshKeys.length > 0) && { disable_root: false }),
    ...(users.some(({ passwordHash }) => passwordHash !== undefined) && { ssh_pwauth: 'unchanged' }),
  };
  const own = {
    // no search for a cloud that is not there
    datasource_list: ['NoCloud', 'None'],
    ...(network.length > 0 && { network: { config: 'disabled' } }),
  };
  await draft.write('cloud-init', `${SEED}/meta-data`, yaml(meta), { mode: 0o600, owner: ROOT });
  await draft.write('cloud-init', `${SEED}/user-data`, `#cloud-config\n${yaml(user)}`, {
    mode: 0o600,
    owner: ROOT,
  });
  await draft.write('cloud-init', CONFIGURATION, yaml(own), { mode: 0o644 });
  draft.can('cloud-init', 'cloud-init-seeded', { paths: [`${SEED}/meta-data`, `${SEED}/user-data`, CONFIGURATION] });
}

const hasSettings = ({ hostname, domain, network, users }: GuestSettings) =>
  hostname !== undefined || domain !== undefined || network.length > 0 || users.length > 0;

/** Another one than that of the machine that was captured, which is all that it takes. */
function instanceId(guest: Guest, settings: GuestSettings, nowMs: number): string {
  const facts = JSON.stringify([guest.machineId.value, guest.hostname.value, settings, nowMs]);
  return `diskpress-${createHash('sha256').update(facts).digest('hex').slice(0, 20)}`;
}

/** JSON behind each key is YAML in which no text is anything but text. */
const yaml = (values: object) =>
  Object.entries(values)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join('');
