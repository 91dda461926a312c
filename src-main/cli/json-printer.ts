import { ERROR_CODES, type ErrorView } from '../../src-engine/contract/index.ts';
import type { Printer } from './printer.port.ts';
import type { Answer } from './answers.ts';
import { createWords } from './words.ts';

/**
 * Every line is one JSON object; the last one has `type: "result"` and `ok`. Errors, wherever they stand, have sentences in English:
 * `message` says what happened and what state things are in, `hint` what to do; what is for logs is in `details`.
 */
export function jsonPrinter(write: (line: string) => void): Printer {
  const line = (object: Record<string, unknown>) => write(`${JSON.stringify(object, spoken)}\n`);
  const event = (answer: Answer) => line({ type: 'event', event: answer.kind, value: answer.value });
  return {
    progress: (job) =>
      line({
        type: 'progress',
        job: job.id,
        state: job.state,
        ...job.progress,
        ...(job.waitsFor && { waitsFor: job.waitsFor }),
        ...(job.parts.length > 1 && { parts: job.parts }),
      }),
    event,
    finding: event,
    result: (answer) => line({ type: 'result', ok: true, kind: answer.kind, value: answer.value }),
    error: (error) => line({ type: 'result', ok: false, error }),
  };
}

function spoken(_key: string, value: unknown): unknown {
  if (!isError(value)) return value;
  const words = createWords('en');
  const said = (part: string) => words.t(`error.${value.code}.${part}`, value.data);
  const { code, data, hint, message } = value;
  return { code, message: `${said('what')} ${said('state')}`, hint: said('todo'), data, details: hint || message };
}

function isError(value: unknown): value is ErrorView {
  return (
    typeof value === 'object' &&
    value !== null &&
    !('details' in value) &&
    ['message', 'hint', 'data'].every((name) => name in value) &&
    ERROR_CODES.some((code) => 'code' in value && value.code === code)
  );
}
