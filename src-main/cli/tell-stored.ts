/** The end of a capture, an import or a deploy: what was stored or written is told, and whether it is proven, where that was wanted. */
import { CommandError, type JobView } from '../../src-engine/contract/index.ts';
import type { Printer } from './printer.port.ts';

/** @throws CommandError `NOT_PROVEN`, `DEPLOY_NOT_PROVEN` where it was started and did not come up: the version, or what was deployed, is there all the same */
export function tellStored(printer: Printer, job: JobView): void {
  const { result, templateName } = job;
  if (!result?.notProven) return printer.result({ kind: 'job', value: job });
  printer.event({ kind: 'job', value: job });
  const { code: reason, data } = result.notProven;
  if (job.kind === 'deploy') {
    const path = job.parts.filter((part) => part.result?.notProven).map((part) => part.path);
    throw new CommandError({
      code: 'DEPLOY_NOT_PROVEN',
      message: '',
      hint: '',
      data: { ...data, path: path.length > 0 ? path : job.path, job: job.id.slice(0, 8), reason },
    });
  }
  const name = `${templateName}@${result.versionNumber ?? ''}`;
  throw new CommandError({ code: 'NOT_PROVEN', message: '', hint: '', data: { ...data, name, reason } });
}
