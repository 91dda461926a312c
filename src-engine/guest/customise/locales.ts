/** Whether a locale is there: compiled in a folder of its own, or in glibc's archive of them. */
import type { GuestDraft } from './draft.ts';

const FOLDER = '/usr/lib/locale';
const ARCHIVE_MAGIC = 0xde020109;
const HEADER_BYTES = 56;
/** Of all locales that there are, the names take some hundred kilobytes. */
const MAX_NAME_BYTES = 4 * 1024 * 1024;

export async function hasLocale(draft: GuestDraft, locale: string): Promise<boolean> {
  if (/^(?:C|POSIX)$/.test(locale)) return true;
  // musl takes any
  if ((await draft.files.names('/lib')).some((name) => name.startsWith('ld-musl-'))) return true;
  const name = compiledName(locale);
  if (name === 'C.utf8' && (await draft.files.exists(`${FOLDER}/C.UTF-8`))) return true;
  for (const one of [name, locale]) if (await draft.files.exists(`${FOLDER}/${one}/LC_CTYPE`)) return true;
  return isInArchive(draft, name);
}

/** As localedef names it: the codeset in small letters without signs. */
function compiledName(locale: string): string {
  const [, language, codeset, modifier] = /^([^.@]*)(?:\.([^@]*))?(@.*)?$/.exec(locale)!;
  return `${language}${codeset ? `.${codeset.toLowerCase().replace(/[^a-z0-9]/g, '')}` : ''}${modifier ?? ''}`;
}

/** Its head says where the names lie, each ended by a zero. Source: glibc, locale/locarchive.h. */
async function isInArchive(draft: GuestDraft, name: string): Promise<boolean> {
  const path = `${FOLDER}/locale-archive`;
  const head = await draft.files.head(path, HEADER_BYTES);
  if (!head || head.length < HEADER_BYTES || head.readUInt32LE(0) !== ARCHIVE_MAGIC) return false;
  const offsetBytes = head.readUInt32LE(20);
  const usedBytes = head.readUInt32LE(24);
  const content = await draft.files.content(path);
  if (!content || usedBytes > MAX_NAME_BYTES || offsetBytes + usedBytes > content.lengthBytes) return false;
  const names = Buffer.alloc(usedBytes);
  const isRead = await draft.files.guarded(path, () => content.readInto(offsetBytes, names).then(() => true));
  return isRead === true && names.toString('latin1').split('\0').includes(name);
}
