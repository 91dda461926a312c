/** VHD images: fixed, dynamic, and differencing with their parents. What is read and what is refused: FORMAT.md. */
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { slice } from '../../disk/slice.ts';
import type { DiskImage, RecogniseImage } from '../disk-image.port.ts';
import { mappedImage } from '../mapped-image.ts';
import { readFooter, readHeader, type VhdFooter } from './footer.ts';
import { vhdMap } from './map.ts';
import { openParent } from './parent.ts';
import { TYPE } from './struct.ts';

/** @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED`, `NOT_FOUND` */
export const recogniseVhd: RecogniseImage = async (file, context) => {
  const footer = await readFooter(file);
  if (!footer) return null;
  if (footer.diskType === TYPE.FIXED) return openFixed(file, footer);
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

function openFixed(file: BlockSource, footer: VhdFooter): DiskImage {
  const { lengthBytes } = footer;
  // the footer is there, so a part in the middle is not
  if (lengthBytes > file.lengthBytes) {
    throw new EngineError('FORMAT_INVALID', {
      field: 'currentSize',
      value: String(lengthBytes),
      max: file.lengthBytes,
    });
  }
  return {
    format: 'vhd',
    variant: 'fixed',
    source: { ...slice(file, 0, lengthBytes), close: () => file.close() },
    identity: footer.uniqueId.toString('hex'),
    dependsOn: [],
  };
}
