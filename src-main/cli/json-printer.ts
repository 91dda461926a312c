import type { Printer } from './printer.port.ts';
import type { Report } from './reports.ts';

/** Every line is one JSON object; the last one has `type: "result"` and `ok`. */
export function jsonPrinter(write: (line: string) => void): Printer {
  const line = (object: Record<string, unknown>) => write(`${JSON.stringify(object)}\n`);
  const event = (report: Report) => line({ type: 'event', event: report.kind, value: report.value });
  return {
    progress: (job) => line({ type: 'progress', job: job.id, state: job.state, ...job.progress }),
    event,
    finding: event,
    result: (report) => line({ type: 'result', ok: true, kind: report.kind, value: report.value }),
    error: (error) => line({ type: 'result', ok: false, error }),
  };
}
