/** What is wrong with an option or a table, in a person's words. */
import { CommandError } from '../../src-engine/contract/index.ts';
import type { Words } from './words.ts';

/** @param reason a sentence without its full stop */
export const wrong = (reason: string) =>
  new CommandError({ code: 'BAD_REQUEST', message: reason, hint: '', data: { reason } });

/** What an option was given is of no form that it takes: `cli.form.OPTION` says which it takes. */
export const wrongForm = (t: Words['t'], option: string, value: string) =>
  wrong(t('cli.wrong.value', { option, value, form: t(`cli.form.${option.replace(/^--/, '')}`) }));
