/** VHDX images: fixed, dynamic, and differencing with their parents. What is read and what is refused: FORMAT.md. */
import { EngineError } from '../../core/engine-error.ts';
import type { DiskImage, ImageContext, RecogniseImage } from '../disk-image.port.ts';
import { mappedImage } from '../mapped-image.ts';
import { checkSiblingName, withoutDot } from '../sibling-name.ts';
import { isVhdx, readHeader, readRegions } from './header.ts';
import { vhdxMap } from './map.ts';
import { readMetadata } from './metadata.ts';
import { replayedFile } from './replayed.ts';

/** @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED`, `NOT_FOUND` */
export const recogniseVhdx: RecogniseImage = async (file, context) => {
  if (!(await isVhdx(file))) return null;
  const header = await readHeader(file);
  const replayed = await replayedFile(file, header);
  const regions = await readRegions(replayed);
  const metadata = await readMetadata(replayed, regions.metadata);
  const map = vhdxMap(replayed, regions.bat, metadata);
  const parent = metadata.parent && (await openParent(metadata.parent, context));
  const { sectorBytes, physicalSectorBytes } = metadata;
  return {
    format: 'vhdx',
    variant: parent ? 'differencing' : metadata.isFixed ? 'fixed' : 'dynamic',
    source: mappedImage({
      map,
      sectorBytes,
      physicalSectorBytes,
      parent: parent?.image.source ?? null,
      owned: [file, ...(parent ? [parent.image.source] : [])],
    }),
    identity: header.dataWriteGuid,
    dependsOn: parent ? [parent.name, ...parent.image.dependsOn] : [],
  };
};

/** The parent has to be as it was: its DataWriteGuid changes when its content does. [MS-VHDX] 2.6.2.6.3 */
async function openParent(
  locator: ReadonlyMap<string, string>,
  context: ImageContext,
): Promise<{ name: string; image: DiskImage }> {
  const path = locator.get('relative_path') ?? locator.get('absolute_win32_path') ?? locator.get('volume_path') ?? '';
  const name = checkSiblingName(withoutDot(path));
  const image = await context.openParent(name, 'vhdx');
  const linkages = [locator.get('parent_linkage'), locator.get('parent_linkage2')].map(withoutBraces);
  if (image.format === 'vhdx' && image.identity !== null && linkages.includes(image.identity)) return { name, image };
  await image.source.close();
  throw new EngineError('FORMAT_INVALID', { field: 'parent_linkage', value: linkages[0] ?? '', path: name });
}

function withoutBraces(guid: string | undefined): string | undefined {
  return guid?.replace(/[{}]/g, '').toUpperCase();
}
