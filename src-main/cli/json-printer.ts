import type { Printer } from './printer.port.ts';

/** Every line is one JSON object; the last one has `type: "result"` and `ok`. */
export function jsonPrinter(write: (line: string) => void): Printer {
  const line = (object: Record<string, unknown>) => write(`${JSON.stringify(object)}\n`);
  return {
    progress: (job) => line({ type: 'progress', job: job.id, state: job.state, ...job.progress }),
    event: (report) => line({ type: 'event', event: report.kind, value: report.value }),
    result: (report) => line({ type: 'result', ok: true, kind: report.kind, value: report.value }),
    error: (error) => line({ type: 'result', ok: false, error }),
  };
}
