/** qcow2 images, versions 2 and 3, with their backing files. What is read and what is refused: FORMAT.md. */
import { readCache } from '../../disk/read-cache.ts';
import type { RecogniseImage } from '../disk-image.port.ts';
import { mappedImage } from '../mapped-image.ts';
import { readBitmaps } from './bitmaps.ts';
import { readQcow2Header } from './header.ts';
import { qcow2Map } from './map.ts';

/** The tables of 32 GiB with clusters of 64 KiB. */
const TABLE_CACHE_BYTES = 4 * 1024 * 1024;

/** @throws EngineError see readQcow2Header; for backing files see ImageContext */
export const recogniseQcow2: RecogniseImage = async (file, context) => {
  const header = await readQcow2Header(file);
  if (!header) return null;
  const { backing, snapshots } = header;
  const parent = backing && (await context.openParent(backing.name, backing.format));
  const map = qcow2Map(file, readCache(file, TABLE_CACHE_BYTES), header);
  return {
    format: 'qcow2',
    variant: `version ${header.version}`,
    source: mappedImage({ map, parent: parent?.source ?? null, owned: [file, ...(parent ? [parent.source] : [])] }),
    identity: null,
    bitmaps: () => readBitmaps(file, header),
    warnings:
      snapshots > 0 ? [{ code: 'IMAGE_SNAPSHOTS_LEFT_OUT', data: { path: context.path, count: snapshots } }] : [],
    dependsOn: parent ? [backing!.name, ...parent.dependsOn] : [],
  };
};
