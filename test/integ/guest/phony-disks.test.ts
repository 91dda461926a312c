/** Whole disks of phony guests, through the readers that a capture uses: from a partition table to what is installed. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { GuestSchema } from '../../../src-engine/contract/guest.contract.ts';
import { loadEndOfLife } from '../../../src-engine/guest/end-of-life.ts';
import { openVolumes } from '../../../src-engine/inspection/disk-inspection.ts';
import { guestOf } from '../../../src-engine/inspection/guest-of.ts';
import { fileSource } from '../../support/file-source.ts';
import { phonyDisk, phonyGuest, phonyGuests } from '../../support/phony-guests.ts';
import { canLoop, MIB, workbench } from '../../support/workbench.ts';

const bench = workbench();
const table = await loadEndOfLife(resolve(import.meta.dirname, '../../../resources/end-of-life.yaml'));

async function inspect(path: string) {
  const source = await fileSource(path);
  try {
    return GuestSchema.parse(await guestOf(source, await openVolumes(source), table, new AbortController().signal));
  } finally {
    await source.close();
  }
}

describe.skipIf(!canLoop)('phony guests', () => {
  test.each(phonyGuests)('%s', async (name) => {
    const { told } = phonyGuest(bench.folder, name);
    const disk = phonyDisk(bench.folder, name);
    expect(statSync(disk).blocks * 512).toBeLessThan(20 * MIB);
    const guest = await inspect(disk);
    expect(guest.warnings).toEqual([]);
    expect({
      release: guest.release.value,
      pointRelease: guest.pointRelease.value,
      bootModes: guest.bootModes.value,
      bootKernel: guest.bootKernel.value,
      usesLvm: guest.usesLvm.value,
    }).toEqual(told);
    expect(guest.architecture.value).toBe('x86_64');
    expect(guest.kernelOrigin.value).toBe('distribution');
  });
});
