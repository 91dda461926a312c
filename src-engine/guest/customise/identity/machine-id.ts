/** machine-id(5), and what registers this machine somewhere else. */
import type { GuestDraft } from '../draft.ts';
import { hasAssignment } from '../shell-assignments.ts';
import type { Traits } from '../traits.ts';

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
  // made of the firmware's UUID when they are asked for
  '/etc/nvme/hostnqn',
  '/etc/nvme/hostid',
];
const INITIATOR = '/etc/iscsi/initiatorname.iscsi';

/** Folders with such: their entries go. */
const REGISTRATION_FOLDERS = [
  '/etc/pki/consumer',
  '/etc/pki/entitlement',
  '/etc/salt/pki/minion',
  '/etc/puppetlabs/puppet/ssl',
  '/var/lib/puppet/ssl',
  '/var/lib/sss/db',
];

export async function renewMachineId(draft: GuestDraft, traits: Traits): Promise<void> {
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
  if (await renewInitiatorName(draft)) registrations.push(INITIATOR);
  if (registrations.length > 0) draft.can('machine-id', 'registrations-removed', { paths: registrations });
  else if (removed.length === 0 && traits.init !== 'systemd') draft.can('machine-id', 'nothing-there');
}

/** Two machines with one iSCSI name write to one disk: Debian makes a new one where it is told to, Red Hat's family where there is none. */
async function renewInitiatorName(draft: GuestDraft): Promise<boolean> {
  const text = await draft.glance(INITIATOR);
  if (text === null || !hasAssignment(text, 'InitiatorName')) return false;
  const isMade = await draft.files.firstOf([
    '/usr/lib/systemd/system/iscsi-init.service',
    '/lib/systemd/system/iscsi-init.service',
  ]);
  if (isMade !== null) return draft.remove('machine-id', INITIATOR);
  const makes = await draft.files.firstOf([
    '/usr/lib/open-iscsi/startup-checks.sh',
    '/lib/open-iscsi/startup-checks.sh',
  ]);
  if (makes === null) return false;
  await draft.write('machine-id', INITIATOR, 'GenerateName=yes\n');
  return true;
}
