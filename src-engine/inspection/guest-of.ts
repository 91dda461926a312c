/** What is installed on a disk, read from its opened volumes. */
import type { Guest } from '../contract/guest.contract.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import type { EndOfLifeTable } from '../guest/end-of-life.ts';
import type { GuestInput, GuestVolume } from '../guest/guest-input.ts';
import { inspectGuest } from '../guest/inspect-guest.ts';
import { readPartitionIds, type PartitionIds } from '../guest/partition-ids.ts';
import type { OpenedVolume } from './disk-inspection.ts';

const FIRST_BYTES = 64 * 1024;

/** A disk of the guest's, opened. */
export interface GuestDisk {
  readonly source: BlockSource;
  readonly opened: readonly OpenedVolume[];
}

/** Never fails but by an abort: what cannot be read is unknown, and its warnings say so. */
export function guestOf(
  source: BlockSource,
  opened: readonly OpenedVolume[],
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<Guest> {
  return guestOfDisks([{ source, opened }], endOfLife, signal);
}

/**
 * As {@link guestOf}, of a machine whose system may lie on several disks.
 * @param disks the one that it boots from first
 */
export async function guestOfDisks(
  disks: readonly GuestDisk[],
  endOfLife: EndOfLifeTable,
  signal: AbortSignal,
): Promise<Guest> {
  return inspectGuest(await guestInputOf(disks), endOfLife, signal);
}

/** @param disks as for {@link guestOfDisks} */
export async function guestInputOf(disks: readonly GuestDisk[]): Promise<GuestInput> {
  const volumes = await Promise.all(disks.map((disk, i) => volumesOf(disk, i)));
  const [{ source }] = disks;
  const firstSectors = await readBytes(source, 0, Math.min(FIRST_BYTES, source.lengthBytes)).catch(() =>
    Buffer.alloc(0),
  );
  return { volumes: volumes.flat(), firstSectors };
}

async function volumesOf({ source, opened }: GuestDisk, index: number): Promise<GuestVolume[]> {
  const ids = await readPartitionIds(source).catch(() => new Map<number, PartitionIds>());
  const volumes = await Promise.all(opened.map((volume) => guestVolume(volume, ids)));
  // partitions of two disks have the same numbers
  return volumes.map((volume) =>
    index > 0 && /^\d+$/.test(volume.ref) ? { ...volume, ref: `${index + 1}:${volume.ref}` } : volume,
  );
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
