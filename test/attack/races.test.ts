/** Root writes into somebody else's folder, who puts links in the way: nothing of root's is reached. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeExt4 } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { race, WRITERS } from '../support/races.ts';
import { canLoop, MIB, workbench } from '../support/workbench.ts';
import { attempts, isFull, Tally } from './tally.ts';

const ROUNDS = attempts(3, 50);
/** Formats differ in nothing that matters here. */
const FEW = ['deploy', 'export raw', 'export package', 'extract a folder', 'extract a file', 'save'];

const bench = workbench();
let engine: TestEngine;

describe.skipIf(!canLoop)('a race for a name', () => {
  beforeAll(async () => {
    engine = await openEngine(bench.path('catalog'));
    resultOf(await engine.capture(makeExt4(bench, 'small.img', 16 * MIB), 'small'));
  });
  afterAll(() => engine.close());

  const what = { names: 'links in the place of what is written', parent: 'a link in the place of the folder' } as const;

  test.for([
    ...(isFull ? Object.keys(WRITERS) : FEW).map((writer) => [writer, 'names'] as const),
    ...['deploy', 'export qcow2', 'extract a folder', 'save'].map((writer) => [writer, 'parent'] as const),
  ])('%s: %s', async ([writer, attack], context) => {
    const folder = bench.path(`${attack}-${writer.replaceAll(' ', '-')}`);
    const { rounds, lost, done, swaps } = await race(engine, 'small', folder, writer, attack, ROUNDS);
    const tally = new Tally('Race of another user', `${writer}: ${what[attack]}`);
    tally.ended('done', done);
    tally.ended('refused', rounds - done);
    if (lost > 0) tally.lost(`${lost} of ${rounds} rounds reached what is root's`);
    expect(swaps).toBeGreaterThan(0);
    tally.close(context);
  });
});
