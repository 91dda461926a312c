/** How an installed Linux is set up, as its own files say it: what a deploy leaves as it is unless somebody says otherwise. */
import { GuestSettingsSchema, UserSettingSchema, type RecordedSettings } from '../../contract/deploy.contract.ts';
import type { GuestFiles } from '../guest-files.ts';
import type { GuestVolume } from '../guest-input.ts';
import { parseAssignments } from '../linux/assignments.ts';
import { domainOf } from '../linux/domain.ts';
import { readIdentity } from '../linux/identity.ts';
import { openGuestFiles } from '../open-guest-files.ts';
import { recordedCards } from './recorded-cards.ts';

const MAX_USERS = 64;
const MAX_LINES = 5000;

/**
 * What a guest says is taken only where a setting could say it, too.
 * @returns null where no Linux is found; throws nothing but an abort
 */
export async function readRecordedSettings(
  volumes: readonly GuestVolume[],
  signal: AbortSignal,
): Promise<RecordedSettings | null> {
  const opened = await openGuestFiles(volumes, signal);
  if (opened?.family !== 'linux') return null;
  const { files } = opened;
  const { hostname } = await readIdentity(files);
  const name = hostname.value ?? '';
  return {
    hostname: sound('hostname', name.split('.')[0]),
    domain: sound('domain', await domainOf(files, name)),
    timezone: sound('timezone', await timezoneOf(files)),
    locale: sound(
      'locale',
      await assigned(files, ['/etc/locale.conf', '/etc/default/locale', '/etc/sysconfig/i18n'], 'LANG'),
    ),
    keyboard: sound('keyboard', await keyboardOf(files)),
    network: await recordedCards(files),
    users: await peopleIn(files),
  };
}

type Named = 'hostname' | 'domain' | 'timezone' | 'locale' | 'keyboard';

const sound = (field: Named, value: string): string =>
  value !== '' && GuestSettingsSchema.shape[field].safeParse(value).success ? value : '';

async function timezoneOf(files: GuestFiles): Promise<string> {
  const [, linked = ''] =
    /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec((await files.linkTarget('/etc/localtime')) ?? '') ?? [];
  if (linked !== '') return linked;
  const [written = ''] = linesOf(await files.text('/etc/timezone'));
  if (written.trim() !== '') return written.trim();
  const clock = parseAssignments((await files.text('/etc/sysconfig/clock')) ?? '');
  return clock.get('ZONE') ?? clock.get('TIMEZONE') ?? '';
}

/** The first layout of several, with its variant. */
async function keyboardOf(files: GuestFiles): Promise<string> {
  for (const path of ['/etc/default/keyboard', '/etc/vconsole.conf']) {
    const values = parseAssignments((await files.text(path)) ?? '');
    const [layout, variant] = ['XKBLAYOUT', 'XKBVARIANT'].map((name) => values.get(name)?.split(',')[0] ?? '');
    if (layout !== '') return variant === '' ? layout : `${layout}:${variant}`;
  }
  // keymaps of the console begin with the layout that they are of
  const keymap = await assigned(files, ['/etc/vconsole.conf', '/etc/sysconfig/keyboard'], 'KEYMAP', 'KEYTABLE');
  return /^[a-z]{2}$/.test(keymap) ? keymap : '';
}

async function assigned(files: GuestFiles, paths: readonly string[], ...names: string[]): Promise<string> {
  for (const path of paths) {
    const values = parseAssignments((await files.text(path)) ?? '');
    const value = names.map((name) => values.get(name)).find((one) => one);
    if (value) return value;
  }
  return '';
}

/** passwd(5): those with a number of a person's and a shell. */
async function peopleIn(files: GuestFiles): Promise<string[]> {
  const found: string[] = [];
  for (const line of linesOf(await files.text('/etc/passwd'))) {
    const [name, , id, , , home = '', shell = ''] = line.split(':');
    const isPerson = Number(id) >= (home.startsWith('/home/') ? 500 : 1000) && Number(id) < 60_000;
    if (!isPerson || /(?:nologin|false)\s*$/.test(shell)) continue;
    if (UserSettingSchema.shape.name.safeParse(name).success) found.push(name);
  }
  return found.slice(0, MAX_USERS);
}

const linesOf = (text: string | null) => (text ?? '').split('\n', MAX_LINES);
