/** The kernel that the boot loader's configuration starts by default: GRUB 2, GRUB Legacy, and entries of the Boot Loader Specification. */
import type { GuestFiles } from '../guest-files.ts';
import { parseAssignments } from './assignments.ts';

interface Booted {
  /** of the kernel's file, without its folder */
  readonly name: string;
  readonly origin: string;
}

const MAX_LINES = 20_000;
const GRUB2 = [
  '/boot/grub2/grub.cfg',
  '/boot/grub/grub.cfg',
  '/boot/efi/EFI/centos/grub.cfg',
  '/boot/efi/EFI/redhat/grub.cfg',
];
const GRUB_LEGACY = ['/boot/grub/grub.conf', '/boot/grub/menu.lst'];

/** @returns null where it cannot be told */
export async function bootKernelOf(files: GuestFiles): Promise<Booted | null> {
  const saved = await savedEntry(files);
  for (const origin of GRUB2) {
    const text = await files.text(origin);
    if (text === null) continue;
    const entry = text.includes('blscfg') ? await fromEntries(files, saved) : null;
    if (entry) return entry;
    const name = fromGrub2(text, saved);
    return name === null ? null : { name, origin };
  }
  for (const origin of GRUB_LEGACY) {
    const text = await files.text(origin);
    const name = text === null ? null : fromLegacy(text);
    if (name !== null) return { name, origin };
  }
  return null;
}

async function savedEntry(files: GuestFiles): Promise<string | null> {
  for (const path of ['/boot/grub2/grubenv', '/boot/grub/grubenv']) {
    const value = parseAssignments((await files.text(path)) ?? '').get('saved_entry');
    if (value) return value;
  }
  return null;
}

const fileName = (path: string) => path.split('/').at(-1)!;

/** Fedora and RHEL from 8 on: a file for each kernel, named like the entry that is saved. */
async function fromEntries(files: GuestFiles, saved: string | null): Promise<Booted | null> {
  if (saved === null || saved.includes('/')) return null;
  const origin = `/boot/loader/entries/${saved}.conf`;
  const text = await files.text(origin);
  const path = /^linux[ \t]+(\S{1,500})/m.exec(text ?? '')?.[1];
  return path ? { name: fileName(path), origin } : null;
}

/** The default is a number, a title or an id; a number counts the entries of the uppermost level. */
function fromGrub2(text: string, saved: string | null): string | null {
  const lines = text.split('\n', MAX_LINES);
  const kernelAfter = (first: number) => {
    for (const line of lines.slice(first)) {
      const path = /^\s*linux(?:16|efi)?[ \t]+(\S{1,500})/.exec(line)?.[1];
      if (path) return fileName(path);
    }
    return null;
  };
  const values = lines.flatMap((line) => /^\s*set default="([^"]{0,500})"/.exec(line)?.[1] ?? []);
  const written = values.find((value) => !value.includes('$')) ?? '0';
  const isSaved = values.some((value) => value.includes('saved_entry'));
  const wanted = (isSaved ? saved : null) ?? written;
  if (/^\d{1,4}$/.test(wanted)) {
    const top = lines.flatMap((line, index) => (/^(menuentry|submenu) /.test(line) ? [index] : []));
    const first = top[Number(wanted)];
    return first === undefined ? null : kernelAfter(first);
  }
  // of 'submenu>entry' the entry is meant
  const entry = wanted.split('>').at(-1)!;
  const first = lines.findIndex(
    (line) => /^\s*menuentry /.test(line) && (line.includes(`'${entry}'`) || line.includes(`"${entry}"`)),
  );
  return first < 0 ? null : kernelAfter(first);
}

function fromLegacy(text: string): string | null {
  const lines = text.split('\n', MAX_LINES);
  const number = lines.flatMap((line) => /^\s*default[= \t]+(\d{1,4})\s*$/.exec(line)?.[1] ?? [])[0] ?? '0';
  const titles = lines.flatMap((line, index) => (/^\s*title\b/.test(line) ? [index] : []));
  const first = titles[Number(number)];
  if (first === undefined) return null;
  for (const line of lines.slice(first + 1, titles[Number(number) + 1])) {
    const path = /^\s*kernel[ \t]+(?:--\S+[ \t]+)*(\S{1,500})/.exec(line)?.[1];
    if (path) return fileName(path.replace(/^\(.*\)/, ''));
  }
  return null;
}
