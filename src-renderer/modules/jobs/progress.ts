/** How pictures show the progress of jobs. */
import { jobShare, phaseShare, type JobView } from '../../../src-engine/contract/index.ts';

/** 0..1 of all that run, without those that wait: of a single one its own. Null: none does, or nothing can be told yet. */
export function shareOfAll(jobs: readonly JobView[]): number | null {
  const shares = jobs.filter(({ state }) => state === 'running').map((job) => jobShare(job));
  if (shares.every((share) => share === null)) return null;
  return shares.reduce<number>((sum, share) => sum + (share ?? 0), 0) / shares.length;
}

/** Whether a job fills the picture of a disk: what is still packed fills none yet. */
export function picturesDisk({ kind, templateName, progress }: JobView): boolean {
  if (kind === 'import') return progress?.phase !== 'unpacking';
  return kind === 'capture' || kind === 'deploy' || (kind === 'verify' && templateName !== '');
}

/** How the picture of a disk is filled by a job, or by the part of it that is about the disk: what is done, and what was read back. */
export function mapShares(job: Pick<JobView, 'kind' | 'outcome' | 'progress' | 'result'>): {
  done: number;
  verified: number;
} {
  if (job.outcome === 'done')
    return { done: 1, verified: job.kind === 'capture' || job.kind === 'import' || hasReadBack(job) ? 1 : 0 };
  const share = phaseShare(job.progress) ?? 0;
  switch (job.progress?.phase) {
    case 'capturing':
    case 'writing':
      return { done: share, verified: 0 };
    case 'publishing':
      return { done: 1, verified: 0 };
    case 'verifying':
    case 'reading-back':
      return { done: 1, verified: share };
    case 'finishing':
      return { done: 1, verified: 1 };
    default:
      return { done: 0, verified: 0 };
  }
}

const hasReadBack = (job: Pick<JobView, 'kind' | 'result'>) =>
  job.kind === 'verify' || (job.result !== null && job.result.readBack !== 'none');
