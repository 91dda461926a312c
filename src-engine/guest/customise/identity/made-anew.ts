/** Ids and keys of this machine that programs make again by themselves once they are gone, and two that are written here. */
import type { GuestDraft } from '../draft.ts';
import { UNIT_FOLDERS } from '../services.ts';
import { hasAssignment, setAssignment } from '../shell-assignments.ts';

/** Hexadecimal digits, 32 of them, that are another machine's for another target; the same for the same thing of one plan. */
export type HexFor = (thing: string) => string;

const IDS = [
  // of the firmware's UUID
  '/etc/nvme/hostnqn',
  '/etc/nvme/hostid',
  // replication refuses two servers with one of them
  '/var/lib/mysql/auto.cnf',
  '/etc/docker/key.json',
  '/var/lib/docker/engine-id',
  '/etc/openvswitch/system-id.conf',
  '/opt/consul/node-id',
  '/opt/consul/data/node-id',
  '/var/lib/consul/node-id',
  '/opt/nomad/data/client/client-id',
  '/opt/nomad/data/client/secret-id',
  '/var/lib/nomad/client/client-id',
  '/var/lib/nomad/client/secret-id',
  '/var/lib/netdata/registry/netdata.public.unique.id',
  '/var/lib/whoopsie/whoopsie-id',
  '/etc/gitlab-runner/.runner_system_id',
  '/etc/insights-client/machine-id',
  // signed by nobody else
  '/etc/cockpit/ws-certs.d/0-self-signed.cert',
  '/etc/cockpit/ws-certs.d/0-self-signed.key',
  '/etc/cockpit/ws-certs.d/0-self-signed-ca.pem',
];

const INITIATOR = '/etc/iscsi/initiatorname.iscsi';
const POPULARITY = '/etc/popularity-contest.conf';
const HOST_ID = '/etc/hostid';
const CREDENTIAL_SECRET = '/var/lib/systemd/credential.secret';
const HOME_KEYS = ['/var/lib/systemd/home/local.private', '/var/lib/systemd/home/local.public'];
/** A pool says in its labels whose it is by this number: with another one the machine would not start from it. */
const ZFS = ['/etc/zfs/zpool.cache', '/usr/sbin/zpool', '/sbin/zpool'];
const MAX_UNITS = 500;

/** @returns what of it cannot be another one without harm, and stays */
export async function makeAnew(draft: GuestDraft, hexFor: HexFor): Promise<string[]> {
  const stays: string[] = [];
  const removed: string[] = [];
  const written: string[] = [];
  const removeUnless = async (isNeeded: boolean, paths: readonly string[]) => {
    for (const path of paths) {
      if (isNeeded) stays.push(...((await draft.exists(path)) ? [path] : []));
      else if (await draft.remove('machine-id', path)) removed.push(path);
    }
  };
  await removeUnless(false, IDS);
  if (await draft.exists(CREDENTIAL_SECRET))
    await removeUnless(await hasEncryptedCredentials(draft), [CREDENTIAL_SECRET]);
  // records of people are signed with it
  const records = (await draft.names('/var/lib/systemd/home')).some((name) => name.endsWith('.identity'));
  await removeUnless(records, HOME_KEYS);

  const initiator = await renewInitiatorName(draft, hexFor);
  if (initiator !== null) (initiator === 'removed' ? removed : written).push(INITIATOR);
  if (await draft.exists(HOST_ID)) {
    if ((await draft.files.firstOf(ZFS)) !== null) stays.push(HOST_ID);
    else {
      // hostid(1): four bytes; none of them zero, since zero is none
      const bytes = Buffer.from(hexFor(HOST_ID).slice(0, 8), 'hex').map((byte) => byte | 1);
      await draft.writeBytes('machine-id', HOST_ID, bytes);
      written.push(HOST_ID);
    }
  }
  const popularity = await draft.glance(POPULARITY);
  if (popularity !== null && hasAssignment(popularity, 'MY_HOSTID')) {
    await draft.write('machine-id', POPULARITY, setAssignment(popularity, 'MY_HOSTID', hexFor(POPULARITY)));
    written.push(POPULARITY);
  }
  if (removed.length > 0) draft.can('machine-id', 'ids-made-anew', { paths: removed });
  if (written.length > 0) draft.can('machine-id', 'ids-written', { paths: written });
  return stays;
}

/** Passwords and keys of services that are encrypted with the secret: systemd-creds(1). */
async function hasEncryptedCredentials(draft: GuestDraft): Promise<boolean> {
  for (const folder of [
    '/etc/credstore.encrypted',
    '/usr/lib/credstore.encrypted',
    '/usr/local/lib/credstore.encrypted',
  ])
    if ((await draft.names(folder)).length > 0) return true;
  for (const folder of UNIT_FOLDERS) {
    for (const name of (await draft.names(folder)).slice(0, MAX_UNITS)) {
      const paths = name.endsWith('.d')
        ? (await draft.names(`${folder}/${name}`)).map((one) => `${folder}/${name}/${one}`)
        : [`${folder}/${name}`];
      for (const path of paths) {
        if (!/\.(?:service|socket|mount|swap|conf)$/.test(path)) continue;
        if (/^\s*(?:Set|Load)CredentialEncrypted=/m.test((await draft.glance(path)) ?? '')) return true;
      }
    }
  }
  return false;
}

/**
 * Two machines with one iSCSI name write to one disk: Debian makes a new one where it is told to, Red Hat's family where there is none.
 * @returns null: there is none
 */
async function renewInitiatorName(draft: GuestDraft, hexFor: HexFor): Promise<'removed' | 'written' | null> {
  const text = await draft.glance(INITIATOR);
  if (text === null || !hasAssignment(text, 'InitiatorName')) return null;
  const isMade = await draft.files.firstOf([
    '/usr/lib/systemd/system/iscsi-init.service',
    '/lib/systemd/system/iscsi-init.service',
  ]);
  if (isMade !== null) return (await draft.remove('machine-id', INITIATOR)) ? 'removed' : null;
  const makes = await draft.files.firstOf([
    '/usr/libexec/open-iscsi/startup-checks.sh',
    '/usr/lib/open-iscsi/startup-checks.sh',
    '/lib/open-iscsi/startup-checks.sh',
  ]);
  // RFC 7143, section 4.2.7.3: what stands behind the naming authority is for it to give
  const authority = /^\s*InitiatorName=\s*"?(iqn\.\d{4}-\d{2}\.[a-z0-9.-]{1,100})/im.exec(text)?.[1];
  const name = `${authority ?? 'iqn.2016-04.com.open-iscsi'}:${hexFor(INITIATOR).slice(0, 12)}`;
  const own = setAssignment(text, 'InitiatorName', name);
  await draft.write('machine-id', INITIATOR, makes === null ? own : 'GenerateName=yes\n');
  return 'written';
}
