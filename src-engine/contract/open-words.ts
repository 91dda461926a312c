/** Words that are kept: a later version may write one that this one does not know. */
import { z } from 'zod';

/** Stands in a view for a word that this version does not know. What is kept of it stays as it was written. */
export const UNKNOWN = 'unknown';

/** One of these words, or {@link UNKNOWN}. The words of the locales have it too. */
export const orUnknown = <const T extends readonly string[]>(words: T) =>
  z.enum([...words, UNKNOWN] as readonly [...T, typeof UNKNOWN]);
