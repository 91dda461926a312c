/** A part of the boot matrix (test/boot-matrix): templates that the command line deployed come up, and are what they were to be. */
import { beforeAll, describe, expect, it } from 'vitest';
import { REPRESENTATIVE, titleOf } from '../boot-matrix/combinations.ts';
import { tryAll } from '../boot-matrix/matrix.ts';
import type { Row } from '../boot-matrix/try-combination.ts';
import { untold, type Twins } from '../boot-matrix/twins.ts';
import { canLoop } from '../support/workbench.ts';

if (!canLoop) console.warn('SKIPPED: the boot matrix builds disks, for which it needs root on Linux');

/** All of them: guests are made first, where no earlier run has left them. */
const TIMEOUT_MS = 2_400_000;

describe.skipIf(!canLoop)('deployed machines', () => {
  let rows: readonly Row[];
  let twins: readonly Twins[];
  beforeAll(async () => {
    const twin = { layout: 'ext4', suite: 'bookworm', sectorBytes: 512 } as const;
    ({ rows, twins } = await tryAll(REPRESENTATIVE, [twin], ({ combination, bootSeconds, processorSeconds }) =>
      console.log(`${titleOf(combination)}: up after ${bootSeconds} s, ${processorSeconds} s of a processor`),
    ));
  }, TIMEOUT_MS);

  it.each(REPRESENTATIVE.map((one) => [titleOf(one), one.number] as const))('%s', (_, number) => {
    expect(rows.find(({ combination }) => combination.number === number)?.faults).toEqual([]);
  });

  it('of one template, running side by side, share nothing that the plan did not tell', () => {
    expect(twins.map(untold)).toEqual([[]]);
  });
});
