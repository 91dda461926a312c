/** What is wrong with an option or a table, in a person's words. */
import { CommandError } from '../../src-engine/contract/index.ts';

/** @param reason a sentence without its full stop */
export const wrong = (reason: string) =>
  new CommandError({ code: 'BAD_REQUEST', message: reason, hint: '', data: { reason } });
