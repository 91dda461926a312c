/** Names in folders: Linux, Documentation/filesystems/ext4/directory.rst. */
import type { FileKind } from '../../contract/files.contract.ts';
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { readBlocks } from './blocks.ts';
import { RO_COMPAT } from './features.ts';
import { isHashBlockSound, isNameBlockSound } from './inode-checksums.ts';
import { mapOfInode } from './inode-map.ts';
import { FLAG, type ExtInode, type ExtVolume } from './inodes.ts';
import { inlineParts } from './inline-data.ts';

export interface ExtName {
  readonly name: Buffer;
  readonly inode: number;
  /** what the inode is, where the folder says so; it is asked only where the inode cannot be read */
  readonly kind: FileKind | undefined;
}

/** The numbers by which entries tell it, from 1 on. */
const KINDS: readonly (FileKind | undefined)[] = [
  undefined,
  'file',
  'folder',
  'character-device',
  'block-device',
  'fifo',
  'socket',
  'link',
];

/** 4 GiB of 4 KiB blocks: a hundred million names. */
const FOLDER_BLOCKS_MAX = 2 ** 20;
const ENTRY_BYTES = 8;
/** A folder inside its inode begins with the number of its parent. */
const PARENT_BYTES = 4;

/**
 * Blocks of a hash tree look like blocks without names to whoever does not know of them: all are read one after the other.
 * @yields the names of each block, without '.' and '..'
 * @throws EngineError `FORMAT_INVALID` for damage, `FORMAT_UNSUPPORTED` where the names are encrypted, `READ_FAILED`
 */
export async function* namesOf(fs: ExtVolume, folder: ExtInode): AsyncGenerator<ExtName[]> {
  refuseEncrypted(folder);
  if (folder.flags & FLAG.INLINE_DATA) {
    const [head, rest] = inlineParts(folder);
    yield [...namesIn(head.subarray(PARENT_BYTES)), ...namesIn(rest)];
    return;
  }
  for await (const block of folderBlocks(fs, folder)) yield namesIn(block);
}

/** @throws EngineError `FORMAT_UNSUPPORTED` */
export function refuseEncrypted({ flags }: ExtInode): void {
  if (flags & FLAG.ENCRYPT) throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'encryption' });
}

async function* folderBlocks(fs: ExtVolume, folder: ExtInode): AsyncGenerator<Buffer> {
  const { view, sb } = fs;
  const count = checkRange('i_size', Math.ceil(folder.lengthBytes / sb.blockBytes), 0, FOLDER_BLOCKS_MAX);
  const hasChecksums = (sb.features.roCompat & RO_COMPAT.METADATA_CSUM) !== 0;
  // A map that leads to the same block again and again would make a folder without end.
  const seen = new Set<number>();
  let next = 0;
  if (count === 0) return;
  for await (const { runs } of mapOfInode(fs, folder)) {
    for (const run of runs) {
      if (run.logical !== next || !run.isWritten) throw hole(next);
      const end = Math.min(run.logical + run.count, count);
      for (; next < end; next++) {
        const block = run.start + next - run.logical;
        if (seen.has(block))
          throw new EngineError('FORMAT_INVALID', { field: 'block of a folder', value: String(block) });
        seen.add(block);
        const bytes = await readBlocks(view, sb.blockBytes, [block]);
        if (hasChecksums) checkSum(folder, bytes, next);
        yield bytes;
      }
      if (next === count) return;
    }
  }
  throw hole(next);
}

function checkSum({ number, flags, seed }: ExtInode, bytes: Buffer, index: number): void {
  // Blocks of a hash tree: the first one, and those whose first entry leaves no room for another.
  const isHashBlock =
    (flags & FLAG.INDEX) !== 0 && (index === 0 || entryLength(bytes.readUInt16LE(4), bytes.length) === bytes.length);
  const isSound = isHashBlock ? isHashBlockSound(seed, bytes, index === 0) : isNameBlockSound(seed, bytes);
  if (!isSound) throw new EngineError('FORMAT_INVALID', { checksum: 'directory block', inode: number });
}

function hole(block: number): EngineError {
  return new EngineError('FORMAT_INVALID', { field: 'hole in a folder', value: String(block) });
}

function namesIn(block: Buffer): ExtName[] {
  const names: ExtName[] = [];
  for (let at = 0; at + ENTRY_BYTES <= block.length;) {
    const inode = block.readUInt32LE(at);
    const entryBytes = entryLength(block.readUInt16LE(at + 4), block.length);
    if (entryBytes % 4 !== 0) throw new EngineError('FORMAT_INVALID', { field: 'rec_len', value: String(entryBytes) });
    checkRange('rec_len', entryBytes, ENTRY_BYTES, block.length - at);
    if (inode !== 0) {
      const nameBytes = checkRange('name_len', block[at + 6], 1, entryBytes - ENTRY_BYTES);
      const name = block.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameBytes);
      if (!isDot(name)) names.push({ name, inode, kind: KINDS[block[at + 7]] });
    }
    at += entryBytes;
  }
  return names;
}

/** Entries of 64 KiB do not fit into 16 bits: the two lowest bits, which are never used, hold what is above. */
function entryLength(stored: number, blockBytes: number): number {
  if (blockBytes < 65_536) return stored;
  return stored === 0 || stored === 0xffff ? blockBytes : (stored & 0xfffc) | ((stored & 3) << 16);
}

const DOT = '.'.charCodeAt(0);

function isDot(name: Buffer): boolean {
  return name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));
}
