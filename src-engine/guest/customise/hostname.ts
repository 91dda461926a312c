/** The name of the machine, and the lines of /etc/hosts that say where it is. */
import { HostNameSchema, type GuestSettings } from '../../contract/deploy.contract.ts';
import type { Guest } from '../../contract/guest.contract.ts';
import { domainOf } from '../linux/domain.ts';
import { CannotChange } from './cannot-change.ts';
import type { GuestDraft } from './draft.ts';
import { hasAssignment, setAssignment } from './shell-assignments.ts';
import { appendLines, lineEnd, splitLines } from './text-lines.ts';
import type { Traits } from './traits.ts';

/** Names that every machine has. */
const COMMON = /^(localhost|ip6-|loopback)/;

/** @throws CannotChange */
export async function setHostname(
  draft: GuestDraft,
  guest: Guest,
  traits: Traits,
  settings: GuestSettings,
): Promise<void> {
  const old = guest.hostname.value ?? '';
  // only the domain is set, and what the guest calls itself goes into files again
  const wanted = settings.hostname ?? (settings.domain ? old.split('.')[0] : old);
  if (!HostNameSchema.safeParse(wanted).success) throw new CannotChange('hostname-unknown');
  const short = wanted.split('.')[0];
  const domain = settings.domain ?? (await capturedDomain(draft, guest));
  const full = wanted.includes('.') || !domain ? wanted : `${short}.${domain}`;
  // systems of Red Hat's family have no other place for the domain, and others may have it there, too
  const isWhole = (traits.isRedHat && settings.domain !== undefined) || old.includes('.');
  const name = isWhole ? full : wanted;

  const paths: string[] = [];
  if (!traits.isOldRedHat) {
    const path =
      (await isFile(draft, '/etc/hostname')) || !(await isFile(draft, '/etc/HOSTNAME'))
        ? '/etc/hostname'
        : '/etc/HOSTNAME';
    const comments = splitLines((await draft.text(path)) ?? '').filter(({ body }) => body.startsWith('#'));
    await draft.write('hostname', path, `${comments.map(({ body }) => `${body}\n`).join('')}${name}\n`);
    paths.push(path);
  }
  paths.push(...(await setInSysconfig(draft, traits, name)), ...(await renameElsewhere(draft, old, full)));
  await draft.write(
    'hostname',
    '/etc/hosts',
    hostsWith(await draft.text('/etc/hosts'), { old, short, full, address: firstAddress(settings) }),
  );
  paths.push('/etc/hosts');
  draft.can('hostname', 'written-to', { name, paths });
}

/** A new name does not take the machine out of its domain. @returns '' where none is known */
export async function capturedDomain({ files }: GuestDraft, guest: Guest): Promise<string> {
  const domain = await domainOf(files, guest.hostname.value ?? '');
  return HostNameSchema.safeParse(domain).success ? domain : '';
}

const isFile = async (draft: GuestDraft, path: string) => (await draft.glance(path)) !== null;

/** CentOS 5 and 6 name the machine there; later releases have the file without a name. */
async function setInSysconfig(draft: GuestDraft, traits: Traits, name: string): Promise<string[]> {
  const path = '/etc/sysconfig/network';
  const text = traits.isOldRedHat ? await draft.text(path) : await draft.glance(path);
  if (text === null && !traits.isOldRedHat) return [];
  if (text !== null && !traits.isOldRedHat && !hasAssignment(text, 'HOSTNAME')) return [];
  await draft.write('hostname', path, setAssignment(text ?? 'NETWORKING=yes\n', 'HOSTNAME', name));
  return [path];
}

/** Where mail comes from, and the name that a DHCP server is told. */
async function renameElsewhere(draft: GuestDraft, old: string, full: string): Promise<string[]> {
  const paths: string[] = [];
  const mail = await draft.glance('/etc/mailname');
  const mailName = mail?.trim() ?? '';
  if (old !== '' && !COMMON.test(old) && mailName.split('.')[0] === old.split('.')[0]) {
    await draft.write('hostname', '/etc/mailname', `${full}\n`);
    paths.push('/etc/mailname');
  }
  const folder = '/etc/sysconfig/network-scripts';
  for (const name of (await draft.files.names(folder)).filter((one) => /^ifcfg-[\w.:-]{1,100}$/.test(one))) {
    const text = await draft.glance(`${folder}/${name}`);
    if (text === null || !hasAssignment(text, 'DHCP_HOSTNAME')) continue;
    await draft.write('hostname', `${folder}/${name}`, setAssignment(text, 'DHCP_HOSTNAME', full));
    paths.push(`${folder}/${name}`);
  }
  return paths;
}

function firstAddress({ network }: GuestSettings): string | null {
  for (const { ipv4 } of network) if (typeof ipv4 === 'object') return ipv4.addresses[0].split('/')[0];
  return null;
}

interface Names {
  readonly old: string;
  readonly short: string;
  readonly full: string;
  /** that the network settings give, if any */
  readonly address: string | null;
}

/**
 * The old names become the new one; a line that gave the old machine an address of its own gives the new one's, where that is
 * known. Where no line has the new name after that, 127.0.1.1 is it, as Debian's installer does: without, sudo waits for DNS.
 */
function hostsWith(text: string | null, { old, short, full, address }: Names): string {
  if (text === null || text.trim() === '') {
    return [
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      `127.0.1.1\t${own(short, full)}`,
      '',
    ].join('\n');
  }
  const oldShort = old.split('.')[0].toLowerCase();
  const isOld = (word: string) => {
    const name = word.toLowerCase();
    return oldShort !== '' && !COMMON.test(oldShort) && (name === oldShort || name.startsWith(`${oldShort}.`));
  };
  const isNew = (word: string) =>
    word.toLowerCase() === short.toLowerCase() || word.toLowerCase() === full.toLowerCase();
  let hasNew = false;
  let afterLocalhost = 0;
  const lines = splitLines(text).map(({ body, end }, index) => {
    const comment = body.indexOf('#');
    const content = comment < 0 ? body : body.slice(0, comment);
    const [place, ...names] = content.trim().split(/\s+/);
    const isLoopback = place.startsWith('127.') || place === '::1';
    if (place === '127.0.0.1') afterLocalhost = index + 1;
    if (!names.some(isOld)) {
      hasNew ||= names.some(isNew) && (isLoopback || place === address);
      return body + end;
    }
    hasNew = true;
    const isReplaced = !isLoopback && address !== null && !place.includes(':');
    return (
      renamed(content, isReplaced ? address : place, (word) => isOld(word) || isNew(word), own(short, full)) +
      body.slice(content.length) +
      end
    );
  });
  if (hasNew) return lines.join('');
  const line = `127.0.1.1\t${own(short, full)}`;
  if (afterLocalhost === 0 || !lines[afterLocalhost - 1].endsWith('\n')) return appendLines(lines.join(''), [line]);
  lines.splice(afterLocalhost, 0, line + lineEnd(text));
  return lines.join('');
}

/** The name that is asked for by address comes first. */
const own = (short: string, full: string) => (short === full ? short : `${full} ${short}`);

/** The first word that is replaced becomes `name`, others of them go; what is between the others stays. */
function renamed(line: string, address: string, isReplaced: (word: string) => boolean, name: string): string {
  let words = 0;
  let isDone = false;
  return line.replace(/(\s*)(\S+)/g, (all, space: string, word: string) => {
    if (words++ === 0) return space + address;
    if (!isReplaced(word)) return all;
    const made = isDone ? '' : space + name;
    isDone = true;
    return made;
  });
}
