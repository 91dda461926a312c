import type { JobView } from '../contract/job.contract.ts';
import { removePartial } from '../core/partial-output.ts';

/** Removes what a deploy or an export whose process died has left unfinished. */
export async function removeLostTarget(job: JobView): Promise<void> {
  if (job.kind === 'deploy' || job.kind === 'export') await removePartial(job.path, job.id);
}
