/** Hostile hives that something is to be added to: it is added, or an error says why not, soon; and nobody writes outside of the hive. */
import { expect, test } from 'vitest';
import {
  driverDatabase,
  serviceEntry,
  startOverride,
} from '../../../src-engine/guest/drivers/virtio/registry-entries.ts';
import { VIRTIO_DRIVERS } from '../../../src-engine/guest/drivers/virtio/virtio-drivers.ts';
import { HiveEdit } from '../../../src-engine/guest/windows/hive/hive-edit.ts';
import { hive } from '../../support/guests.ts';
import { contentOf, summed } from '../../support/hives.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { mutate, MUTATIONS, restoring } from '../filesystems/harmless.ts';
import { outcomeOf } from '../formats/lies.ts';

const work = temporaryFolder();
const PAGE = 4096;

test('mutated hives', async () => {
  const bytes = hive(work, {
    Select: { Current: 1 },
    'ControlSet001\\Services\\viostor': { Start: 3, ImagePath: 'a path that lies in a cell of its own' },
    'ControlSet001\\Services\\viostor\\StartOverride': { 0: 3 },
    'DriverDatabase\\DeviceIds\\PCI': { none: 1 },
  });
  async function add(): Promise<void> {
    const one = await HiveEdit.open(contentOf(bytes), 0);
    if (!one) return;
    one.text(['ControlSet001', 'Services', 'viostor'], 'ImagePath');
    const entries = VIRTIO_DRIVERS.flatMap((driver) => [
      serviceEntry(driver, 'ControlSet001'),
      startOverride(driver, 'ControlSet001'),
      ...driverDatabase(driver),
    ]);
    for (const { path, values } of entries) one.set(path, values);
    const made = one.toBytes();
    expect(made.length).toBeLessThanOrEqual(bytes.length + 512 * 1024);
  }
  expect(await outcomeOf(add)).toBe('read');
  const whole = [[0, bytes.length]] as const;
  const outcomes = new Map<string, number>();
  for (let seed = 0; seed < MUTATIONS; seed++) {
    const outcome = await restoring(bytes, whole, () => {
      mutate(bytes, [[PAGE, bytes.length - PAGE]], seed);
      // a head that lies has a sum that is right
      if (seed % 4 === 0) mutate(bytes, [[4, 480]], seed);
      summed(bytes);
      return outcomeOf(add);
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  expect([...outcomes.keys()].sort()).toEqual(['FORMAT_INVALID', 'read']);
});
