import type { JobView } from '../contract/job.contract.ts';
import { removePartial } from '../core/partial-output.ts';

/** Removes what a deploy or an export whose process died has left unfinished. */
export async function removeLostTarget(job: JobView): Promise<void> {
  if (job.kind !== 'deploy' && job.kind !== 'export') return;
  const paths = job.parts.length > 0 ? job.parts.map(({ path }) => path) : [job.path];
  for (const path of paths) await removePartial(path, job.id);
}
