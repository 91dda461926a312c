/** sshd_config(5), and what it includes at its beginning: of several lines of one name the first counts. */
import type { GuestDraft } from './draft.ts';

const PATH = '/etc/ssh/sshd_config';
const FOLDER = '/etc/ssh/sshd_config.d';
const MAX_FILES = 100;

/** What holds for everybody: the text in front of the first `Match` of each file, in the order in which they are read. */
export async function sshdConfig(draft: GuestDraft): Promise<string> {
  const main = (await draft.glance(PATH)) ?? '';
  const isIncluded = /^[ \t]*Include[ \t]+"?\/etc\/ssh\/sshd_config\.d\/\*\.conf/im.test(main);
  const names = isIncluded ? (await draft.files.names(FOLDER)).filter((name) => name.endsWith('.conf')) : [];
  const texts: string[] = [];
  for (const name of names.slice(0, MAX_FILES)) texts.push((await draft.glance(`${FOLDER}/${name}`)) ?? '');
  return [...texts, main].map((text) => text.split(/^[ \t]*Match[ \t]/im)[0]).join('\n');
}

/** The value that counts, '' where there is none. @param text of {@link sshdConfig} */
export function sshdValue(text: string, key: string): string {
  for (const line of text.split('\n')) {
    const [, name, value] = /^([A-Za-z]{1,40})[\s=]+([^]{1,1000})/.exec(line.trim()) ?? [];
    if (name?.toLowerCase() === key.toLowerCase()) return value;
  }
  return '';
}
