/** VHD images: fixed, dynamic, and differencing with their parents. What is read and what is refused: FORMAT.md. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { slice } from '../../disk/slice.ts';
import type { DiskImage, ImageContext, RecogniseImage } from '../disk-image.port.ts';
import { mappedImage } from '../mapped-image.ts';
import { readFooter, readHeader, type FoundFooter } from './footer.ts';
import { vhdMap } from './map.ts';
import { openParent } from './parent.ts';
import { HEADER_COOKIE, SECTOR_BYTES, TYPE } from './struct.ts';

/** @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED`, `NOT_FOUND` */
export const recogniseVhd: RecogniseImage = async (file, context) => {
  const found = await readFooter(context.look);
  if (!found) return null;
  const { footer } = found;
  if (footer.diskType === TYPE.FIXED) return openFixed(file, found, context);
  if (found.at > 0 && !context.isSaid) await refuseStrayFooter(file, footer, context.path);
  const header = await readHeader(file, footer);
  const isDifferencing = footer.diskType === TYPE.DIFFERENCING;
  const parent = isDifferencing ? await openParent(file, header, context) : null;
  const map = vhdMap(file, footer.lengthBytes, header, isDifferencing);
  const owned = [file, ...(parent ? [parent.image.source] : [])];
  return {
    format: 'vhd',
    variant: isDifferencing ? 'differencing' : 'dynamic',
    source: mappedImage({ map, parent: parent?.image.source ?? null, owned }),
    identity: footer.uniqueId.toString('hex'),
    dependsOn: parent ? [parent.name, ...parent.image.dependsOn] : [],
  };
};

/**
 * A raw disk may end with the footer of a disk that grew, left by another program: then nothing it speaks of is there.
 * @throws EngineError `FORMAT_UNCLEAR`
 */
async function refuseStrayFooter(
  file: BlockSource,
  { dataOffset }: FoundFooter['footer'],
  path: string,
): Promise<void> {
  const at = Number(dataOffset);
  // a file that ends before it was cut off
  if (at > file.lengthBytes - SECTOR_BYTES) return;
  const cookie = (await readBytes(file, at, HEADER_COOKIE.length)).toString('latin1');
  if (cookie === HEADER_COOKIE) return;
  const max = cookie.replace(/[^\x21-\x7e]/g, '.');
  const field = 'cookie of the header';
  throw new EngineError('FORMAT_UNCLEAR', { path, one: 'vhd', other: 'raw', field, value: HEADER_COOKIE, max });
}

function openFixed(file: BlockSource, { footer, at }: FoundFooter, { path, isSaid }: ImageContext): DiskImage {
  const { lengthBytes } = footer;
  // the footer is there, so a part in the middle is not
  if (lengthBytes > file.lengthBytes) {
    throw new EngineError('FORMAT_INVALID', {
      field: 'currentSize',
      value: String(lengthBytes),
      max: file.lengthBytes,
    });
  }
  // the footer of another disk, at the end of a raw one: what lies between would be lost
  if (lengthBytes < at && !isSaid) {
    throw new EngineError('FORMAT_UNCLEAR', {
      path,
      one: 'vhd',
      other: 'raw',
      field: 'currentSize',
      value: String(lengthBytes),
      max: at,
    });
  }
  const behindBytes = file.lengthBytes - Math.max(at, lengthBytes) - SECTOR_BYTES;
  return {
    format: 'vhd',
    variant: 'fixed',
    source: { ...slice(file, 0, lengthBytes), close: () => file.close() },
    identity: footer.uniqueId.toString('hex'),
    dependsOn: [],
    warnings: behindBytes > 0 ? [{ code: 'IMAGE_BYTES_BEHIND', data: { path, lengthBytes: behindBytes } }] : [],
  };
}
