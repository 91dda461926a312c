/** The facts of an error, a warning or a check, as words to fill its message with. */
import type { MessageData } from '../contract/errors.ts';
import type { Formats } from './formats.ts';
import type { Language } from './languages.ts';

/** The number of a volume that begins with its disk, without a partition table. */
const WHOLE_DISK = '0';

/**
 * Sizes get units, lists commas. What is not carried is said in general terms.
 * @param missing those terms: the section `missing` of the words
 * @param nameOf what is known by a name where these words are shown; null: it is told as it is
 */
export function fillFacts(
  data: MessageData,
  formats: Formats,
  missing: Readonly<Record<string, string>>,
  nameOf: (key: string, value: MessageData[string]) => string | null = () => null,
): Record<string, string> {
  const filled: Record<string, string> = { ...missing };
  for (const [key, value] of Object.entries(data)) {
    if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) continue;
    const name = nameOf(key, value);
    if (name) filled[key] = name;
    else if (key === 'volume' && String(value) === WHOLE_DISK) filled[key] = missing.wholeDisk ?? WHOLE_DISK;
    else if (Array.isArray(value)) filled[key] = formats.list(value);
    else if (typeof value === 'number') filled[key] = sizeOf(key, value, formats);
    else filled[key] = String(value);
  }
  return filled;
}

/**
 * What is set in a guest, or of its identity, and how a logical volume is made, by its name.
 * @param wordOf what stands under a key of the words; null where nothing does
 */
export function namedFact(
  key: string,
  value: MessageData[string],
  wordOf: (key: string) => string | null,
): string | null {
  if (key === 'mapping') return wordOf(`mapping.${String(value)}`);
  if (key !== 'setting') return null;
  return wordOf(`guestChange.reason.${String(value)}`) ?? wordOf(`identity.${String(value)}`);
}

/** Facts that count what a message speaks of, in the order in which they are asked. */
const COUNTS = ['count', 'n', 'files', 'places', 'members', 'missing'];

/** @returns the number by which a message that has a form for one and a form for several is chosen: 1 where its facts count nothing */
export function countIn(data: MessageData): number {
  const counted = COUNTS.map((key) => data[key]).find((value) => typeof value === 'number');
  return counted ?? 1;
}

/** Of two forms, which is of so many: French counts nothing as one, « 0 modèle ». */
export const pluralRules: Partial<Record<Language, (count: number, forms: number) => number>> = {
  fr: (count, forms) => (forms === 3 ? Math.min(count, 2) : count < 2 ? 0 : 1),
};

/** Keys carry their unit; an id is a name. Sectors are told exactly: 4096 bytes are not 4.1 kB to anyone. */
function sizeOf(key: string, value: number, { bytes, exactBytes, number }: Formats): string {
  if (key === 'id' || key === 'processId') return String(value);
  if (/sectorBytes$/i.test(key)) return exactBytes(value);
  return key.endsWith('Bytes') ? bytes(value) : number(value);
}
