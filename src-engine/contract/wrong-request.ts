/** What is wrong with a request, as facts for words: which field, and what is allowed there. Never a pattern, nor what was written. */
import type { z } from 'zod';
import type { MessageData } from './errors.ts';

/** Whether a schema said that what it was given is not as it should be: its words are for logs. */
export const isSchemaError = ({ name }: Error): boolean => /^\$?ZodError$/.test(name);

/** Reasons that schemas name themselves. */
const OWN = /^[a-z]+(-[a-z]+)*$/;

/** @returns data for `BAD_REQUEST`: its reason is a key of the words' section `notValid` */
export function wrongRequest({ issues }: z.ZodError): MessageData & { reason: string } {
  const issue = issues[0];
  const field = issue.path.join('.');
  if (OWN.test(issue.message)) return { field, reason: issue.message };
  switch (issue.code) {
    case 'unrecognized_keys':
      return { field: [field, issue.keys[0]].filter(Boolean).join('.'), reason: 'unknown-field' };
    case 'invalid_value':
      return { field, reason: 'one-of', values: issue.values.map(String) };
    case 'too_small':
    case 'too_big': {
      const limit = Number(issue.code === 'too_small' ? issue.minimum : issue.maximum);
      const kind = issue.origin === 'string' || issue.origin === 'array' ? issue.origin : 'number';
      // nothing is no short text
      if (issue.code === 'too_small' && kind !== 'number' && limit === 1) return { field, reason: 'missing' };
      return { field, reason: `${kind}-${issue.code === 'too_small' ? 'small' : 'large'}`, limit };
    }
    case 'invalid_type':
      return {
        field,
        reason: issue.input === undefined && /received undefined/.test(issue.message) ? 'missing' : 'wrong-kind',
      };
    default:
      return { field, reason: 'wrong-form' };
  }
}
