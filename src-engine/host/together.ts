/** Parts of a job that make one thing together: they run as one, and where one fails there is nothing of any. */
import type { JobResult } from '../contract/job.contract.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { numberOf } from '../core/of-disk.ts';
import type { JobContext } from '../core/job-context.ts';
import type { PartWork } from './live-job.ts';

/**
 * @param paths of the parts, in their order
 * @param run is called once, when all parts have begun; an error of its says by `disk` in its data, from 1, which part it is about
 * @returns parts that end together: where one fails, the others are taken back
 */
export function together(
  paths: readonly string[],
  run: (contexts: readonly JobContext[]) => Promise<readonly JobResult[]>,
): PartWork[] {
  const contexts: JobContext[] = [];
  const all = Promise.withResolvers<readonly JobResult[]>();
  // each part hears of it by itself
  all.promise.catch(() => {});
  return paths.map((path, i) => ({
    path,
    disk: numberOf(i, paths.length) ?? undefined,
    async run(context) {
      contexts[i] = context;
      if (Object.keys(contexts).length === paths.length) run(contexts).then(all.resolve, all.reject);
      const results = await all.promise.catch((thrown: unknown) => {
        throw isAbout(thrown, i) ? thrown : new EngineError('ABORTED', {}, '', { cause: thrown });
      });
      return results[i];
    },
  }));
}

/** What is about none of them is told by the first. */
function isAbout(thrown: unknown, index: number): boolean {
  const { disk } = toEngineError(thrown).data;
  return index === (typeof disk === 'number' ? disk - 1 : 0);
}
