/** Which clusters the files of exFAT say are theirs. */
import { EngineError } from '../../core/engine-error.ts';
import { ClaimedClusters } from '../claimed-clusters.ts';
import { placesOf, type Allocation, type ExfatVolume } from './allocation.ts';
import { ENTRY, entrySets } from './entry-sets.ts';
import { parseFile } from './file-set.ts';
import { rootPlaces, type RootEntries } from './root-entries.ts';

/** Folders that are looked into: enough for what exFAT is used for, and seconds on the slowest disk. */
const FOLDERS_MAX = 4096;

/**
 * Those of the volume's own tables, and of files and folders as far as a bounded look reaches. Files whose entries or chains are
 * damaged claim what is found of them. Clusters are counted from 0.
 * @throws EngineError `READ_FAILED`
 */
export async function claimedClusters(
  fs: ExfatVolume,
  { bitmap, upCase }: RootEntries,
  signal: AbortSignal,
): Promise<ClaimedClusters> {
  const { clusterBytes, heapStartBytes } = fs.geometry;
  const claimed = new ClaimedClusters();
  const claim = async (places: ReturnType<typeof placesOf>) => {
    await leniently(async () => {
      for await (const batch of places) {
        signal.throwIfAborted();
        for (const { startBytes, lengthBytes } of batch) {
          claimed.add((startBytes - heapStartBytes) / clusterBytes, lengthBytes / clusterBytes);
        }
        if (claimed.isFull) return;
      }
    });
  };
  await claim(rootPlaces(fs));
  for (const own of [bitmap, upCase?.allocation]) if (own) await claim(placesOf(fs, own));

  const folders: (Allocation | null)[] = [null];
  const seen = new Set<number>();
  for (let folder = folders.shift(); folder !== undefined && !claimed.isFull; folder = folders.shift()) {
    const places = folder === null ? rootPlaces(fs) : placesOf(fs, folder);
    await leniently(async () => {
      for await (const sets of entrySets(fs, places)) {
        for (const set of sets.filter(({ type, isSound }) => type === ENTRY.FILE && isSound)) {
          await leniently(async () => {
            const { isFolder, allocation } = parseFile(fs.geometry, set);
            if (allocation.lengthBytes === 0) return;
            await claim(placesOf(fs, allocation));
            if (!isFolder || seen.has(allocation.firstCluster) || seen.size >= FOLDERS_MAX) return;
            seen.add(allocation.firstCluster);
            folders.push(allocation);
          });
        }
      }
    });
  }
  claimed.close();
  return claimed;
}

async function leniently(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!(error instanceof EngineError) || error.code !== 'FORMAT_INVALID') throw error;
  }
}
