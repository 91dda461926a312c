/** SSH host keys: removed, and made anew at the next start, by the guest's own means where it has them. */
import { CannotChange } from '../cannot-change.ts';
import { shown, type GuestDraft } from '../draft.ts';
import { iniValue } from '../ini-edit.ts';
import { addService, UNIT_FOLDERS } from '../services.ts';
import { sshdConfig } from '../sshd-config.ts';
import type { Traits } from '../traits.ts';

const FOLDER = '/etc/ssh';
const KEY = /^ssh_host_(?:[A-Za-z0-9]+_)?key(?:-cert)?(?:\.pub)?$/;

/** What makes missing keys before sshd starts: units of Red Hat's family, SUSE, Arch. */
const UNITS = ['sshd-keygen.service', 'sshd-keygen@.service', 'sshd-keygen.target', 'sshdgenkeys.service'];
const PROGRAMS = ['/usr/sbin/sshd-gen-keys-start', '/usr/libexec/openssh/sshd-keygen', '/usr/sbin/sshd-keygen'];
const SCRIPTS = ['/etc/rc.d/init.d/sshd', '/etc/init.d/sshd', '/etc/init.d/ssh'];

/** @param hasOthers another SSH server has some, which are told already */
export async function renewSshHostKeys(draft: GuestDraft, traits: Traits, hasOthers: boolean): Promise<void> {
  const keys = (await draft.names(FOLDER)).filter((name) => KEY.test(name));
  for (const name of keys) await draft.remove('ssh-host-keys', `${FOLDER}/${name}`);
  const others = await keysElsewhere(draft);
  if (others.length > 0) draft.cannot('ssh-host-keys', 'ssh-keys-elsewhere', { paths: others });
  const hasServer = (await draft.files.firstOf(['/usr/sbin/sshd', '/usr/bin/sshd'])) !== null;
  // of a system that was prepared to be copied they are gone already, and have to come back all the same
  if (keys.length === 0 && !hasServer) {
    if (!hasOthers) draft.can('ssh-host-keys', 'nothing-there');
    return;
  }
  const maker = await ownMaker(draft);
  if (maker !== null) return draft.can('ssh-host-keys', 'ssh-keys-by-guest', { count: keys.length, path: maker });
  const program = await draft.files.firstOf(['/usr/bin/ssh-keygen', '/bin/ssh-keygen']);
  // without keys that come back the machine could not be reached any more
  if (program === null) throw new CannotChange('ssh-keygen-missing');
  const paths = await addService(draft, 'ssh-host-keys', traits, {
    name: 'diskpress-ssh-host-keys',
    description: 'SSH host keys that are missing',
    command: `${program} -A`,
    onlyIf: [`|!${FOLDER}/ssh_host_rsa_key`, `|!${FOLDER}/ssh_host_ed25519_key`],
    isEarly: true,
    before: ['ssh.service', 'ssh.socket', 'sshd.service', 'sshd.socket'],
  });
  draft.can('ssh-host-keys', 'ssh-keys-by-unit', { count: keys.length, path: paths[0] });
}

async function ownMaker(draft: GuestDraft): Promise<string | null> {
  for (const path of UNIT_FOLDERS.flatMap((folder) => UNITS.map((unit) => `${folder}/${unit}`))) {
    const text = await draft.glance(path);
    // Debian 13 has one for first boots only, which a start with an empty machine id is not: machine-id(5)
    if (text !== null && !/^\|?(?:yes|true|1|on)$/i.test(iniValue(text, 'Unit', 'ConditionFirstBoot'))) return path;
  }
  const program = await draft.files.firstOf(PROGRAMS);
  if (program !== null) return program;
  for (const path of SCRIPTS)
    if (/ssh-?keygen|gen_keys|do_rsa_keygen/i.test((await draft.glance(path)) ?? '')) return path;
  return null;
}

/** Keys that sshd_config names in other places: nothing in the guest would make them again. */
async function keysElsewhere(draft: GuestDraft): Promise<string[]> {
  const text = await sshdConfig(draft);
  const named = [...text.matchAll(/^[ \t]*HostKey[ \t=]+"?(\/[^\s"]{1,300})/gim)].map(([, path]) => path).slice(0, 20);
  const elsewhere: string[] = [];
  for (const path of named) {
    const isOwn = path.startsWith(`${FOLDER}/`) && KEY.test(path.slice(FOLDER.length + 1));
    if (!isOwn && (await draft.files.exists(path))) elsewhere.push(shown(path));
  }
  return elsewhere;
}
