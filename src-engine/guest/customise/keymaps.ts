/** Keymaps of the console, which have other names than the layouts of XKB. */
import type { GuestDraft } from './draft.ts';

/** Source: localed's table kbd-model-map, as systemd installs it. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  be: ['be-latin1'],
  br: ['br-abnt2'],
  ca: ['cf'],
  ch: ['sg', 'de_CH-latin1'],
  'ch:fr': ['fr_CH'],
  cz: ['cz-qwertz', 'cz-lat2', 'cz'],
  de: ['de', 'de-latin1'],
  'de:nodeadkeys': ['de-nodeadkeys', 'de-latin1-nodeadkeys'],
  dk: ['dk', 'dk-latin1'],
  es: ['es'],
  fi: ['fi', 'fi-latin1'],
  fr: ['fr', 'fr-latin9'],
  gb: ['gb', 'uk'],
  jp: ['jp106'],
  latam: ['la-latin1'],
  no: ['no', 'no-latin1'],
  pt: ['pt-latin1'],
  se: ['sv-latin1', 'se-latin1'],
};

/** Folders in which they lie, and those below them. */
const TOPS = ['/usr/lib/kbd/keymaps', '/lib/kbd/keymaps', '/usr/share/kbd/keymaps', '/usr/share/keymaps'];
const FOLDERS = [
  'xkb',
  'legacy/i386/qwerty',
  'legacy/i386/azerty',
  'legacy/i386/qwertz',
  'i386/qwerty',
  'i386/azerty',
  'i386/qwertz',
  'i386/dvorak',
];
const ENDS = ['.map.gz', '.map'];

/** @returns the name of a keymap that the guest has, or null */
export async function keymapOf(draft: GuestDraft, layout: string, variant: string): Promise<string | null> {
  const key = variant ? `${layout}:${variant}` : layout;
  const known = Object.hasOwn(NAMES, key) ? NAMES[key] : [];
  const names = variant ? [`${layout}-${variant}`, ...known] : [...known, layout, `${layout}-latin1`];
  for (const name of names) {
    const paths = TOPS.flatMap((top) =>
      FOLDERS.flatMap((folder) => ENDS.map((end) => `${top}/${folder}/${name}${end}`)),
    );
    if (await draft.files.firstOf(paths)) return name;
  }
  return null;
}
