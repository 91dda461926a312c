/** People of the guest: made or changed, with password, keys and groups. */
import type { UserSetting } from '../../contract/deploy.contract.ts';
import { type Account, entryOf, freeId, idIn, idsIn, withEntry, withMember, withNewEntry } from './account-files.ts';
import { CannotChange } from './cannot-change.ts';
import { ROOT, shown, type GuestDraft, type Owner } from './draft.ts';
import { readLoginDefs, type LoginDefs } from './login-defs.ts';
import { addSshKeys } from './ssh-keys.ts';
import type { Traits } from './traits.ts';

const PASSWD = '/etc/passwd';
const SHADOW = '/etc/shadow';
const GROUP = '/etc/group';
const GSHADOW = '/etc/gshadow';
const DAY_MS = 24 * 60 * 60 * 1000;

/** Who may become root: the one name is Debian's, the other Red Hat's, SUSE's, Arch's. */
const ADMINISTRATORS = ['sudo', 'wheel'];

/** One user, all of it or nothing. @throws CannotChange */
export async function setUser(draft: GuestDraft, traits: Traits, user: UserSetting, nowMs: number): Promise<void> {
  const defs = await readLoginDefs(draft, traits);
  const passwd = await draft.text(PASSWD);
  if (passwd === null) throw new CannotChange('file-missing', { path: PASSWD });
  const existing = entryOf(passwd, user.name);
  if (existing && existing.length < 7) throw new CannotChange('account-line', { path: PASSWD, name: user.name });
  const account = existing ? accountOf(user.name, existing) : await makeAccount(draft, defs, passwd, user.name);
  await setPassword(draft, traits, defs, user, existing, Math.floor(nowMs / DAY_MS));
  const missing = await joinGroups(draft, account, user.groups);
  draft.can('users', existing ? 'user-changed' : 'user-made', {
    name: user.name,
    id: account.userId,
    home: shown(account.home),
  });
  if (missing.length > 0) draft.cannot('users', 'groups-missing', { name: user.name, groups: missing });
  if (user.sshKeys.length > 0) await addSshKeys(draft, account, user.sshKeys);
  if (user.passwordHash === undefined && user.sshKeys.length === 0 && !existing)
    draft.can('users', 'user-cannot-log-in', { name: user.name });
  await tellAboutSudo(draft, user, existing !== null);
}

function accountOf(name: string, fields: readonly string[]): Account {
  const home = fields[5];
  if (!/^\/[^\0]{0,1000}$/.test(home) || home.split('/').includes('..'))
    throw new CannotChange('account-line', { path: PASSWD, name });
  return { name, userId: idIn(PASSWD, fields, 2), groupId: idIn(PASSWD, fields, 3), home };
}

async function makeAccount(draft: GuestDraft, defs: LoginDefs, passwd: string, name: string): Promise<Account> {
  const group = await draft.text(GROUP);
  if (group === null) throw new CannotChange('file-missing', { path: GROUP });
  const userIds = idsIn(passwd);
  const groupIds = idsIn(group);
  const userId = freeId(userIds, defs.minUserId, defs.maxUserId, PASSWD);
  const groupId = await groupFor(draft, defs, name, group, userId, groupIds);
  const home = `/home/${name}`;
  const shell = (await draft.files.firstOf(['/bin/bash', '/usr/bin/bash'])) ?? '/bin/sh';
  await draft.write(
    'users',
    PASSWD,
    withNewEntry(passwd, [name, 'x', String(userId), String(groupId), '', home, shell]),
  );
  const account = { name, userId, groupId, home };
  await makeHome(draft, defs, account);
  await addSubordinateIds(draft, name);
  return account;
}

/** A group of the user's own, with the same id where that is free; else the group of all users. */
async function groupFor(
  draft: GuestDraft,
  defs: LoginDefs,
  name: string,
  group: string,
  userId: number,
  taken: ReadonlySet<number>,
): Promise<number> {
  const existing = entryOf(group, name);
  if (existing) return idIn(GROUP, existing, 2);
  if (!defs.hasUserGroups) {
    const users = entryOf(group, 'users');
    if (users) return idIn(GROUP, users, 2);
  }
  const groupId = taken.has(userId) ? freeId(taken, defs.minGroupId, defs.maxGroupId, GROUP) : userId;
  await draft.write('users', GROUP, withNewEntry(group, [name, 'x', String(groupId), '']));
  const gshadow = await draft.text(GSHADOW);
  if (gshadow !== null && !entryOf(gshadow, name)) {
    await draft.write('users', GSHADOW, withNewEntry(gshadow, [name, '!', '', '']), { isSecret: true });
  }
  return groupId;
}

/** The folder, and what the guest has for new ones. One that is there already stays as it is, with a new owner. */
async function makeHome(draft: GuestDraft, defs: LoginDefs, { home, userId, groupId }: Account): Promise<void> {
  const owner = { userId, groupId };
  const isThere = await draft.files.exists(home);
  await draft.folder('users', home, defs.homeMode, owner);
  if (!isThere) await copySkeleton(draft, '/etc/skel', home, owner, 0);
}

const MAX_SKELETON_DEPTH = 6;
const MAX_SKELETON_FILES = 500;

async function copySkeleton(draft: GuestDraft, from: string, to: string, owner: Owner, depth: number): Promise<void> {
  for (const name of (await draft.names(from)).slice(0, MAX_SKELETON_FILES)) {
    const target = await draft.files.linkTarget(`${from}/${name}`);
    if (target !== null) {
      await draft.link('users', `${to}/${name}`, target);
      continue;
    }
    const node = (await draft.files.find(`${from}/${name}`))?.node;
    if (node?.kind === 'folder' && depth < MAX_SKELETON_DEPTH) {
      await draft.folder('users', `${to}/${name}`, node.mode ?? 0o755, owner);
      await copySkeleton(draft, `${from}/${name}`, `${to}/${name}`, owner, depth + 1);
    } else if (node?.kind === 'file') {
      const text = await draft.text(`${from}/${name}`);
      await draft.write('users', `${to}/${name}`, text ?? '', { mode: node.mode ?? 0o644, owner });
    }
  }
}

/** subuid(5): without ranges of their own, people run no containers. */
async function addSubordinateIds(draft: GuestDraft, name: string): Promise<void> {
  const count = 65_536;
  for (const path of ['/etc/subuid', '/etc/subgid']) {
    const text = await draft.glance(path);
    if (text === null || entryOf(text, name)) continue;
    const ends = text
      .split('\n')
      .map((line) => /^[^:]*:(\d{1,10}):(\d{1,10})\s*$/.exec(line))
      .map((found) => (found ? Number(found[1]) + Number(found[2]) : 0));
    const start = ends.reduce((a, b) => Math.max(a, b), 100_000);
    if (start + count < 2 ** 32)
      await draft.write('users', path, withNewEntry(text, [name, String(start), String(count)]));
  }
}

async function setPassword(
  draft: GuestDraft,
  traits: Traits,
  defs: LoginDefs,
  user: UserSetting,
  existing: string[] | null,
  today: number,
): Promise<void> {
  const { name, passwordHash } = user;
  if (existing && passwordHash === undefined) return;
  if (passwordHash !== undefined && !(await knowsHash(draft, traits, passwordHash))) {
    throw new CannotChange('hash-unknown', { name, method: passwordHash.split('$')[1] });
  }
  const shadow = await draft.text(SHADOW);
  if (shadow === null) throw new CannotChange('file-missing', { path: SHADOW });
  // `*`: no password, and no lock either, for which some servers would take no key
  const hash = passwordHash ?? '*';
  const fresh = [
    name,
    hash,
    String(today),
    String(defs.minDays),
    String(defs.maxDays),
    String(defs.warnDays),
    '',
    '',
    '',
  ];
  const edited = entryOf(shadow, name)
    ? withEntry(shadow, name, (fields) => [name, hash, String(today), ...fields.slice(3)])
    : withNewEntry(shadow, fresh);
  await draft.write('users', SHADOW, edited, { isSecret: true });
  // a password beside it in the file that everybody reads would go before
  if (existing && existing[1] !== 'x') {
    await draft.edit('users', PASSWD, (text) => withEntry(text, name, (fields) => [name, 'x', ...fields.slice(2)]));
  }
}

/** glibc's own crypt(3) knows MD5 and SHA; what came later is of libxcrypt. */
async function knowsHash(draft: GuestDraft, traits: Traits, hash: string): Promise<boolean> {
  const method = hash.split('$')[1];
  if (method === '1' || method === '5' || method === '6') return true;
  if (traits.distribution === 'alpine') return method.startsWith('2');
  const folders = [
    '/lib64',
    '/usr/lib64',
    '/lib/x86_64-linux-gnu',
    '/usr/lib/x86_64-linux-gnu',
    '/lib/aarch64-linux-gnu',
    '/usr/lib',
  ];
  for (const folder of folders) {
    if ((await draft.files.names(folder)).some((name) => /^libcrypt\.so\.(?:1\.1|2)/.test(name))) return true;
  }
  return false;
}

/** @returns groups that are not there */
async function joinGroups(draft: GuestDraft, { name, groupId }: Account, groups: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const asked of new Set(groups)) {
    const text = (await draft.text(GROUP)) ?? '';
    const others = ADMINISTRATORS.includes(asked) ? ADMINISTRATORS : [];
    const group = [asked, ...others].find((one) => entryOf(text, one));
    if (group === undefined) {
      missing.push(asked);
      continue;
    }
    if (entryOf(text, group)?.[2] === String(groupId)) continue;
    await draft.write(
      'users',
      GROUP,
      withEntry(text, group, (fields) => withMember(fields, name)),
    );
    await draft.edit('users', GSHADOW, (gshadow) => withEntry(gshadow, group, (fields) => withMember(fields, name)), {
      isSecret: true,
    });
  }
  return missing;
}

/** Whoever is to become root needs a rule for the group, and a password to give. */
async function tellAboutSudo(draft: GuestDraft, user: UserSetting, isExisting: boolean): Promise<void> {
  if (!user.groups.some((group) => ADMINISTRATORS.includes(group))) return;
  const text = (await draft.glance('/etc/sudoers')) ?? '';
  if (text === '') return draft.cannot('users', 'sudo-missing', { name: user.name });
  if (!/^[ \t]*%(?:sudo|wheel)[ \t]/m.test(text)) {
    const groups = (await draft.glance(GROUP)) ?? '';
    const group = ADMINISTRATORS.find((one) => entryOf(groups, one));
    if (group === undefined) return;
    const path = '/etc/sudoers.d/diskpress';
    if (!/^[#@]includedir[ \t]+\/etc\/sudoers\.d/m.test(text))
      return draft.cannot('users', 'sudo-no-rule', { name: user.name, path: '/etc/sudoers' });
    await draft.write('users', path, `%${group} ALL=(ALL) ALL\n`, { mode: 0o440, owner: ROOT });
    draft.can('users', 'sudo-rule-added', { path, group });
  }
  if (user.passwordHash === undefined && !isExisting) draft.cannot('users', 'sudo-needs-password', { name: user.name });
}
