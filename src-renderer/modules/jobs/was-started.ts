import type { JobPart, JobView } from '../../../src-engine/contract/index.ts';

/** Whether a machine was started in a job, or in a part of one, that has ended: what it showed may have been kept. */
export function wasStarted({
  kind,
  state,
  result,
  error,
}: Pick<JobView, 'kind'> & Pick<JobPart, 'state' | 'result' | 'error'>) {
  if (state !== 'ended') return false;
  return kind === 'boot' || Boolean(result?.boot ?? result?.notProven) || /^BOOT_/.test(error?.code ?? '');
}
