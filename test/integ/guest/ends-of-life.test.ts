/** The table of ends has a row for every system that the tests know, by the names that the engine gives them. */
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { endOfLifeOf, loadEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import { phonyGuest, phonyGuests } from '../../support/phony-guests.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const work = temporaryFolder();
const table = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));
/** These have no releases, and so no end. */
const ROLLING = ['arch', 'opensuse-tumbleweed'];

test.each(phonyGuests)('%s', (name) => {
  const { release, pointRelease } = phonyGuest(work, name).told;
  // a version of Windows ends by edition: those of the phony clients are all Pro
  const end = endOfLifeOf(table, release, pointRelease, 'Professional').value;
  if (ROLLING.includes(release)) expect(end).toBeNull();
  else expect(end?.tableDate).toBe(table.madeOn);
});
