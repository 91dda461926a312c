/** From a path to something that can be read: an attached disk, or the disk in an image file of whatever format. */
import { basename, dirname } from 'node:path';
import type { DiskFormat, DiskView, PlaceView } from '../contract/disk.contract.ts';
import type { Warning } from '../contract/warnings.ts';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { DiskImage } from '../formats/disk-image.port.ts';
import { openDiskImage } from '../formats/open-image.ts';
import { filesOfFolder } from '../formats/raw/folder-files.ts';
import { openLent } from '../machines/lent-disks.ts';
import type { Machine } from '../machines/machine.port.ts';
import { canAskForRights } from '../machines/rights.ts';
import { backingChain } from './backing-chain.ts';
import { refusePacked } from './refuse-packed.ts';
import { openSparseFile } from './sparse-file.ts';
import { WatchedFiles } from './watched-files.ts';

export interface OpenedSource {
  readonly source: BlockSource;
  /** its length is the disk's */
  readonly place: PlaceView;
  /** `raw` for a device */
  readonly format: DiskFormat;
  /** names of the files beside it that it is read from too */
  readonly files: readonly string[];
  /** of an image that can keep account of writes to it: which it keeps; see `DiskImage.bitmaps` */
  readonly bitmaps?: DiskImage['bitmaps'];
  /** of the image file, not of what is on the disk */
  readonly warnings: readonly Warning[];
  /** @throws EngineError `SOURCE_CHANGED` where one of these files is not what it was when it was opened */
  refuseChanged(): Promise<void>;
}

/**
 * @param said what the file is, where that is not left to its content. A device is a raw disk, whatever its first bytes look like
 * @param isOverUnreadable sectors of the file that cannot be read say nothing of what it is
 * @param isOfMachine a hypervisor has it for a machine's disk: what it names is followed as that does, and is in `files` by its path
 * @param parents where the hypervisor has files that such a disk names otherwise than by a path
 * @throws EngineError `NOT_FOUND`, `PERMISSION_DENIED`, `BAD_REQUEST`, `READ_FAILED`; `RIGHTS_NEEDED` for a disk that rights can be asked for; `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `FORMAT_FOREIGN`,
 *   `FORMAT_UNCLEAR`, `FORMAT_PACKED`, `FILE_TRUNCATED` for image files
 */
export async function openSource(
  machine: Machine,
  path: string,
  said: DiskFormat | null,
  signal: AbortSignal,
  isOverUnreadable = false,
  isOfMachine = false,
  parents: Readonly<Record<string, string>> = {},
): Promise<OpenedSource> {
  const place = await machine.placeOf(path, isOfMachine);
  const watched = new WatchedFiles();
  // devices have no time of their last change
  if (place.kind === 'file') await watched.add(place.path);
  // a link may lead elsewhere by the end
  if (isOfMachine) await watched.add(path);
  const lent = place.kind === 'device' ? openLent(place) : null;
  const source =
    lent ??
    (await openSparseFile(place.path, place).catch((error: unknown) => {
      throw place.kind === 'device' ? needsRights(place.path, error) : error;
    }));
  const plain = {
    place,
    source,
    format: 'raw',
    files: [],
    warnings: [],
    refuseChanged: () => watched.refuseChanged(),
  } as const;
  if (place.kind === 'device' || place.lengthBytes === 0) return plain;
  try {
    const folder = dirname(place.path);
    const openSibling = watched.siblings(folder, filesOfFolder(folder));
    const chain = isOfMachine ? backingChain(machine, watched, { named: path, path: place.path }, parents) : null;
    const name = chain ? place.path : basename(place.path);
    const image = await openDiskImage(source, name, openSibling, signal, said, isOverUnreadable, chain?.follow);
    if (!image) {
      // a hypervisor says what it has; and sectors that cannot be read say nothing of what it is
      if (said === null && !isOfMachine && !isOverUnreadable) await refusePacked(source, basename(place.path));
      return plain;
    }
    const { lengthBytes, sectorBytes, physicalSectorBytes } = image.source;
    return {
      ...plain,
      place: { ...place, lengthBytes, sectorBytes, physicalSectorBytes },
      source: image.source,
      format: image.format,
      bitmaps: image.bitmaps,
      files: chain?.files ?? image.dependsOn,
      warnings: [...(image.warnings ?? []), ...notChecked(image, basename(place.path))],
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** What a look or a plan shows of a disk: what is known of its image file stands first. */
export function withImageWarnings(disk: DiskView, { warnings }: Pick<OpenedSource, 'warnings'>): DiskView {
  return { ...disk, warnings: [...warnings, ...disk.warnings] };
}

/** Where they can be asked for, a face may do that, and ask again. */
function needsRights(path: string, error: unknown): unknown {
  const isLacking = toEngineError(error).code === 'PERMISSION_DENIED' && canAskForRights();
  return isLacking ? new EngineError('RIGHTS_NEEDED', { path }, '', { cause: error }) : error;
}

/** A capture reads what is used, once: it has no time for sums of all of it. */
function notChecked({ verify }: DiskImage, path: string): Warning[] {
  return verify ? [{ code: 'IMAGE_SUMS_NOT_CHECKED', data: { path } }] : [];
}
