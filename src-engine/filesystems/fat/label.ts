/** The label of a FAT volume: an entry of the root directory (fatgen103, "FAT Directory Structure"). */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { FatGeometry } from './boot-sector.ts';
import { oemText } from './oem-text.ts';

const ENTRY_BYTES = 32;
/** Formatters put the label first; a label behind thousands of other entries is not looked for. */
const SEARCHED_BYTES_MAX = 64 * 1024;

const ATTRIBUTES_AT = 11;
const ATTRIBUTE_MASK = 0x3f;
const LONG_NAME = 0x0f;
const VOLUME_ID = 0x08;
const DELETED = 0xe5;
const KANJI_E5 = 0x05;

/**
 * The root directory alone tells it, as drivers, fatlabel and mlabel have it: what the boot sector says is a copy that remains
 * when the label is taken away. It is in the code page that short names are in.
 * @returns '' where there is none
 */
export async function readLabel(volume: BlockSource, geometry: FatGeometry): Promise<string> {
  const root = await readBytes(volume, geometry.rootStartBytes, Math.min(geometry.rootBytes, SEARCHED_BYTES_MAX));
  for (let at = 0; at + ENTRY_BYTES <= root.length && root[at] !== 0; at += ENTRY_BYTES) {
    const attributes = root[at + ATTRIBUTES_AT] & ATTRIBUTE_MASK;
    if (root[at] === DELETED || attributes === LONG_NAME || (attributes & VOLUME_ID) === 0) continue;
    return labelOf(root.subarray(at, at + 11));
  }
  return '';
}

/** As a short name, it says 0x05 for a first letter that is 0xE5 itself. */
function labelOf(bytes: Buffer): string {
  const stored = Buffer.from(bytes);
  if (stored[0] === KANJI_E5) stored[0] = DELETED;
  return oemText(stored).replace(/ +$/, '');
}
