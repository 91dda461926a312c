/** Keys with which somebody logs in by SSH: authorized_keys in the home folder. */
import type { Account } from './account-files.ts';
import { CannotChange } from './cannot-change.ts';
import { shown, type GuestDraft } from './draft.ts';
import { sshdConfig, sshdValue } from './sshd-config.ts';
import { appendLines, splitLines } from './text-lines.ts';

/** @throws CannotChange */
export async function addSshKeys(
  draft: GuestDraft,
  { name, home, userId, groupId }: Account,
  keys: readonly string[],
): Promise<void> {
  const owner = { userId, groupId };
  const folder = `${home}/.ssh`;
  const path = `${folder}/authorized_keys`;
  await checkServer(draft, name);
  // who owns the folder says where its links lead: with the rights of root nothing is written behind them
  for (const one of [folder, path]) {
    if ((await draft.files.linkTarget(one)) !== null) throw new CannotChange('link-in-home', { path: shown(one) });
  }
  if (!(await draft.exists(home))) await draft.folder('users', home, 0o700, owner);
  await draft.folder('users', folder, 0o700, owner);
  const text = (await draft.text(path)) ?? '';
  const there = new Set(splitLines(text).map(({ body }) => body.trim()));
  const added = [...new Set(keys.map((key) => key.trim()))].filter((key) => key !== '' && !there.has(key));
  await draft.write(
    'users',
    path,
    appendLines(
      text,
      added.map((key) => Buffer.from(key, 'utf8').toString('latin1')),
    ),
    {
      mode: 0o600,
      owner,
      isSecret: true,
    },
  );
  draft.can('users', 'ssh-keys-added', { name, count: added.length, path: shown(path) });
}

/** What the server is told for everybody; blocks of `Match` are not looked into. */
async function checkServer(draft: GuestDraft, name: string): Promise<void> {
  const global = await sshdConfig(draft);
  const value = (key: string) => sshdValue(global, key);
  const files = value('AuthorizedKeysFile');
  if (
    files !== '' &&
    !files.split(/\s+/).some((file) => /^(?:%h\/)?\.ssh\/authorized_keys$/.test(file.replaceAll('"', '')))
  ) {
    throw new CannotChange('ssh-keys-read-elsewhere', { name, path: shown(files) });
  }
  const allowed = value('AllowUsers');
  const isShut =
    (name === 'root' && value('PermitRootLogin').toLowerCase() === 'no') ||
    value('PubkeyAuthentication').toLowerCase() === 'no' ||
    (allowed !== '' && !allowed.split(/\s+/).some((one) => one === name || /[*?@]/.test(one)));
  if (isShut) draft.cannot('users', 'ssh-refuses-user', { name, path: '/etc/ssh/sshd_config' });
  if (
    (await draft.files.firstOf(['/usr/sbin/sshd', '/usr/bin/sshd', '/usr/sbin/dropbear', '/etc/ssh/sshd_config'])) ===
    null
  ) {
    draft.cannot('users', 'ssh-server-missing', { name });
  }
}
