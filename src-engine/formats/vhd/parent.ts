/** The parent of a differencing VHD: "Dynamic Disk Header Format", parent locator entries. */
import { checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { DiskImage, ImageContext } from '../disk-image.port.ts';
import { checkSiblingName, isSiblingName, withoutDot } from '../sibling-name.ts';
import type { VhdHeader } from './footer.ts';
import { parentLocator } from './struct.ts';

const LOCATORS = 8;
/** Paths of Windows have at most 32,767 characters. */
const PATH_BYTES_MAX = 65_536;

/**
 * Opens the parent and makes sure that it is the one.
 * @throws EngineError `FORMAT_UNSUPPORTED` where every name leads out of the folder; `NOT_FOUND`; `FORMAT_INVALID` for another disk
 */
export async function openParent(
  file: BlockSource,
  header: VhdHeader,
  context: ImageContext,
): Promise<{ name: string; image: DiskImage }> {
  const name = plainName(await parentNames(file, header));
  const image = await context.openParent(name, 'vhd');
  if (image.format === 'vhd' && image.identity === header.parentUniqueId.toString('hex')) return { name, image };
  await image.source.close();
  throw new EngineError('FORMAT_INVALID', { field: 'parentUniqueId', value: header.parentUniqueId.toString('hex') });
}

/** What the header says of the parent: relative path, absolute path, and its name. */
async function parentNames(file: BlockSource, header: VhdHeader): Promise<string[]> {
  const paths = new Map<string, string>();
  for (let i = 0; i < LOCATORS; i++) {
    const locator = parentLocator.read(header.locators, i * parentLocator.size);
    if (locator.platformCode !== 'W2ru' && locator.platformCode !== 'W2ku') continue;
    const at = Number(locator.dataOffset);
    checkSpan('parent locator', at, locator.dataLength, file.lengthBytes);
    const bytes = await readBytes(file, at, locator.dataLength, PATH_BYTES_MAX);
    paths.set(locator.platformCode, withoutNul(bytes.toString('utf16le')));
  }
  const own = withoutNul(Buffer.from(header.parentName).swap16().toString('utf16le'));
  return [paths.get('W2ru'), paths.get('W2ku'), own].filter((name) => name !== undefined && name !== '') as string[];
}

/** The first that stays in the folder. Several name the same file; the UUID is checked in the end. */
function plainName(names: readonly string[]): string {
  const candidates = names.map(withoutDot);
  return checkSiblingName(candidates.find(isSiblingName) ?? candidates[0] ?? '');
}

function withoutNul(text: string): string {
  return text.replace(/\0[^]*$/, '');
}
