/** Whether the machine on a target is one that an earlier deploy of the same template made, with an identity of its own. */
import type { JobRepository } from '../../catalog/job-repository.ts';
import type { MachineMarks } from '../../guest/machine-marks.ts';

/** Told by the UUID that its root file system was given, wherever the disk is plugged in now; or else by what was last done to that path. */
export function isDeployedBefore(
  jobs: JobRepository,
  templateName: string,
  path: string,
  { rootUuid }: MachineMarks,
): boolean {
  let isPathSeen = false;
  for (const job of jobs.list()) {
    if (job.kind !== 'deploy') continue;
    for (const part of job.parts) {
      if (part.state !== 'ended' || part.outcome !== 'done') continue;
      const isLast = part.path === path && !isPathSeen;
      isPathSeen ||= part.path === path;
      if (part.identity !== 'fresh' || !job.templateName.split(', ').includes(templateName)) continue;
      const given = part.result?.inside?.identifiers ?? [];
      const isRoot = given.some(({ of, after }) => of === 'file-system' && after.toLowerCase() === rootUuid);
      if (isLast || (rootUuid !== '' && isRoot)) return true;
    }
  }
  return false;
}
