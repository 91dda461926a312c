/** The blocks of a directory: each is one block of the file system, or several that may lie apart. */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { XfsVolume } from './addresses.ts';
import { openBlock, type DirectoryBlock } from './directory-entries.ts';
import { mappings } from './extent-map.ts';
import type { XfsInode } from './inode.ts';

/** Entries lie below this place of a directory's data, its index above it. */
export const INDEX_OFFSET_BYTES = 32 * 2 ** 30;

/** A hundred million names. Which blocks were seen is kept, so that a loop of extents ends. */
const MAX_BLOCKS = 1_000_000;

/** A block of a directory that was read, and where it begins in the volume. */
export interface ReadBlock {
  readonly bytes: Buffer;
  readonly startBytes: number;
}

/**
 * The blocks of a directory from block `from` to block `to` of its data; what is not mapped is left out.
 * @throws EngineError `FORMAT_INVALID`
 */
async function* directoryBlocks(
  volume: XfsVolume,
  inode: XfsInode,
  from: number,
  to: number,
): AsyncGenerator<ReadBlock> {
  const { blockBytes, directoryBlockBytes } = volume.sb;
  const perBlock = directoryBlockBytes / blockBytes;
  let places: number[] = [];
  let next = 0;
  for await (const batch of mappings(volume, inode, inode.data, { from, to })) {
    for (const mapping of batch) {
      checkRange('br_state of a directory', Number(mapping.isUnwritten), 0, 0);
      const first = Math.max(from, mapping.fileBlock);
      const end = Math.min(to, mapping.fileBlock + mapping.count);
      for (let block = first; block < end; block++) {
        if (places.length > 0) checkRange('br_startoff of a directory', block, next, next);
        else checkRange('br_startoff of a directory', block % perBlock, 0, 0);
        places.push(mapping.startBytes + (block - mapping.fileBlock) * blockBytes);
        next = block + 1;
        if (places.length < perBlock) continue;
        yield await readPlaces(volume, places);
        places = [];
      }
    }
  }
  checkRange('blocks of a directory', places.length, 0, 0);
}

async function readPlaces({ sb, view }: XfsVolume, places: number[]): Promise<ReadBlock> {
  const bytes = Buffer.alloc(places.length * sb.blockBytes);
  await Promise.all(
    places.map((startBytes, i) => {
      checkSpan('directory block', startBytes, sb.blockBytes, view.lengthBytes);
      return view.readInto(startBytes, bytes.subarray(i * sb.blockBytes, (i + 1) * sb.blockBytes));
    }),
  );
  return { bytes, startBytes: places[0] };
}

/** The blocks that hold entries. @throws EngineError `FORMAT_INVALID` */
export async function* entryBlocks(volume: XfsVolume, inode: XfsInode): AsyncGenerator<DirectoryBlock> {
  const seen = new Set<number>();
  const to = INDEX_OFFSET_BYTES / volume.sb.blockBytes;
  for await (const { bytes, startBytes } of directoryBlocks(volume, inode, 0, to)) {
    if (seen.has(startBytes)) throw new EngineError('FORMAT_INVALID', { field: 'directory', value: 'one block twice' });
    if (seen.size === MAX_BLOCKS) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'xfs directories over 4 GB' });
    seen.add(startBytes);
    yield openBlock(volume.sb, bytes, startBytes, inode.number);
  }
}

/**
 * One block of a directory.
 * @param block first block of the file system, in the directory's data
 * @throws EngineError `FORMAT_INVALID` where there is none
 */
export async function readDirectoryBlock(volume: XfsVolume, inode: XfsInode, block: number): Promise<ReadBlock> {
  const end = block + volume.sb.directoryBlockBytes / volume.sb.blockBytes;
  for await (const found of directoryBlocks(volume, inode, block, end)) return found;
  throw new EngineError('FORMAT_INVALID', { field: 'directory block', value: String(block), inode: inode.number });
}
