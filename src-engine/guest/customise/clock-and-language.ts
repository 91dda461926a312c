/** Time zone, language and keyboard, where each of the systems keeps them. */
import { CannotChange } from './cannot-change.ts';
import type { GuestDraft } from './draft.ts';
import type { FirstBootScript } from './first-boot.ts';
import { keymapOf } from './keymaps.ts';
import { hasLocale } from './locales.ts';
import { hasAssignment, removeAssignments, setAssignment } from './shell-assignments.ts';
import type { Traits } from './traits.ts';

/** @throws CannotChange */
export async function setTimezone(draft: GuestDraft, traits: Traits, zone: string): Promise<void> {
  const file = `/usr/share/zoneinfo/${zone}`;
  const head = await draft.files.head(file, 4);
  if (head?.toString('latin1') !== 'TZif') throw new CannotChange('timezone-missing', { zone, path: file });
  const paths = ['/etc/localtime'];
  if (traits.isOldRedHat) {
    // a copy: /usr may be mounted after the clock is set
    await draft.replace('timezone', '/etc/localtime', (await draft.text(file)) ?? '');
  } else await draft.link('timezone', '/etc/localtime', `..${file}`);
  if (traits.isDebian || (await draft.exists('/etc/timezone'))) {
    await draft.write('timezone', '/etc/timezone', `${zone}\n`);
    paths.push('/etc/timezone');
  }
  const clock = '/etc/sysconfig/clock';
  const text = await draft.glance(clock);
  if (text !== null) {
    const name = hasAssignment(text, 'TIMEZONE') && !hasAssignment(text, 'ZONE') ? 'TIMEZONE' : 'ZONE';
    await draft.write('timezone', clock, setAssignment(text, name, zone));
    paths.push(clock);
  }
  draft.can('timezone', 'written-to', { name: zone, paths });
}

/**
 * @returns a script for the first start, where the guest has to make what it needs first
 * @throws CannotChange
 */
export async function setLocale(draft: GuestDraft, traits: Traits, locale: string): Promise<FirstBootScript | null> {
  const script = (await hasLocale(draft, locale)) ? null : await generateLocale(draft, locale);
  const paths: string[] = [];
  if (traits.isOldRedHat) paths.push('/etc/sysconfig/i18n');
  else {
    if (traits.isDebian) paths.push('/etc/default/locale');
    if (!traits.isDebian || (await draft.exists('/etc/locale.conf'))) paths.push('/etc/locale.conf');
  }
  for (const path of paths) {
    const text = (await draft.text(path)) ?? '';
    // both go before LANG
    const others = removeAssignments(text, (name) => name === 'LC_ALL' || name === 'LANGUAGE');
    await draft.write('locale', path, setAssignment(others, 'LANG', locale));
  }
  draft.can('locale', script ? 'locale-at-first-boot' : 'written-to', { name: locale, paths });
  return script;
}

/** Debian's family makes locales of its sources when it is told to. */
async function generateLocale(draft: GuestDraft, locale: string): Promise<FirstBootScript> {
  const [, source, codeset = ''] =
    /^([A-Za-z]{2,3}(?:_[A-Z]{2})?(?:@[a-z]+)?)(?:\.([A-Za-z0-9-]+))?/.exec(locale) ?? [];
  const program = await draft.files.firstOf(['/usr/sbin/locale-gen']);
  const hasSource = source !== undefined && (await draft.files.exists(`/usr/share/i18n/locales/${source}`));
  if (program === null || !hasSource || !/^utf-?8$/i.test(codeset))
    throw new CannotChange('locale-missing', { locale });
  const path = '/etc/locale.gen';
  const line = `${locale} UTF-8`;
  const text = (await draft.text(path)) ?? '';
  const isListed = text.split('\n').some((one) => one.trim() === line);
  if (!isListed) await draft.write('locale', path, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${line}\n`);
  return { name: 'locale', bytes: Buffer.from(`#!/bin/sh\nexec ${program}\n`) };
}

/** @param keyboard an XKB layout, with a variant behind a colon. @throws CannotChange */
export async function setKeyboard(draft: GuestDraft, traits: Traits, keyboard: string): Promise<void> {
  const [layout, variant = ''] = keyboard.split(':');
  const paths: string[] = [];
  const isDebian = traits.isDebian || (await draft.exists('/etc/default/keyboard'));
  if (isDebian) {
    const path = '/etc/default/keyboard';
    const text = (await draft.text(path)) ?? 'XKBMODEL="pc105"\nXKBOPTIONS=""\nBACKSPACE="guess"\n';
    await draft.write('keyboard', path, setAssignment(setAssignment(text, 'XKBLAYOUT', layout), 'XKBVARIANT', variant));
    // made of the one of before, and used as long as it looks newer
    await draft.remove('keyboard', '/etc/console-setup/cached_setup_keyboard.sh');
    paths.push(path);
  } else {
    const keymap = await keymapOf(draft, layout, variant);
    if (keymap === null) throw new CannotChange('keymap-missing', { keyboard });
    const path = traits.isOldRedHat ? '/etc/sysconfig/keyboard' : '/etc/vconsole.conf';
    let text = setAssignment((await draft.text(path)) ?? '', traits.isOldRedHat ? 'KEYTABLE' : 'KEYMAP', keymap);
    if (hasAssignment(text, 'LAYOUT')) text = setAssignment(text, 'LAYOUT', layout);
    if (hasAssignment(text, 'XKBLAYOUT'))
      text = setAssignment(setAssignment(text, 'XKBLAYOUT', layout), 'XKBVARIANT', variant);
    await draft.write('keyboard', path, text);
    paths.push(path);
  }
  const desktop = '/etc/X11/xorg.conf.d/00-keyboard.conf';
  if (!isDebian && (await draft.exists('/etc/X11/xorg.conf.d'))) {
    await draft.write('keyboard', desktop, xorg(layout, variant));
    paths.push(desktop);
  }
  draft.can('keyboard', 'written-to', { name: keyboard, paths });
}

const xorg = (layout: string, variant: string) =>
  [
    'Section "InputClass"',
    '        Identifier "system-keyboard"',
    '        MatchIsKeyboard "on"',
    `        Option "XkbLayout" "${layout}"`,
    ...(variant ? [`        Option "XkbVariant" "${variant}"`] : []),
    'EndSection',
    '',
  ].join('\n');
