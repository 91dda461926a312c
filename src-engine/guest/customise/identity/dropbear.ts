/** Host keys of dropbear, the other SSH server: without them it does not start, unless it is told to make them. */
import { CannotChange } from '../cannot-change.ts';
import type { GuestDraft } from '../draft.ts';
import { addService, UNIT_FOLDERS } from '../services.ts';
import { splitLines } from '../text-lines.ts';
import type { Traits } from '../traits.ts';

const FOLDER = '/etc/dropbear';
const KEY = /^dropbear_([a-z0-9]{1,20})_host_key(?:\.pub)?$/;

/** Of Fedora and Arch. */
const MAKERS = UNIT_FOLDERS.flatMap((folder) => [`${folder}/dropbear-keygen.service`, `${folder}/dropbearkey.service`]);
/** Where it is said how the server starts: with `-R` it makes keys that are missing, and some scripts do. */
const STARTS = [
  '/etc/default/dropbear',
  '/etc/conf.d/dropbear',
  '/etc/sysconfig/dropbear',
  '/etc/init.d/dropbear',
  ...UNIT_FOLDERS.map((folder) => `${folder}/dropbear.service`),
];

/** @returns whether there are any @throws CannotChange where nothing would make new ones */
export async function renewDropbearKeys(draft: GuestDraft, traits: Traits): Promise<boolean> {
  const keys = (await draft.names(FOLDER)).filter((name) => KEY.test(name));
  if (keys.length === 0) return false;
  const program = await draft.files.firstOf(['/usr/bin/dropbearkey', '/usr/sbin/dropbearkey', '/bin/dropbearkey']);
  const maker = await ownMaker(draft);
  if (program === null && maker === null) throw new CannotChange('ssh-keygen-missing');
  for (const name of keys) await draft.remove('ssh-host-keys', `${FOLDER}/${name}`);
  const count = keys.length;
  if (maker !== null) {
    draft.can('ssh-host-keys', 'ssh-keys-by-guest', { count, path: maker });
    return true;
  }
  const kinds = [...new Set(keys.map((name) => KEY.exec(name)![1]))];
  const pathOf = (kind: string) => `${FOLDER}/dropbear_${kind}_host_key`;
  const steps = kinds.map((kind) => `test -e ${pathOf(kind)} || ${program} -t ${kind} -f ${pathOf(kind)}`);
  const [path] = await addService(draft, 'ssh-host-keys', traits, {
    name: 'diskpress-dropbear-host-keys',
    description: 'Host keys of dropbear that are missing',
    // a kind that its version does not know any more holds up no other
    command: `/bin/sh -c "${steps.join('; ')}; true"`,
    onlyIf: kinds.map((kind) => `|!${pathOf(kind)}`),
    isEarly: true,
    before: ['dropbear.service', 'dropbear.socket'],
  });
  draft.can('ssh-host-keys', 'ssh-keys-by-unit', { count, path });
  return true;
}

async function ownMaker(draft: GuestDraft): Promise<string | null> {
  const unit = await draft.files.firstOf(MAKERS);
  if (unit !== null) return unit;
  for (const path of STARTS) {
    const lines = splitLines((await draft.glance(path)) ?? '').filter(({ body }) => !/^\s*#/.test(body));
    if (lines.some(({ body }) => /dropbearkey|(?:^|[\s"'=])-[A-Za-z]*R/.test(body))) return path;
  }
  return null;
}
