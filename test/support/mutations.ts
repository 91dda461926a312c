/** How many mutations a test has made: `npm run attack` adds them up. */
import { TestRunner } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    mutations?: number;
  }
}

/** Counts one for the test that runs. */
export function countMutation(): void {
  const meta = TestRunner.getCurrentTest()?.meta;
  if (meta) meta.mutations = (meta.mutations ?? 0) + 1;
}
