/** A disk looked at as a capture would, whatever is on it. */
import { expect } from 'vitest';
import type { BlockSource } from '../../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readBytes } from '../../../src-engine/disk/read.ts';
import { DiskAccount } from '../../../src-engine/inspection/account/account.ts';
import { inspectDisk, type InspectedDisk } from '../../../src-engine/inspection/disk-inspection.ts';
import { DiskViewSchema } from '../../../src-engine/contract/disk.contract.ts';
import { expectSums } from '../../support/account.ts';
import { HANG_MS } from '../../support/processor-time.ts';

export const MUTATIONS = Number(process.env.DISKPRESS_MUTATIONS ?? 1000);

/**
 * Nothing is thrown, what is taken is in bounds, ascending and as much as was said, and reading ends after bounded work.
 * @param maxReadBytes what may be read at most, over all
 */
export async function inspectHostile(disk: Buffer, maxReadBytes: number, sectorBytes = 512): Promise<InspectedDisk> {
  const memory = memorySource(disk, sectorBytes);
  let readTotal = 0;
  const source: BlockSource = {
    ...memory,
    async readInto(offsetBytes, into) {
      readTotal += into.length;
      await memory.readInto(offsetBytes, into);
    },
  };
  const signal = AbortSignal.timeout(HANG_MS);
  const inspected = await inspectDisk(source, signal);
  DiskViewSchema.parse(inspected.view);
  for (const { partition, usedBytes, used } of inspected.volumes) {
    let endBytes = 0;
    let total = 0;
    for await (const batch of used(signal)) {
      for (const { startBytes, lengthBytes } of batch) {
        if (startBytes < endBytes || !(lengthBytes > 0) || startBytes + lengthBytes > partition.lengthBytes) {
          throw new Error(`extent ${startBytes}+${lengthBytes} after ${endBytes} of ${partition.lengthBytes}`);
        }
        endBytes = startBytes + lengthBytes;
        total += lengthBytes;
      }
    }
    expect(total).toBe(usedBytes);
  }
  for (const { source: volume, toDisk } of inspected.opened) {
    const lengthBytes = Math.min(volume.lengthBytes, 300_000);
    const startBytes = volume.lengthBytes - lengthBytes;
    await readBytes(volume, startBytes, lengthBytes);
    for (const place of lengthBytes > 0 ? toDisk({ startBytes, lengthBytes }) : []) {
      expect(place.startBytes).toBeGreaterThanOrEqual(0);
      expect(place.startBytes + place.lengthBytes).toBeLessThanOrEqual(disk.length);
    }
  }
  expect(new Set(inspected.opened.map(({ ref }) => ref)).size).toBe(inspected.opened.length);
  expect(readTotal).toBeLessThan(maxReadBytes);
  expectSums((await DiskAccount.of(inspected, 'file', 'ask', signal)).view());
  return inspected;
}
