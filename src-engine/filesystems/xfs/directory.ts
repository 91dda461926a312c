/** Folders: all that is in one, and one name of it. */
import type { XfsVolume } from './addresses.ts';
import { entryBlocks } from './directory-blocks.ts';
import { blockEntries, shortEntries, type RawEntry } from './directory-entries.ts';
import { findInIndex } from './directory-index.ts';
import { decodeName } from '../names.ts';
import type { XfsInode } from './inode.ts';

/** The entries of a folder, '.' and '..' not among them; a batch for each of its blocks. @throws EngineError `FORMAT_INVALID` */
export async function* readDirectory(volume: XfsVolume, inode: XfsInode): AsyncGenerator<RawEntry[]> {
  if (inode.data.format === 'local') {
    yield shortEntries(volume.sb, inode).filter(isChild);
    return;
  }
  for await (const block of entryBlocks(volume, inode)) yield blockEntries(volume.sb, block).filter(isChild);
}

/** The entry of a folder that has a name, or null. @throws EngineError `FORMAT_INVALID` */
export async function findInDirectory(volume: XfsVolume, inode: XfsInode, name: string): Promise<RawEntry | null> {
  const { sb } = volume;
  const bytes = Buffer.from(name);
  if (!isChild({ name: bytes })) return null;
  // Small folders have no index; it is of no use for names that stand here for other bytes, and for those in any case.
  const isSmall = inode.data.format === 'local' || inode.lengthBytes <= sb.directoryBlockBytes;
  if (!isSmall && !sb.features.isCaseInsensitive && !name.includes('\\x')) return findInIndex(volume, inode, bytes);
  const fold = sb.features.isCaseInsensitive ? foldCase : (unfolded: Buffer) => unfolded;
  const wanted = fold(bytes);
  for await (const batch of readDirectory(volume, inode)) {
    const found = batch.find((entry) =>
      name.includes('\\x') ? decodeName(entry.name) === name : fold(entry.name).equals(wanted),
    );
    if (found) return found;
  }
  return null;
}

function isChild({ name }: Pick<RawEntry, 'name'>): boolean {
  const isDots = name.length <= 2 && name.every((byte) => byte === 0x2e);
  return name.length > 0 && !isDots;
}

/** Lower case of ASCII and Latin-1 letters, byte by byte, as Linux does it (xfs_ascii_ci_xfrm). */
function foldCase(name: Buffer): Buffer {
  const isUpper = (byte: number) =>
    (byte >= 0x41 && byte <= 0x5a) || (byte >= 0xc0 && byte <= 0xd6) || (byte >= 0xd8 && byte <= 0xde);
  return Buffer.from(name.map((byte) => (isUpper(byte) ? byte + 0x20 : byte)));
}
