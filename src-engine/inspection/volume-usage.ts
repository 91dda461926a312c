/** Which bytes of each volume a capture takes: of a member of a group, its labels and what is used of the volumes on it. */
import type { VolumeView } from '../contract/disk.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import type { Extent } from '../disk/block-source.port.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import { bytesOf, gapsIn, joinExtents, within } from '../volumes/extents.ts';
import { columnExtent } from '../volumes/mapped-extents.ts';
import { piecesOf } from './member-pieces.ts';
import { UsedCursors } from './used-cursor.ts';
import { damage, sampled, unreadable, type VolumeContent } from './volume-content.ts';
import { onDisk, placesOf, type TreeVolume, type VolumeTree } from './volume-tree.ts';

/** What a capture takes of every volume of a disk. */
export class VolumeUsage {
  readonly #usedBytes = new Map<TreeVolume, number>();
  readonly #usedOnDisk = new Map<TreeVolume, number>();
  readonly #looked = new Map<TreeVolume, VolumeContent>();
  /** what lies behind the end of a volume's own file system, and is not its */
  readonly #tails = new Map<TreeVolume, readonly Extent[]>();

  /**
   * Goes through the used blocks of every file system once.
   * @throws EngineError `READ_FAILED`, `ABORTED`
   */
  static async of(tree: VolumeTree, signal: AbortSignal): Promise<VolumeUsage> {
    const usage = new VolumeUsage();
    for (const volume of [...tree.partitions, ...tree.groups.flatMap(({ volumes }) => volumes)]) {
      await usage.#measure(volume, signal);
    }
    return usage;
  }

  /** What the volume holds, after a closer look: a file system whose used blocks contradict it is none. */
  contentOf(volume: TreeVolume): VolumeContent {
    return this.#looked.get(volume) ?? volume.content;
  }

  /** How many bytes a capture reads of it. */
  usedBytes(volume: TreeVolume): number {
    return this.#usedBytes.get(volume) ?? 0;
  }

  /**
   * What no file system and no group speaks of, in offsets of the volume: behind the end of its file system; on a member, around
   * what the group takes and gives to volumes, and behind the file systems of those.
   */
  outside(volume: TreeVolume): Extent[] {
    if (!volume.membership) return [...(this.#tails.get(volume) ?? [])];
    const { group, member } = volume.membership;
    const { allocatable } = group.group.members[member];
    const known = [...piecesOf(group, member), ...(allocatable ? [allocatable] : [])];
    const behind = group.volumes.flatMap((inner) =>
      this.outside(inner).flatMap((extent) => placesOf(inner, extent).filter(({ holder }) => holder === volume)),
    );
    return joinExtents([...gapsIn({ startBytes: 0, lengthBytes: volume.source.lengthBytes }, known), ...behind]);
  }

  /** What a volume's own file system says is free, counted on the disk: once for each copy that there is of it. */
  freeOnDisk(volume: TreeVolume): number {
    if (volume.membership || volume.inside?.inner.copies.length === 0) return 0;
    const whole = { startBytes: 0, lengthBytes: volume.source.lengthBytes };
    const outsideBytes = this.outside(volume).reduce((sum, extent) => sum + bytesOf(onDisk(volume, extent)), 0);
    return bytesOf(onDisk(volume, whole)) - (this.#usedOnDisk.get(volume) ?? 0) - outsideBytes;
  }

  /** The file system that is believed in what it says is free. */
  #fileSystemOf(volume: TreeVolume): FileSystem | null {
    return volume.isContested ? null : this.contentOf(volume).fileSystem;
  }

  captureAs(volume: TreeVolume): VolumeView['captureAs'] {
    return volume.membership ? 'used-blocks' : (this.#fileSystemOf(volume)?.captureAs ?? 'whole');
  }

  /** The block size of what it holds: the smallest of several, Infinity where nothing has any. */
  unitBytes(volume: TreeVolume): number {
    if (!volume.membership) return this.#fileSystemOf(volume)?.blockBytes ?? Infinity;
    return Math.min(...volume.membership.group.volumes.map((inner) => this.unitBytes(inner)));
  }

  /** The bytes that a capture reads: ascending, disjoint, in batches of bounded size. */
  used(volume: TreeVolume, signal: AbortSignal): AsyncIterable<readonly Extent[]> {
    return volume.membership
      ? this.#memberUsed(volume.membership, signal)
      : (this.#fileSystemOf(volume)?.used(signal) ?? wholeOf(volume));
  }

  /**
   * Piece by piece in the order of the member: volumes are asked for what is used of the run that a piece belongs to. Extents
   * of a group that belong to no volume are none of them.
   */
  async *#memberUsed(
    { group, member }: NonNullable<TreeVolume['membership']>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Extent[]> {
    const cursors = new UsedCursors<TreeVolume>();
    try {
      for (const { from, startBytes, lengthBytes } of piecesOf(group, member)) {
        signal.throwIfAborted();
        if (!from) {
          yield [{ startBytes, lengthBytes }];
          continue;
        }
        const { volume, run, column } = from;
        const used = () => this.used(volume, signal);
        for await (const batch of cursors.between(volume, used, run.startBytes, run.startBytes + run.lengthBytes)) {
          yield batch.map((extent) => columnExtent(run, column, extent)).filter((extent) => extent.lengthBytes > 0);
        }
      }
    } finally {
      await cursors.close();
    }
  }

  /** Counts what is used of a volume, for itself and for those that hold it. */
  async #measure(volume: TreeVolume, signal: AbortSignal): Promise<void> {
    const { inside, membership } = volume;
    if (membership) {
      const { metadata } = membership.group.group.members[membership.member];
      for (const extent of metadata) this.#count(withHolders(volume, extent));
      return;
    }
    if (inside?.inner.copies.length === 0) {
      for (const { member, ...extent } of inside.inner.occupied) {
        this.#count([[volume, extent]]);
        if (inside.group.group.isReadable) this.#count(withHolders(inside.group.members[member], extent));
      }
      return;
    }
    const fileSystem = this.#fileSystemOf(volume);
    if (!volume.content.fileSystem) this.#looked.set(volume, await sampled(volume.source, volume.content));
    // counted for itself first: one that fails half-way is taken whole
    const counted = new VolumeUsage();
    const tail = tailOf(volume, fileSystem);
    const usedOfTail: Extent[] = [];
    const told: Warning[] = [];
    let onDiskBytes = 0;
    try {
      const used = fileSystem?.used(signal, (warning) => void told.push(warning));
      for await (const batch of used ?? wholeOf(volume)) {
        for (const extent of batch) {
          counted.#count(withHolders(volume, extent));
          onDiskBytes += volume.partition ? extent.lengthBytes : bytesOf(onDisk(volume, extent));
        }
        usedOfTail.push(...within(tail, batch));
      }
      counted.#usedBytes.forEach((lengthBytes, holder) => this.#count([[holder, { lengthBytes }]]));
      this.#usedOnDisk.set(volume, onDiskBytes);
      this.#tails.set(volume, gapsIn(tail, usedOfTail));
      const content = this.contentOf(volume);
      if (told.length > 0) this.#looked.set(volume, { ...content, warnings: [...content.warnings, ...told] });
    } catch (error) {
      this.#looked.set(volume, unreadable(fileSystem?.kind ?? null, damage(error)));
      const whole = { startBytes: 0, lengthBytes: volume.source.lengthBytes };
      this.#count(withHolders(volume, whole));
      this.#usedOnDisk.set(volume, bytesOf(onDisk(volume, whole)));
    }
  }

  #count(places: readonly (readonly [TreeVolume, Pick<Extent, 'lengthBytes'>])[]): void {
    for (const [volume, { lengthBytes }] of places) this.#usedBytes.set(volume, this.usedBytes(volume) + lengthBytes);
  }
}

/** What lies behind the end of a volume's file system; of length 0 where it has none that ends earlier. */
function tailOf({ source: { lengthBytes } }: TreeVolume, fileSystem: FileSystem | null): Extent {
  const startBytes = Math.min(fileSystem?.recordedBytes ?? fileSystem?.lengthBytes ?? lengthBytes, lengthBytes);
  return { startBytes, lengthBytes: lengthBytes - startBytes };
}

/** Bytes of a volume, and the same bytes in every volume that holds it. */
function withHolders(volume: TreeVolume, extent: Extent): [TreeVolume, Extent][] {
  return [[volume, extent], ...placesOf(volume, extent).flatMap(({ holder, ...place }) => withHolders(holder, place))];
}

async function* wholeOf({ source }: TreeVolume): AsyncGenerator<Extent[]> {
  yield [{ startBytes: 0, lengthBytes: source.lengthBytes }];
}
