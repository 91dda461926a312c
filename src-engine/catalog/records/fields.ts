/** What records are made of. Their words (kinds, codes, states) are any text: a later version may have written others. */
import { z } from 'zod';

/** Sizes and positions in bytes. */
export const bytes = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);

/** One of a list that later versions may make longer. */
export const word = z.string().max(200);

/** Facts of a message: whatever they are, they are kept. */
const data = z.record(z.string(), z.unknown());

export const WarningRecordSchema = z.object({ code: word, data });
export type WarningRecord = z.infer<typeof WarningRecordSchema>;

export const ErrorRecordSchema = z.object({
  code: word,
  message: z.string(),
  hint: z.string(),
  data,
  details: z.string().optional(),
});
export type ErrorRecord = z.infer<typeof ErrorRecordSchema>;
