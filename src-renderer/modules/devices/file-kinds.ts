/** Which files are shown first where one of some kind is asked for: by the ends of their names. What a file is, its content says. */

const DISKS = 'img raw dd bin image disk qcow qcow2 vmdk vdi vhd vhdx hdd wic'.split(' ');
const PACKED = 'gz xz bz2 zst lz4 lzma lz lzo 7z zip tar tgz txz'.split(' ');

const ENDINGS = {
  disk: [...DISKS, 'iso'],
  image: [...DISKS, ...PACKED, 'iso', 'ova', 'ovf'],
  iso: ['iso'],
  profile: ['json', 'yaml', 'yml'],
};
export type FileKind = keyof typeof ENDINGS;

/** A name without an end may be of anything: many a raw disk is called so. */
export function fits(name: string, kind: FileKind): boolean {
  const [, ending] = /[^.]\.([^.]*)$/.exec(name) ?? [];
  return ending === undefined || ENDINGS[kind].includes(ending.toLowerCase());
}

/** @returns the folder that was typed: of one without a root, within the one that is open; null: nothing was typed */
export function typedFolderIn(open: string, typed: string): string | null {
  if (typed === '') return null;
  const isWhole = typed.startsWith('/') || typed.startsWith('\\') || /^[A-Za-z]:/.test(typed);
  const stroke = open.includes('\\') ? '\\' : '/';
  return isWhole || open === '' ? typed : open.endsWith(stroke) ? open + typed : open + stroke + typed;
}
