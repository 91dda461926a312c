/** What a sentence about contents that contradict themselves needs, from whatever a reader of a format has told. */
import type { MessageData } from '../contract/errors.ts';

/** Parts of data that say where in the contents the field is, by the words that specifications use. */
const PLACES = ['group', 'inode', 'offsetBytes'] as const;

/**
 * Adds to the data of a `FORMAT_INVALID` what it does not say itself but can be told from the rest: the `field`, `of` what it is, and
 * what is `expected` there. What nobody can tell stays out; the locales have words for that.
 */
export function formatFacts(data: MessageData): MessageData {
  const facts: MessageData = { ...data };
  const add = (name: string, value: string) => {
    if (value !== '' && (facts[name] ?? '') === '') facts[name] = value;
  };
  const checksum = typeof data.checksum === 'string' ? data.checksum : '';
  if (checksum !== '') add('field', `checksum: ${checksum}`);
  add('expected', expectedOf(data));
  const places = PLACES.filter((name) => typeof data[name] === 'number').map(
    (name) => `${name === 'offsetBytes' ? 'byte' : name} ${String(data[name])}`,
  );
  add('of', [...(typeof data.path === 'string' && data.path !== '' ? [data.path] : []), ...places].join(', '));
  return facts;
}

function expectedOf({ min, max }: MessageData): string {
  const low = typeof min === 'number' ? min : null;
  const high = typeof max === 'number' && max < Number.MAX_SAFE_INTEGER ? max : null;
  if (low !== null && high !== null) return low === high ? `${low}` : high > low ? `${low}–${high}` : '';
  if (high !== null) return `≤ ${high}`;
  return low === null ? '' : `≥ ${low}`;
}
