/** The last that was done to a target, where that was a deploy of the same template that did not come to its end. */
import type { JobRepository } from '../../catalog/job-repository.ts';
import type { JobPart } from '../../contract/job.contract.ts';

export function unfinishedDeploy(jobs: JobRepository, templateName: string, path: string): JobPart | null {
  for (const job of jobs.list()) {
    const part = job.parts.find((one) => one.path === path);
    if (job.kind !== 'deploy' || !part || part.state !== 'ended') continue;
    return part.outcome !== 'done' && job.templateName.split(', ').includes(templateName) ? part : null;
  }
  return null;
}
