/** What is installed on a disk, read from its opened volumes. */
import type { Guest } from '../contract/guest.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import type { EndOfLifeTable } from '../guest/end-of-life.ts';
import type { GuestVolume } from '../guest/guest-input.ts';
import { inspectGuest } from '../guest/inspect-guest.ts';
import { readPartitionIds, type PartitionIds } from '../guest/partition-ids.ts';
import type { OpenedVolume } from './disk-inspection.ts';

const FIRST_BYTES = 64 * 1024;

/** Never fails but by an abort: what cannot be read is unknown, and its warnings say so. */
export async function guestOf(
  source: BlockSource,
  opened: readonly OpenedVolume[],
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<Guest> {
  const ids = await readPartitionIds(source).catch(() => new Map<number, PartitionIds>());
  const volumes = await Promise.all(opened.map((volume) => guestVolume(volume, ids)));
  const firstSectors = await readBytes(source, 0, Math.min(FIRST_BYTES, source.lengthBytes)).catch(() =>
    Buffer.alloc(0),
  );
  return inspectGuest({ volumes, firstSectors }, endOfLife, signal);
}

async function guestVolume(
  { ref, label, fileSystem, recognised }: OpenedVolume,
  ids: ReadonlyMap<number, PartitionIds>,
): Promise<GuestVolume> {
  const tree = (await fileSystem?.browse?.().catch(() => null)) ?? null;
  const { uuid = '', kind = null } = fileSystem ?? {};
  // a volume inside others has a reference that is no number
  return { ref, label, uuid, kind, tree, recognised, ...ids.get(Number(ref)) };
}
