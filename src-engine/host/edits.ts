/** What an edit changed in a template, for the audit log. */
import type { MessageData } from '../contract/errors.ts';
import { EDITED_FIELDS, type TemplateView } from '../contract/template.contract.ts';

/** Of a value that goes into the log; notes may be long. */
const MAX_CHARACTERS = 500;

/** @returns `fields`, and in the same order the values `before` and `after`, as text */
export function editsOf(before: TemplateView, after: TemplateView): MessageData {
  const fields = EDITED_FIELDS.filter((field) => textOf(before[field]) !== textOf(after[field]));
  return {
    fields,
    before: fields.map((field) => textOf(before[field]).slice(0, MAX_CHARACTERS)),
    after: fields.map((field) => textOf(after[field]).slice(0, MAX_CHARACTERS)),
  };
}

const textOf = (value: string | string[] | null) => (Array.isArray(value) ? value.join(', ') : (value ?? ''));
