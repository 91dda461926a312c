/** Entries of boot loaders, a file for each: the Boot Loader Specification of the UAPI group, type 1. */
import type { GuestFiles } from '../guest-files.ts';

export interface LoaderEntry {
  readonly path: string;
  /** its file's name without `.conf` */
  readonly id: string;
  readonly title: string;
  /** path of the kernel, from the root of its volume */
  readonly linux: string;
  readonly version: string | null;
}

const MAX_ENTRIES = 200;
const MAX_ID = 200;

/** @param folder such as `/boot/loader` @returns those that start a kernel, the newest first, rescue entries last */
export async function readEntries(files: GuestFiles, folder: string): Promise<LoaderEntry[]> {
  const names = (await files.names(`${folder}/entries`)).filter((name) => name.endsWith('.conf'));
  const entries: LoaderEntry[] = [];
  for (const name of names.filter(({ length }) => length <= MAX_ID).slice(0, MAX_ENTRIES)) {
    const path = `${folder}/entries/${name}`;
    const text = (await files.text(path)) ?? '';
    const value = (key: string) => new RegExp(`^${key}[ \\t]+(\\S.{0,499})`, 'm').exec(text)?.[1].trim() ?? null;
    const linux = value('linux')?.split(/\s/)[0];
    if (!linux) continue;
    entries.push({ path, id: name.slice(0, -5), title: value('title') ?? '', linux, version: value('version') });
  }
  return entries.sort((a, b) => Number(isRescue(a)) - Number(isRescue(b)) || newerFirst(a, b));
}

export function bestEntry(entries: readonly LoaderEntry[]): LoaderEntry | null {
  return entries[0] ?? null;
}

/** @param wanted an id with or without `.conf`, the beginning of one and `*`, a title, or a number in the order of the menu */
export function entryOf(entries: readonly LoaderEntry[], wanted: string): LoaderEntry | null {
  if (/^\d{1,4}$/.test(wanted)) return entries[Number(wanted)] ?? null;
  const id = wanted.replace(/\.conf$/, '');
  const isMeant = id.endsWith('*')
    ? (entry: LoaderEntry) => entry.id.startsWith(id.slice(0, -1))
    : (entry: LoaderEntry) => entry.id === id || entry.title === wanted;
  return entries.find(isMeant) ?? null;
}

const isRescue = ({ id }: LoaderEntry) => id.includes('-0-rescue');
const collator = new Intl.Collator('en', { numeric: true });
const newerFirst = (a: LoaderEntry, b: LoaderEntry) => collator.compare(b.version ?? b.id, a.version ?? a.id);
