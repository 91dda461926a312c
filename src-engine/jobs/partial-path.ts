/** Files and folders that are not finished yet, beside what they will be. */
import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { JobView } from '../contract/job.contract.ts';

/** Room for the id in a name of 255 bytes. */
const MAX_NAME_BYTES = 200;

/** Where a file is written before it has its name. @param id of the plan, which is the job's too */
export function partialPath(path: string, id: string): string {
  let name = basename(path);
  while (Buffer.byteLength(name) > MAX_NAME_BYTES) name = name.slice(0, -1);
  return join(dirname(path), `.${name}.${id}.partial`);
}

/** Removes what a deploy or an export whose process died has left unfinished. */
export async function removeLostTarget(job: JobView): Promise<void> {
  if (job.kind !== 'deploy' && job.kind !== 'export') return;
  await rm(partialPath(job.path, job.id), { force: true, recursive: true });
}
