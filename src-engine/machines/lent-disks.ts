/** Attached disks that this process reads without rights of its own: a helper that has them serves each, for as long as it is needed. */
import type { PlaceView } from '../contract/disk.contract.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';

/** So long after nobody reads it any more, as long as a plan waits, rights end. */
export const LENT_MS = 10 * 60 * 1000;

interface LentDisk {
  readonly place: PlaceView;
  readonly source: BlockSource;
  readonly giveBack: () => void;
  readers: number;
  timer: NodeJS.Timeout | undefined;
}

/** By what no two disks have in common while the machine runs. */
const lent = new Map<string, LentDisk>();

const keyOf = ({ path, identity }: Pick<PlaceView, 'path' | 'identity'>) =>
  [path, identity?.number, identity?.generation].join(' ');

/**
 * From now on the disk can be read.
 * @param source what serves it @param giveBack ends that; called once, when nobody has read the disk for a while
 */
export function lendDisk(place: PlaceView, source: BlockSource, giveBack: () => void): void {
  const key = keyOf(place);
  const before = lent.get(key);
  if (before) {
    endLending(place, before.source);
    before.giveBack();
  }
  const disk: LentDisk = { place, source, giveBack, readers: 0, timer: undefined };
  lent.set(key, disk);
  waitForReaders(disk);
}

/** What serves it is gone. */
export function endLending(place: PlaceView, source: BlockSource): void {
  const disk = lent.get(keyOf(place));
  if (disk?.source !== source) return;
  clearTimeout(disk.timer);
  lent.delete(keyOf(place));
}

export const isLent = (place: Pick<PlaceView, 'path' | 'identity'>): boolean => lent.has(keyOf(place));

/**
 * @returns the disk to read, which whoever gets it closes; null where it is not lent
 * @throws nothing; its reads throw EngineError `HELPER_LOST` where the helper has ended
 */
export function openLent(place: PlaceView): BlockSource | null {
  const disk = lent.get(keyOf(place));
  if (!disk) return null;
  clearTimeout(disk.timer);
  disk.readers++;
  let isOpen = true;
  return {
    lengthBytes: place.lengthBytes,
    sectorBytes: place.sectorBytes,
    physicalSectorBytes: place.physicalSectorBytes,
    readInto: (offsetBytes, into) =>
      disk.source.readInto(offsetBytes, into).catch((error: unknown) => {
        throw ofDisk(place.path, error);
      }),
    async close() {
      if (!isOpen) return;
      isOpen = false;
      disk.readers--;
      if (disk.readers === 0) waitForReaders(disk);
    },
  };
}

function waitForReaders(disk: LentDisk): void {
  disk.timer = setTimeout(() => {
    endLending(disk.place, disk.source);
    disk.giveBack();
  }, LENT_MS).unref();
}

/** What fails is the disk, whoever reads it. */
function ofDisk(path: string, error: unknown): EngineError {
  const { code, data } = toEngineError(error);
  if (code === 'READ_FAILED') return new EngineError(code, { ...data, path }, '', { cause: error });
  return new EngineError('HELPER_LOST', { said: String(data.said ?? code) }, '', { cause: error });
}
