/** A file that holds a disk is none as it stands: packed, in an archive, or a volume that partclone saved. */
import { archiveTypeOf } from '../archive/archive-type.ts';
import { streamTypeIn } from '../archive/stream-type.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readPartcloneHeader } from '../formats/partclone/header.ts';

/**
 * @param path of the file, for words
 * @throws EngineError `FORMAT_PACKED` with {path, format}; `FORMAT_UNSUPPORTED`, `FORMAT_INVALID` where nothing here unpacks it; `READ_FAILED`
 */
export async function refusePacked(file: BlockSource, path: string): Promise<void> {
  const archive = await archiveTypeOf(file);
  // of streams, the other look asks for more than three bytes
  const isArchive = archive === '7z' || archive === 'zip' || archive === 'tar';
  const format = isArchive ? archive : await streamTypeIn(file);
  if (format !== null) throw new EngineError('FORMAT_PACKED', { path, format });
  if (await readPartcloneHeader(file)) throw new EngineError('FORMAT_PACKED', { path, format: 'partclone' });
}
