/** Which ended jobs still need a person: those that failed lately and were not made good since. */
import type { JobView } from '../../../src-engine/contract/index.ts';

const WEEK_MS = 7 * 24 * 3_600_000;

/** @param jobs newest first */
export function attention(jobs: readonly JobView[], now: Date): JobView[] {
  const settled = new Set<string>();
  return jobs.filter((job) => {
    const subject = `${job.kind} ${job.templateName} ${job.path}`;
    if (job.state !== 'ended' || settled.has(subject)) return false;
    settled.add(subject);
    const isRecent = now.getTime() - new Date(job.createdAt).getTime() < WEEK_MS;
    return isRecent && (job.outcome === 'failed' || job.outcome === 'lost');
  });
}
