/** The index of a large directory, by hashes of names: "XFS Algorithms & Data Structures", "Leaf Directories", "Node Directories". */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { XfsVolume } from './addresses.ts';
import { checkBlock } from './checksum.ts';
import { INDEX_OFFSET_BYTES, readDirectoryBlock } from './directory-blocks.ts';
import { entryAt, openBlock, type RawEntry } from './directory-entries.ts';
import type { XfsInode } from './inode.ts';

/** Magic numbers of versions 4 and 5: the only leaf, a leaf among more, an inner node. */
const LONE_LEAF = [0xd2f1, 0x3df1];
const LEAF = [0xd2ff, 0x3dff];
const NODE = [0xfebe, 0x3ebe];
const PLACES = { crcAt: 12, addressAt: 16, uuidAt: 32, ownerAt: 48 };

/** The same in versions 4 and 5, after which the header goes on. */
const MAGIC_AT = 8;
const ENTRY_BYTES = 8;

/** The kernel's XFS_DA_NODE_MAXDEPTH. */
const MAX_DEPTH = 5;

/** Leaves in which one hash goes on: an honest directory has two. */
const MAX_SIBLINGS = 1000;

interface IndexBlock {
  readonly isLeaf: boolean;
  /** 0 for a leaf */
  readonly level: number;
  /** the leaf after this one; 0: none */
  readonly next: number;
  /** hash and place in the data of a leaf, in units of 8 bytes, 0 where the entry was removed; hash and block of a node */
  readonly entries: Buffer;
}

/** The hash of a name's bytes, as xfs_da_hashname has it: seven bits to the left for each byte, round about. */
export function hashName(name: Uint8Array): number {
  let hash = 0;
  for (const byte of name) hash = ((hash << 7) | (hash >>> 25)) ^ byte;
  return hash >>> 0;
}

/** @returns the entry with that name, or null @throws EngineError `FORMAT_INVALID` */
export async function findInIndex(volume: XfsVolume, inode: XfsInode, name: Buffer): Promise<RawEntry | null> {
  const hash = hashName(name);
  let leaf = await findLeaf(volume, inode, hash);
  for (let siblings = 0; leaf !== null; siblings++) {
    checkRange('leaves of one hash', siblings, 0, MAX_SIBLINGS);
    const count = leaf.entries.length / ENTRY_BYTES;
    let i = firstNotBelow(leaf.entries, hash);
    for (; i < count && hashAt(leaf.entries, i) === hash; i++) {
      const place = valueAt(leaf.entries, i);
      if (place === 0) continue;
      const entry = await entryAtPlace(volume, inode, place * 8);
      if (entry.name.equals(name)) return entry;
    }
    if (i < count || leaf.next === 0) return null;
    leaf = await readIndexBlock(volume, inode, leaf.next);
    checkRange('index of a directory: level', leaf.level, 0, 0);
  }
  return null;
}

/** @returns the first leaf that may hold the hash; null where all hashes are below it */
async function findLeaf(volume: XfsVolume, inode: XfsInode, hash: number): Promise<IndexBlock | null> {
  let block = await readIndexBlock(volume, inode, INDEX_OFFSET_BYTES / volume.sb.blockBytes);
  while (!block.isLeaf) {
    const i = firstNotBelow(block.entries, hash);
    if (i * ENTRY_BYTES === block.entries.length) return null;
    const child = await readIndexBlock(volume, inode, valueAt(block.entries, i));
    checkRange('index of a directory: level', child.level, block.level - 1, block.level - 1);
    block = child;
  }
  return block;
}

async function readIndexBlock(volume: XfsVolume, inode: XfsInode, block: number): Promise<IndexBlock> {
  const { sb } = volume;
  const { bytes, startBytes } = await readDirectoryBlock(volume, inode, block);
  const version = sb.features.hasChecksums ? 1 : 0;
  const magic = bytes.readUInt16BE(MAGIC_AT);
  const isLeaf = magic === LEAF[version] || magic === LONE_LEAF[version];
  if (!isLeaf && magic !== NODE[version]) {
    throw new EngineError('FORMAT_INVALID', { field: 'index of a directory: magic', value: magic.toString(16) });
  }
  checkBlock(sb, bytes, 'index of a directory', PLACES, startBytes, inode.number);
  const countAt = sb.features.hasChecksums ? 56 : 12;
  const headerBytes = sb.features.hasChecksums ? 64 : 16;
  const count = bytes.readUInt16BE(countAt);
  checkRange('index of a directory: count', count, 0, Math.floor((bytes.length - headerBytes) / ENTRY_BYTES));
  return {
    isLeaf,
    level: isLeaf ? 0 : checkRange('index of a directory: level', bytes.readUInt16BE(countAt + 2), 1, MAX_DEPTH),
    next: bytes.readUInt32BE(0),
    entries: bytes.subarray(headerBytes, headerBytes + count * ENTRY_BYTES),
  };
}

async function entryAtPlace(volume: XfsVolume, inode: XfsInode, offsetBytes: number) {
  const { sb } = volume;
  checkRange('place of an entry', offsetBytes, 0, INDEX_OFFSET_BYTES - 1);
  const at = offsetBytes % sb.directoryBlockBytes;
  const { bytes, startBytes } = await readDirectoryBlock(volume, inode, (offsetBytes - at) / sb.blockBytes);
  return entryAt(sb, openBlock(sb, bytes, startBytes, inode.number), at);
}

const hashAt = (entries: Buffer, i: number) => entries.readUInt32BE(i * ENTRY_BYTES);
const valueAt = (entries: Buffer, i: number) => entries.readUInt32BE(i * ENTRY_BYTES + 4);

/** @returns the first entry whose hash is `hash` or above; their count where there is none */
function firstNotBelow(entries: Buffer, hash: number): number {
  let low = 0;
  let high = entries.length / ENTRY_BYTES;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (hashAt(entries, middle) < hash) low = middle + 1;
    else high = middle;
  }
  return low;
}
