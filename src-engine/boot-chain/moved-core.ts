/**
 * GRUB's core on a disk whose partitions lie elsewhere: its boot sector says in which sector of the disk it begins, and its first sector
 * where all others are. Both are written anew for what moves as a whole; what a program moves inside of a file system is not foreseen.
 */
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { bootCodeOf } from '../volumes/boot-code.ts';
import { bytesOf, within } from '../volumes/extents.ts';
import type { DiskLayout, Patch } from '../volumes/layout.port.ts';
import { extentsOfCore, GRUB_SECTOR_BYTES, readGrubCore } from '../volumes/outside-tables/grub-core.ts';

/** GPT: "BIOS boot partition", which has nothing but the core. */
export const BIOS_BOOT_TYPE = '21686148-6449-6E6F-744E-656564454649';

/** Where a byte of the disk comes to lie; null: a program decides. */
export type Shift = (offsetBytes: number) => number | null;

/** @param places of the partitions on the target, in the order of the layout; null for one that a program makes anew */
export function shiftOf({ partitions }: Pick<DiskLayout, 'partitions'>, places: readonly (Extent | null)[]): Shift {
  return (offsetBytes) => {
    const i = partitions.findIndex(
      ({ startBytes, lengthBytes }) => offsetBytes >= startBytes && offsetBytes < startBytes + lengthBytes,
    );
    if (i < 0) return offsetBytes;
    const place = places[i];
    return place && offsetBytes + place.startBytes - partitions[i].startBytes;
  };
}

/**
 * @param places as for {@link shiftOf}
 * @returns bytes that are others on the target, where they are there; none where nothing of a core moves
 * @throws EngineError `READ_FAILED`
 */
export async function movedCorePatches(
  disk: BlockSource,
  layout: DiskLayout,
  places: readonly (Extent | null)[],
): Promise<Patch[]> {
  const shift = shiftOf(layout, places);
  const patches: Patch[] = [];
  for (const bootBytes of [0, ...layout.partitions.map(({ startBytes }) => startBytes)]) {
    const core = await readGrubCore(disk, bootBytes);
    if (!core?.isWhole) continue;
    const pointers = [core.first, ...core.blocks].map(({ atBytes, startBytes }) => ({
      from: startBytes,
      atBytes: shift(atBytes),
      to: shift(startBytes),
    }));
    const isWhole = pointers.every(({ atBytes, to }) => {
      return atBytes !== null && to !== null && atBytes % 4 === 0 && to % GRUB_SECTOR_BYTES === 0;
    });
    if (!isWhole) continue;
    for (const { from, atBytes, to } of pointers) {
      if (to === from) continue;
      const bytes = Buffer.alloc(8);
      bytes.writeBigUInt64LE(BigInt(to! / GRUB_SECTOR_BYTES));
      patches.push({ offsetBytes: atBytes!, bytes });
    }
  }
  return patches;
}

/**
 * Whether a BIOS boot partition may lie elsewhere: all of the core that the disk's boot code leads to is in it, so that what leads there can
 * be written anew; or no boot code leads anywhere.
 * @throws EngineError `READ_FAILED`
 */
export async function canMoveBiosBoot(disk: BlockSource, partition: Extent): Promise<boolean> {
  const code = bootCodeOf(await readBytes(disk, 0, Math.min(GRUB_SECTOR_BYTES, disk.lengthBytes)));
  if (code === 'none') return true;
  const core = code === 'grub' ? await readGrubCore(disk) : null;
  return (
    core !== null && core.isWhole && bytesOf(within(partition, extentsOfCore(core))) === bytesOf(extentsOfCore(core))
  );
}
