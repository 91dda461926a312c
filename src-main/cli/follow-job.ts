/** Starts a job and follows it to its end; Ctrl-C cancels it and waits until things are in order. */
import { CommandError, type EngineClient, type JobView } from '../../src-engine/contract/index.ts';
import { interrupts } from './interrupts.ts';
import type { Printer } from './printer.port.ts';

/** @throws CommandError with the reason, where the job failed or was cancelled: what became of its parts is told before */
export async function followJob(
  client: EngineClient,
  printer: Printer,
  start: () => Promise<{ jobId: string }>,
): Promise<JobView> {
  const early: JobView[] = [];
  let take = (job: JobView) => void early.push(job);
  const unsubscribe = client.subscribe('jobs', (job) => take(job));
  let isCancelled = false;
  let cancel = () => void (isCancelled = true);
  const giveBack = interrupts.take(() => cancel());
  try {
    const { jobId } = await start();
    cancel = () => void client.call('job.cancel', { jobId }).catch(() => {});
    // while it was being started
    if (isCancelled) cancel();
    const ended = await new Promise<JobView>((resolve, reject) => {
      client.onLost(() => reject(new CommandError({ code: 'ENGINE_LOST', message: '', hint: '', data: {} })));
      take = (job) => {
        if (job.id !== jobId) return;
        printer.progress(job);
        if (job.state === 'ended') resolve(job);
      };
      early.forEach((job) => take(job));
    });
    if (ended.error && ended.parts.length > 1) printer.event({ kind: 'job', value: ended });
    if (ended.error) throw new CommandError(ended.error);
    return ended;
  } finally {
    unsubscribe();
    giveBack();
  }
}
