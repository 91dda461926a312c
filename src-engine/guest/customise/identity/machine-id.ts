/** machine-id(5), and what registers this machine somewhere else. */
import type { GuestDraft } from '../draft.ts';
import type { Traits } from '../traits.ts';
import { makeAnew, type HexFor } from './made-anew.ts';
import { tellShared } from './shared.ts';

const ID = '/etc/machine-id';
const DBUS_ID = '/var/lib/dbus/machine-id';

/** Ids that programs made of this machine, or were given for it: two machines with one of them are taken for one. */
const REGISTRATIONS = [
  '/etc/sysconfig/rhn/systemid',
  '/etc/sysconfig/rhn/osad-auth.conf',
  '/etc/sysconfig/hw-uuid',
  '/etc/smolt/uuid',
  '/etc/smolt/hw-uuid',
  '/var/lib/yum/uuid',
  '/var/lib/dnf/uuid',
  '/var/lib/libdnf5/uuid',
  '/etc/krb5.keytab',
  '/etc/opendkim-machine-id',
  '/var/lib/ubuntu-advantage/private/machine-token.json',
  // of two with one id or one account the other is thrown out
  '/etc/salt/minion_id',
  '/var/lib/samba/private/secrets.tdb',
  '/var/lib/tailscale/tailscaled.state',
  '/var/lib/zerotier-one/identity.secret',
  '/var/lib/zerotier-one/identity.public',
  '/etc/venv-salt-minion/minion_id',
];

/** Folders with such: their entries go. */
const REGISTRATION_FOLDERS = [
  '/etc/pki/consumer',
  '/etc/pki/entitlement',
  '/etc/salt/pki/minion',
  '/etc/venv-salt-minion/pki/minion',
  '/etc/puppetlabs/puppet/ssl',
  '/var/lib/puppet/ssl',
  '/var/lib/sss/db',
];

/** @param hexFor new ids */
export async function renewMachineId(draft: GuestDraft, traits: Traits, hexFor: HexFor): Promise<void> {
  const removed: string[] = [];
  if (traits.init === 'systemd') {
    // empty and not removed, nor 'uninitialized': with those systemd takes it for a first boot and sets all services anew
    await draft.write('machine-id', ID, '', { mode: 0o444 });
    // a copy of it, where it is no link to it
    const target = await draft.files.linkTarget(DBUS_ID);
    if (target === null && (await draft.exists(DBUS_ID))) await draft.link('machine-id', DBUS_ID, ID);
    draft.can('machine-id', 'machine-id-at-boot', { path: ID });
  } else {
    for (const path of [ID, DBUS_ID]) if (await draft.remove('machine-id', path)) removed.push(path);
    if (removed.length > 0) draft.can('machine-id', 'machine-id-by-dbus', { paths: removed });
  }
  const registrations: string[] = [];
  for (const path of REGISTRATIONS) if (await draft.remove('machine-id', path)) registrations.push(path);
  for (const path of REGISTRATION_FOLDERS) if (await draft.empty('machine-id', path)) registrations.push(path);
  if (registrations.length > 0) draft.can('machine-id', 'registrations-removed', { paths: registrations });
  const stays: string[] = [];
  await draft.attempt('machine-id', async () => void stays.push(...(await makeAnew(draft, hexFor))));
  if (draft.notes.every(({ reason }) => reason !== 'machine-id')) draft.can('machine-id', 'nothing-there');
  await tellShared(draft, stays);
}
