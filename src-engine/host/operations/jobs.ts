/** What runs, waits or has ended. */
import type { Host, Operations } from './operations.ts';

export const jobOperations = ({ jobs }: Host): Operations<'job.list' | 'job.show' | 'job.cancel'> => ({
  'job.list': () => jobs.list(),
  'job.show': ({ jobId }) => jobs.show(jobId),
  'job.cancel': ({ jobId }) => jobs.cancel(jobId),
});
