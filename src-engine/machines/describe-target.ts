/** A path as a target: the disk that it is, or the image file that it would be. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { PlaceView } from '../contract/disk.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import { resolveOwnLinks } from '../core/held-folder.ts';
import type { Machine } from './machine.port.ts';

type DiskSize = Pick<PlaceView, 'lengthBytes' | 'sectorBytes' | 'physicalSectorBytes'>;

export interface DescribedTarget {
  readonly place: PlaceView;
  readonly exists: boolean;
}

/**
 * @param facts of the file that would be made; a device has its own
 * @throws EngineError `BAD_REQUEST` for what can be neither, `NOT_A_WHOLE_DISK`, `LINK_NOT_FOLLOWED`
 */
export async function describeTarget(machine: Machine, path: string, facts: DiskSize): Promise<DescribedTarget> {
  const { lengthBytes, sectorBytes, physicalSectorBytes } = facts;
  // a link stays a link: what it leads to is replaced
  const full = await resolveOwnLinks(path);
  const stats = await stat(full).catch(() => null);
  if (stats?.isBlockDevice()) return { place: await machine.placeOf(full), exists: true };
  if (stats && !stats.isFile()) throw new EngineError('BAD_REQUEST', { path, reason: 'not a file or a disk' });
  return {
    place: {
      kind: 'file',
      path: full,
      model: basename(full),
      serial: '',
      lengthBytes,
      sectorBytes,
      physicalSectorBytes,
    },
    exists: stats !== null,
  };
}
