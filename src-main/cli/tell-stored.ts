/** The end of a capture or an import: what was stored is told, and whether it is proven, where that was wanted. */
import { CommandError, type JobView } from '../../src-engine/contract/index.ts';
import type { Printer } from './printer.port.ts';

/** @throws CommandError `NOT_PROVEN` where it was started and did not come up: the version is there all the same */
export function tellStored(printer: Printer, job: JobView): void {
  const { result, templateName } = job;
  if (!result?.notProven) return printer.result({ kind: 'job', value: job });
  printer.event({ kind: 'job', value: job });
  const { code: reason, data } = result.notProven;
  const name = `${templateName}@${result.versionNumber ?? ''}`;
  throw new CommandError({ code: 'NOT_PROVEN', message: '', hint: '', data: { ...data, name, reason } });
}
