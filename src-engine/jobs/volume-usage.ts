/** Which bytes of each volume a capture takes: of a member of a group, its labels and what is used of the volumes on it. */
import type { VolumeView } from '../contract/disk.contract.ts';
import type { Extent } from '../disk/block-source.port.ts';
import { columnExtent } from '../volumes/mapped-extents.ts';
import { piecesOf } from './member-pieces.ts';
import { UsedCursors } from './used-cursor.ts';
import { damage, sampled, unreadable, type VolumeContent } from './volume-content.ts';
import { placesOf, type TreeVolume, type VolumeTree } from './volume-tree.ts';

/** What a capture takes of every volume of a disk. */
export class VolumeUsage {
  readonly #usedBytes = new Map<TreeVolume, number>();
  readonly #looked = new Map<TreeVolume, VolumeContent>();

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

  captureAs(volume: TreeVolume): VolumeView['captureAs'] {
    return volume.membership ? 'used-blocks' : (this.contentOf(volume).fileSystem?.captureAs ?? 'whole');
  }

  /** The block size of what it holds: the smallest of several, Infinity where nothing has any. */
  unitBytes(volume: TreeVolume): number {
    if (!volume.membership) return this.contentOf(volume).fileSystem?.blockBytes ?? Infinity;
    return Math.min(...volume.membership.group.volumes.map((inner) => this.unitBytes(inner)));
  }

  /** The bytes that a capture reads: ascending, disjoint, in batches of bounded size. */
  used(volume: TreeVolume, signal: AbortSignal): AsyncIterable<readonly Extent[]> {
    return volume.membership
      ? this.#memberUsed(volume.membership, signal)
      : (this.contentOf(volume).fileSystem?.used(signal) ?? wholeOf(volume));
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
    const { fileSystem } = volume.content;
    if (!fileSystem) this.#looked.set(volume, await sampled(volume.source, volume.content));
    // counted for itself first: one that fails half-way is taken whole
    const counted = new VolumeUsage();
    try {
      for await (const batch of fileSystem?.used(signal) ?? wholeOf(volume)) {
        for (const extent of batch) counted.#count(withHolders(volume, extent));
      }
      counted.#usedBytes.forEach((lengthBytes, holder) => this.#count([[holder, { lengthBytes }]]));
    } catch (error) {
      this.#looked.set(volume, unreadable(fileSystem?.kind ?? null, damage(error)));
      this.#count(withHolders(volume, { startBytes: 0, lengthBytes: volume.source.lengthBytes }));
    }
  }

  #count(places: readonly (readonly [TreeVolume, Pick<Extent, 'lengthBytes'>])[]): void {
    for (const [volume, { lengthBytes }] of places) this.#usedBytes.set(volume, this.usedBytes(volume) + lengthBytes);
  }
}

/** Bytes of a volume, and the same bytes in every volume that holds it. */
function withHolders(volume: TreeVolume, extent: Extent): [TreeVolume, Extent][] {
  return [[volume, extent], ...placesOf(volume, extent).flatMap(({ holder, ...place }) => withHolders(holder, place))];
}

async function* wholeOf({ source }: TreeVolume): AsyncGenerator<Extent[]> {
  yield [{ startBytes: 0, lengthBytes: source.lengthBytes }];
}
