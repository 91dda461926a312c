/** Files that are looked at once, and that nobody writes to meanwhile: whoever does is noticed at the end (see {@link WatchedFiles}). */
import type { BlockSource } from '../disk/block-source.port.ts';
import { openFileSource, type DiskFacts } from '../formats/raw/file-source.ts';
import { isMostlyCached } from '../machines/cached-file.ts';
import { toldDataOf } from '../machines/data-of-file.ts';

/**
 * @returns a source that passes over large holes of the file, where its file system tells of them, and reads a file that lies in memory
 *   from there. Throws as {@link openFileSource}
 */
export const openSparseFile = (path: string, facts?: DiskFacts, isPlain = false): Promise<BlockSource> =>
  openFileSource(path, facts, { isPlain, askData: toldDataOf, askCached: isMostlyCached });
