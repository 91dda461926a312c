/** Swap is made anew for another length: its header says how many pages there are, and nothing else of it means anything. */
import { readBytes } from '../disk/read.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import type { VolumeWays, Way } from './resizer.port.ts';

/** Linux, include/linux/swap.h, union swap_header: `version` and `last_page`. */
const VERSION_AT = 1024;
const LAST_PAGE_AT = 1028;
const MAX_PAGES = 2 ** 32;
/** mkswap makes nothing smaller. */
const MIN_PAGES = 10;

const MADE: Way = { method: 'made', needsRoot: false, tools: [] };

/** @param area that holds nobody's memory */
export function swapWays({ blockBytes }: Pick<FileSystem, 'blockBytes'>): VolumeWays {
  const [minimumBytes, maximumBytes] = [MIN_PAGES * blockBytes, MAX_PAGES * blockBytes];
  return { growing: MADE, shrinking: MADE, minimumBytes, maximumBytes };
}

/**
 * @returns the bytes of its header that are others where the area is that long: the rest of it stays, label and UUID too
 * @throws EngineError `READ_FAILED`
 */
export async function swapOfLength(
  volume: BlockSource,
  { blockBytes }: Pick<FileSystem, 'blockBytes'>,
  lengthBytes: number,
): Promise<{ offsetBytes: number; bytes: Buffer }> {
  const version = await readBytes(volume, VERSION_AT, 4);
  const lastPage = Math.min(Math.floor(lengthBytes / blockBytes), MAX_PAGES) - 1;
  const bytes = Buffer.alloc(4);
  // in the byte order of the machine that made it
  if (version.readUInt32LE() === 1) bytes.writeUInt32LE(lastPage);
  else bytes.writeUInt32BE(lastPage);
  return { offsetBytes: LAST_PAGE_AT, bytes };
}
