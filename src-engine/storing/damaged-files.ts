/** Whose the sectors are that could not be read: the files of all volumes are asked where they lie. */
import type { Damage } from '../contract/template.contract.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { readCache } from '../disk/read-cache.ts';
import type { FileNode, FileTree } from '../filesystems/file-tree.port.ts';
import { withoutExtents } from '../volumes/extents.ts';
import { openVolumes, type OpenedVolume } from '../inspection/disk-inspection.ts';
import { isDamage } from '../browsing/damage.ts';
import { SecondNames } from '../browsing/second-names.ts';
import { VisitedFolders } from '../browsing/visited-folders.ts';
import { filledSource, sourceWithout, type UnreadablePlaces } from '../inspection/unreadable.ts';

const MAX_FILES = 1000;
const MAX_DEPTH = 512;

/**
 * @param source is not asked again where it failed: that reads as zeros here
 * @returns what is written down with the version; a path of '' stands for what belongs to no file that can be found: tables,
 *   lists, free space of a volume that was captured whole
 */
export async function damageOf(
  source: BlockSource,
  places: UnreadablePlaces,
  signal: AbortSignal,
): Promise<Damage | null> {
  if (places.lengthBytes === 0) return null;
  const { extents } = places;
  const readable = filledSource(sourceWithout(source, extents), null, signal);
  const volumes = await openVolumes(readCache(readable));
  let files: Damage['files'] = [];
  let left: readonly Extent[] = extents;
  // those inside others first: what is theirs is no loss of who holds them
  for (const volume of volumes.reverse()) {
    files = [...(await new VolumeSearch(volume, left, signal).run()), ...files];
    left = withoutExtents(left, volume.toDisk({ startBytes: 0, lengthBytes: volume.source.lengthBytes }));
  }
  return {
    lengthBytes: places.lengthBytes,
    extents: extents.map(({ startBytes, lengthBytes }) => ({ startBytes, lengthBytes })),
    files: files.slice(0, MAX_FILES),
  };
}

class VolumeSearch {
  readonly #volume: OpenedVolume;
  readonly #bad: readonly Extent[];
  readonly #files: Damage['files'] = [];
  readonly #signal: AbortSignal;
  readonly #visited = new VisitedFolders();
  readonly #names = new SecondNames<true>();
  #foundBytes = 0;

  /** @param bad ascending */
  constructor(volume: OpenedVolume, bad: readonly Extent[], signal: AbortSignal) {
    this.#volume = volume;
    this.#bad = bad;
    this.#signal = signal;
  }

  async run(): Promise<Damage['files']> {
    const { fileSystem, source } = this.#volume;
    const lostBytes = this.#lost({ startBytes: 0, lengthBytes: source.lengthBytes });
    if (lostBytes === 0) return [];
    try {
      const tree = await fileSystem?.browse?.();
      if (tree) await this.#search(tree, tree.root, '', 0);
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    if (lostBytes > this.#foundBytes) this.#add('', lostBytes - this.#foundBytes);
    return this.#files;
  }

  async #search(tree: FileTree, node: FileNode, path: string, depth: number): Promise<void> {
    this.#signal.throwIfAborted();
    if (node.kind === 'folder' ? !this.#visited.isNew(node) : this.#names.firstOf(node, true)) return;
    try {
      let lostBytes = 0;
      for await (const batch of tree.extents(node, this.#signal)) {
        for (const extent of batch) lostBytes += this.#lost(extent);
      }
      if (lostBytes > 0) {
        this.#foundBytes += lostBytes;
        this.#add(path || '/', lostBytes);
      }
      if (node.kind !== 'folder' || depth > MAX_DEPTH) return;
      for await (const batch of tree.list(node, this.#signal)) {
        for (const entry of batch) await this.#search(tree, entry.node, `${path}/${entry.name}`, depth + 1);
      }
    } catch (error) {
      // what is damaged is what was looked for
      if (!isDamage(error)) throw error;
    }
  }

  #add(path: string, lengthBytes: number): void {
    if (this.#files.length < MAX_FILES) this.#files.push({ volume: this.#volume.ref, path, lengthBytes });
  }

  /** How many bytes of an extent of the volume could not be read. */
  #lost(extent: Extent): number {
    let sum = 0;
    for (const place of this.#volume.toDisk(extent)) {
      const end = place.startBytes + place.lengthBytes;
      for (let i = firstAfter(this.#bad, place.startBytes); i < this.#bad.length; i++) {
        const { startBytes, lengthBytes } = this.#bad[i];
        if (startBytes >= end) break;
        sum += Math.min(startBytes + lengthBytes, end) - Math.max(startBytes, place.startBytes);
      }
    }
    return sum;
  }
}

/** The first of ascending extents that ends after `offsetBytes`. */
function firstAfter(extents: readonly Extent[], offsetBytes: number): number {
  let low = 0;
  let high = extents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (extents[middle].startBytes + extents[middle].lengthBytes > offsetBytes) high = middle;
    else low = middle + 1;
  }
  return low;
}
