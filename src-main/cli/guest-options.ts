/** What a deploy changes inside the guest: options, a table with a row for each target, and files that both name. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import {
  FileSettingSchema,
  FirstBootSchema,
  GroupNameSchema,
  HostNamePatternSchema,
  IDENTITIES,
  IDENTITY_THINGS,
  SeveralSettingsSchema,
  UserSettingSchema,
  type CommandParams,
  type EngineClient,
  type GroupName,
  type GuestSettings,
  type IdentityThing,
} from '../../src-engine/contract/index.ts';
import { readInput } from '../../src-engine/host/read-input.ts';
import { networkCard } from '../../src-engine/host/network-option.ts';
import { readPassword } from '../../src-engine/host/read-password.ts';
import { collect, oneOf, wordOf } from './options.ts';
import { readTable } from './settings-table.ts';
import type { Words } from './words.ts';
import { wrong, wrongForm } from './wrong-option.ts';

const MAX_KEY_FILE_BYTES = 1024 * 1024;
/** As many characters of base64 as the engine takes. */
const MAX_FILE_BYTES = 12 * 1024 * 1024;

interface UserOption {
  name: string;
  passwordFile?: string;
  sshKeys: string[];
  groups: string[];
}

export interface GuestOptions {
  identity?: (typeof IDENTITIES)[number];
  keep?: IdentityThing[];
  renameGroup?: GroupName[];
  hostname?: string;
  domain?: string;
  network?: string[];
  user?: UserOption[];
  timezone?: string;
  locale?: string;
  keyboard?: string;
  file?: string[];
  firstBoot?: string[];
  table?: string;
}

type PlanParams = Pick<
  CommandParams<'deploy.planAll'>,
  'targets' | 'identity' | 'keep' | 'groupNames' | 'settings' | 'each'
>;

/** What follows a `--user` belongs to that user. */
export function addGuestOptions(command: Command, { t }: Words): Command {
  const help = (name: string) => t(`cli.help.${name}`);
  const users: UserOption[] = [];
  const ofUser = (option: string, put: (user: UserOption, value: string) => void) => (value: string) => {
    const user = users.at(-1);
    if (!user) throw wrong(t('cli.wrong.before-user', { option }));
    put(user, value);
    return value;
  };
  return command
    .option(`--identity ${oneOf(IDENTITIES)}`, help('identity'), wordOf('--identity', IDENTITIES))
    .option('--keep <thing>', help('keep'), (thing, things: IdentityThing[] = []) => [
      ...things,
      wordOf('--keep', IDENTITY_THINGS)(thing),
    ])
    .option('--rename-group <old=new>', help('rename-group'), (typed, names: GroupName[] = []) => [
      ...names,
      groupName(typed, t),
    ])
    .option('--hostname <name|pattern>', help('hostname'))
    .option('--domain <domain>', help('domain'))
    .option('--network <card=how>', help('network'), collect)
    .option('--user <name>', help('user'), (name) => {
      users.push({ name, sshKeys: [], groups: [] });
      return users;
    })
    .option(
      '--password-file <file>',
      help('user-password'),
      ofUser('--password-file', (user, file) => (user.passwordFile = file)),
    )
    .option(
      '--ssh-key <file>',
      help('ssh-key'),
      ofUser('--ssh-key', (user, file) => user.sshKeys.push(file)),
    )
    .option(
      '--groups <group,...>',
      help('groups'),
      ofUser('--groups', (user, list) => user.groups.push(...list.split(',').map((group) => group.trim()))),
    )
    .option('--timezone <zone>', help('timezone'))
    .option('--locale <locale>', help('locale'))
    .option('--keyboard <layout>', help('keyboard'))
    .option('--file <source=path>', help('file'), collect)
    .option('--first-boot <script>', help('first-boot'), collect)
    .option('--table <file>', help('table'));
}

/**
 * Reads what the options name. Passwords are hashed by the engine at once, and go no further.
 * @throws CommandError `BAD_REQUEST` with the option, or the line and column of the table; those of reading files
 */
export async function guestParams(
  targets: readonly string[],
  options: GuestOptions,
  words: Words,
  client: EngineClient,
): Promise<PlanParams> {
  const { t } = words;
  const { keep = [], identity } = options;
  const rows = options.table === undefined ? null : await readTable(options.table, words);
  if (rows && targets.length > 0) throw wrong(t('cli.wrong.table-and-targets'));
  if (!rows && targets.length === 0) throw wrong(t('cli.wrong.no-target'));
  const settings = await settingsOf(options, words, client);
  return {
    targets: rows ? rows.map(({ target }) => target) : [...targets],
    identity,
    keep,
    groupNames: options.renameGroup ?? [],
    ...(settings && { settings }),
    ...(rows && { each: rows.map((row) => row.settings) }),
  };
}

/** @throws CommandError `BAD_REQUEST` for what is not two names */
function groupName(typed: string, t: Words['t']): GroupName {
  const [, group, name] = /^([^=]+)=([^=]+)$/.exec(typed) ?? [];
  const read = GroupNameSchema.safeParse({ group, name });
  if (!read.success) throw wrongForm(t, '--rename-group', typed);
  return read.data;
}

async function settingsOf(
  options: GuestOptions,
  { t }: Words,
  client: EngineClient,
): Promise<PlanParams['settings'] | null> {
  const { hostname, domain, timezone, locale, keyboard } = options;
  const bad = (option: string, value: string) => wrongForm(t, option, value);
  if (hostname !== undefined && !HostNamePatternSchema.safeParse(hostname).success) throw bad('--hostname', hostname);
  for (const [name, value] of Object.entries({ domain, timezone, locale, keyboard })) {
    const field = SeveralSettingsSchema.shape[name as 'domain' | 'timezone' | 'locale' | 'keyboard'];
    if (!field.safeParse(value).success) throw bad(`--${name}`, String(value));
  }
  const settings = {
    ...(hostname !== undefined && { hostname }),
    ...(domain !== undefined && { domain }),
    ...(timezone !== undefined && { timezone }),
    ...(locale !== undefined && { locale }),
    ...(keyboard !== undefined && { keyboard }),
    network: (options.network ?? []).map((text) => networkCard(text) ?? refuse(bad('--network', text))),
    users: [] as GuestSettings['users'],
    files: [] as GuestSettings['files'],
    firstBoot: [] as GuestSettings['firstBoot'],
  };
  for (const user of options.user ?? []) settings.users.push(await userOf(user, bad, client));
  for (const text of options.file ?? []) settings.files.push(await fileOf(text, bad));
  for (const path of options.firstBoot ?? []) {
    const base64 = (await readInput(path, MAX_FILE_BYTES)).toString('base64');
    const parsed = FirstBootSchema.safeParse({ name: basename(path), base64 });
    settings.firstBoot.push(parsed.data ?? refuse(bad('--first-boot', path)));
  }
  const isNothing = Object.values(settings).every((value) => Array.isArray(value) && value.length === 0);
  return isNothing ? null : settings;
}

function refuse(error: Error): never {
  throw error;
}

/** sshd(8), AUTHORIZED_KEYS FILE FORMAT: options, if any, the type, the key in base64, a comment. */
const SSH_KEY = /^(?:[^\r\n\0]* )?(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ AAAA[0-9A-Za-z+/=]{16,}(?: [^\r\n\0]*)?$/;

async function userOf(
  { name, passwordFile, sshKeys, groups }: UserOption,
  bad: (option: string, value: string) => Error,
  client: EngineClient,
): Promise<GuestSettings['users'][number]> {
  const keys: string[] = [];
  for (const file of sshKeys) {
    const text = (await readInput(file, MAX_KEY_FILE_BYTES)).toString('utf8');
    // a private key that was named by mistake goes nowhere
    if (text.includes('PRIVATE KEY')) throw bad('--ssh-key', file);
    const lines = text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '' && !line.startsWith('#'));
    // a password that was named by mistake goes nowhere either
    if (lines.length === 0 || !lines.every((line) => SSH_KEY.test(line))) throw bad('--ssh-key', file);
    keys.push(...lines);
  }
  const password = passwordFile === undefined ? null : await readPassword(passwordFile);
  const passwordHash = password === null ? undefined : (await client.call('password.hash', { password })).hash;
  const parsed = UserSettingSchema.safeParse({ name, passwordHash, sshKeys: keys, groups });
  return parsed.data ?? refuse(bad('--user', name));
}

/** `SOURCE=PATH[,mode=M]` */
async function fileOf(
  text: string,
  bad: (option: string, value: string) => Error,
): Promise<GuestSettings['files'][number]> {
  const [, source, path, mode = '644'] = /^(.+?)=(\/.*?)(?:,mode=([0-7]{3,4}))?$/.exec(text) ?? [];
  if (source === undefined) throw bad('--file', text);
  const base64 = (await readInput(source, MAX_FILE_BYTES)).toString('base64');
  const parsed = FileSettingSchema.safeParse({ path, base64, mode: parseInt(mode, 8) });
  return parsed.data ?? refuse(bad('--file', text));
}
