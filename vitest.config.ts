import { defineConfig } from 'vitest/config';

const slow = { testTimeout: 300_000, hookTimeout: 300_000 };

/** A process for each worker, and not for each file: to load the engine anew takes longer than many files do. */
const together = { isolate: false, setupFiles: ['test/support/own-environment.ts'] };

/** Minutes each, of what other tests prove in short: a stage of their own. */
const LONG = '**/*.long.test.ts';

/** Projects run by `scripts/test.mjs`, fast ones first. `boot` runs systems under emulation: minutes. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/architecture/**/*.test.ts'],
          testTimeout: 60_000,
          ...together,
        },
      },
      { test: { name: 'integ', include: ['test/integ/**/*.test.ts'], exclude: [LONG], ...slow, ...together } },
      { test: { name: 'long', include: [`test/integ/${LONG}`], ...slow, ...together } },
      { test: { name: 'hostile', include: ['test/hostile/**/*.test.ts'], ...slow, ...together } },
      { test: { name: 'attack', include: ['test/attack/**/*.test.ts'], testTimeout: 7_200_000, hookTimeout: 300_000 } },
      { test: { name: 'machines', include: ['test/machines/**/*.test.ts'], ...slow, hookTimeout: 1_200_000 } },
      { test: { name: 'boot', include: ['test/boot/**/*.test.ts'], testTimeout: 1_200_000, hookTimeout: 1_200_000 } },
    ],
  },
});
