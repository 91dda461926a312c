/** Root writes into somebody else's folder, who puts links in the way: nothing of root's is reached. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeExt4 } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { race } from '../support/races.ts';
import { canLoop, MIB, workbench } from '../support/workbench.ts';

/** `npm run attack` runs many more. */
const ROUNDS = 3;

const bench = workbench();
let engine: TestEngine;

describe.skipIf(!canLoop)('a race for a name', () => {
  beforeAll(async () => {
    engine = await openEngine(bench.path('catalog'));
    resultOf(await engine.capture(makeExt4(bench, 'small.img', 16 * MIB), 'small'));
  });
  afterAll(() => engine.close());

  // formats differ in nothing that matters here
  test.each(['deploy', 'export raw', 'export package', 'extract a folder', 'extract a file', 'save'])(
    '%s: links in the place of what is written',
    async (writer) => {
      const folder = bench.path(`names-${writer.replaceAll(' ', '-')}`);
      const result = await race(engine, 'small', folder, writer, 'names', ROUNDS);
      expect(result).toMatchObject({ lost: 0, rounds: ROUNDS });
      expect(result.swaps).toBeGreaterThan(0);
    },
  );

  test.each(['deploy', 'export qcow2', 'extract a folder', 'save'])(
    '%s: a link in the place of the folder',
    async (writer) => {
      const folder = bench.path(`parent-${writer.replaceAll(' ', '-')}`);
      const result = await race(engine, 'small', folder, writer, 'parent', 3 * ROUNDS);
      expect(result).toMatchObject({ lost: 0 });
      expect(result.swaps).toBeGreaterThan(0);
    },
  );
});
