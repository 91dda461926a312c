/** Starts jobs and follows them to their end; Ctrl-C cancels them and waits until things are in order. */
import { CommandError, type EngineClient, type JobView } from '../../src-engine/contract/index.ts';
import type { Printer } from './printer.port.ts';

/** @throws CommandError with the reason, where the job failed or was cancelled */
export async function followJob(
  client: EngineClient,
  printer: Printer,
  start: () => Promise<{ jobId: string }>,
): Promise<JobView> {
  const [ended] = await followJobs(client, printer, async () => ({ jobIds: [(await start()).jobId] }));
  if (ended.error) throw new CommandError(ended.error);
  return ended;
}

/**
 * @param whenEnded is told how each ended, when it has
 * @returns the jobs as they ended, in their order, those that failed too
 */
export async function followJobs(
  client: EngineClient,
  printer: Printer,
  start: () => Promise<{ jobIds: string[] }>,
  whenEnded: (job: JobView) => void = () => {},
): Promise<JobView[]> {
  const early: JobView[] = [];
  let take = (job: JobView) => void early.push(job);
  const unsubscribe = client.subscribe('jobs', (job) => take(job));
  let jobIds: string[] = [];
  // the last first: what waits must not begin when what runs has stopped
  const cancel = () => {
    for (const jobId of jobIds.toReversed()) void client.call('job.cancel', { jobId }).catch(() => {});
  };
  try {
    ({ jobIds } = await start());
    process.on('SIGINT', cancel).on('SIGTERM', cancel);
    return await new Promise<JobView[]>((resolve, reject) => {
      client.onLost(() => reject(new CommandError({ code: 'ENGINE_LOST', message: '', hint: '', data: {} })));
      const ended = new Map<string, JobView>();
      take = (job) => {
        if (!jobIds.includes(job.id) || ended.has(job.id)) return;
        printer.progress(job);
        if (job.state !== 'ended') return;
        ended.set(job.id, job);
        whenEnded(job);
        if (ended.size === jobIds.length) resolve(jobIds.map((id) => ended.get(id)!));
      };
      early.forEach((job) => take(job));
    });
  } finally {
    unsubscribe();
    process.off('SIGINT', cancel).off('SIGTERM', cancel);
  }
}
