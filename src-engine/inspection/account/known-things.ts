/**
 * Known things in what lies outside of all tables and file systems: images of boot media around a table, boot loaders in gaps,
 * what mirrors, replication and verification keep behind a file system or at the end of a disk.
 */
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { slice } from '../../disk/slice.ts';
import { signaturesOf, type Signature } from '../../filesystems/signatures.ts';
import { drbdExtent } from '../../volumes/outside-tables/drbd.ts';
import { grubCoreExtents } from '../../volumes/outside-tables/grub-core.ts';
import { isoExtent } from '../../volumes/outside-tables/iso9660.ts';
import { ldmExtents } from '../../volumes/outside-tables/ldm.ts';
import { verityExtent } from '../../volumes/outside-tables/verity.ts';
import { joinExtents, within } from '../../volumes/extents.ts';
import type { InspectedDisk } from '../disk-inspection.ts';
import type { OutsidePiece } from './outside-pieces.ts';

export interface KnownThing {
  /** as blkid or its own tools call it */
  readonly name: string;
  /**
   * What of it lies outside, on the disk: taken as it is, zeros too, whatever a person says of unknown data. None for a file
   * system of a partition that is no more: that is data like other data, with a name.
   */
  readonly extents: readonly Extent[];
}

/** Looked into one by one; a disk with more pieces than this is no disk that people use. */
const MAX_PIECES = 512;
/** A mark is taken with the page that it stands on. */
const PAGE_BYTES = 4096;

/**
 * @param inspected its pieces outside of all that is known get the names of things that lie in them
 * @returns for each piece what was found in it
 * @throws EngineError `READ_FAILED`
 */
export async function knownThingsIn(
  inspected: Pick<InspectedDisk, 'source' | 'layout' | 'signatures' | 'outside'>,
): Promise<ReadonlyMap<OutsidePiece, readonly KnownThing[]>> {
  const { source: disk, outside: pieces, signatures } = inspected;
  const { partitions } = inspected.layout;
  const found = new Map<OutsidePiece, KnownThing[]>();
  const add = (piece: OutsidePiece, name: string, extents: readonly Extent[]) => {
    const things = found.get(piece) ?? [];
    const known = things.find((thing) => thing.name === name);
    if (!known) things.push({ name, extents: joinExtents(extents) });
    else things[things.indexOf(known)] = { name, extents: joinExtents([...known.extents, ...extents]) };
    found.set(piece, things);
  };
  /** @param extents of a thing that certainly means something, on the disk */
  const spread = (name: string, extents: readonly Extent[]) => {
    for (const piece of pieces) {
      // a page that begins in what a group speaks of bears the label that the group was read by
      const means = ({ startBytes }: Extent) => piece.place !== 'in-member' || startBytes >= piece.startBytes;
      const inside = extents.filter(means).flatMap((extent) => within(extent, [piece]));
      if (inside.length > 0) add(piece, name, inside);
    }
  };

  if (pieces.length === 0) return found;
  const iso = await orNothing(() => isoExtent(disk));
  if (iso) spread('iso9660', [iso]);
  spread('ldm', (await orNothing(() => ldmExtents(disk))) ?? []);
  spread('grub', (await orNothing(() => grubCoreExtents(disk))) ?? []);
  for (const region of new Set(pieces.map((piece) => piece.region))) {
    const { startBytes, lengthBytes } = region === 0 ? { startBytes: 0, lengthBytes: 0 } : partitions[region - 1];
    const ofRegion =
      region === 0 ? signatures : await orNothing(() => signaturesOf(slice(disk, startBytes, lengthBytes)));
    for (const signature of ofRegion ?? []) {
      // a file system that begins here is known already, or not what the disk is
      if (signature.usage !== 'filesystem') spread(signature.name, marksOf(signature, startBytes));
    }
  }
  for (const piece of pieces.slice(0, MAX_PIECES)) {
    const { startBytes, lengthBytes } = piece;
    const source = slice(disk, startBytes, lengthBytes);
    const verity = await orNothing(() => verityExtent(source));
    if (verity) add(piece, 'verity', [moved(verity, startBytes)]);
    // whole pages are counted from the start of the device that is replicated
    const skippedBytes = (PAGE_BYTES - ((startBytes - piece.regionStartBytes) % PAGE_BYTES)) % PAGE_BYTES;
    if (skippedBytes < lengthBytes) {
      const drbd = await orNothing(() => drbdExtent(slice(source, skippedBytes, lengthBytes - skippedBytes)));
      if (drbd) add(piece, 'drbd', [moved(drbd, startBytes + skippedBytes)]);
    }
    for (const signature of (await orNothing(() => signaturesOf(source))) ?? []) {
      const isData = signature.usage === 'filesystem';
      const marks = marksOf(signature, startBytes).flatMap((mark) => within(mark, [piece]));
      add(piece, signature.name, isData ? [] : marks);
    }
  }
  return found;
}

const moved = ({ startBytes, lengthBytes }: Extent, byBytes: number): Extent => ({
  startBytes: startBytes + byBytes,
  lengthBytes,
});

/** The pages that a signature's marks stand on, on the disk. */
function marksOf({ marks }: Signature, sourceStartBytes: number): Extent[] {
  return marks.map(({ startBytes, lengthBytes }) => {
    const from = Math.floor((sourceStartBytes + startBytes) / PAGE_BYTES) * PAGE_BYTES;
    const to = Math.ceil((sourceStartBytes + startBytes + lengthBytes) / PAGE_BYTES) * PAGE_BYTES;
    return { startBytes: from, lengthBytes: to - from };
  });
}

/** What lies in sectors that cannot be read, or contradicts itself, has no name: it is data all the same. */
async function orNothing<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof EngineError) || !['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code)) throw error;
    return null;
  }
}
