/** The label of a FAT volume: an entry of the root directory (fatgen103, "FAT Directory Structure"). */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { FatGeometry } from './boot-sector.ts';

const ENTRY_BYTES = 32;
/** Formatters put the label first; a label behind thousands of other entries is not looked for. */
const SEARCHED_BYTES_MAX = 64 * 1024;

const ATTRIBUTES_AT = 11;
const ATTRIBUTE_MASK = 0x3f;
const LONG_NAME = 0x0f;
const VOLUME_ID = 0x08;
const DELETED = 0xe5;

/** @returns the label in the root directory, or else the boot sector's, or '' */
export async function readLabel(volume: BlockSource, geometry: FatGeometry): Promise<string> {
  const root = await readBytes(volume, geometry.rootStartBytes, Math.min(geometry.rootBytes, SEARCHED_BYTES_MAX));
  for (let at = 0; at + ENTRY_BYTES <= root.length && root[at] !== 0; at += ENTRY_BYTES) {
    const attributes = root[at + ATTRIBUTES_AT] & ATTRIBUTE_MASK;
    if (root[at] === DELETED || attributes === LONG_NAME || (attributes & VOLUME_ID) === 0) continue;
    return root.toString('latin1', at, at + 11).trimEnd();
  }
  return geometry.bootLabel === 'NO NAME' ? '' : geometry.bootLabel;
}
