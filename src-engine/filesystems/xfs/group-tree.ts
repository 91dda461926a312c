/** B+trees of an allocation group: "XFS Algorithms & Data Structures", "AG Free Space B+trees", "Reverse-Mapping B+tree", "Reference Count B+tree". */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { agBlockCount, agBlockOffset } from './addresses.ts';
import { checkBlock } from './checksum.ts';
import type { GroupTree } from './group-header.ts';
import type { XfsSuperblock } from './superblock.ts';

/** What a node has for each child, beside its pointer, is as long as a record, or the lowest and the highest key under it. */
const KINDS = {
  bnobt: { v4: 0x41425442, v5: 0x41423342, recordBytes: 8, keyBytes: 8 },
  cntbt: { v4: 0x41425443, v5: 0x41423343, recordBytes: 8, keyBytes: 8 },
  refcntbt: { v4: 0, v5: 0x52334643, recordBytes: 12, keyBytes: 4 },
  rmapbt: { v4: 0, v5: 0x524d4233, recordBytes: 24, keyBytes: 40 },
} as const;
type TreeName = keyof typeof KINDS;
const PLACES = { addressAt: 16, uuidAt: 32, ownerAt: 48, ownerBytes: 4, crcAt: 52 } as const;

const POINTER_BYTES = 4;

/** Children that are read at once: enough for a disk to sort them. */
const READS_AT_ONCE = 32;

/** A group, and a way to be told to stop. */
export interface Group {
  readonly volume: BlockSource;
  readonly sb: XfsSuperblock;
  readonly ag: number;
  readonly signal: AbortSignal;
}

/**
 * Records of the leaves, in order. There are no cycles: the level of a block is one below that of its parent.
 * @param seen gets the numbers of all blocks of the tree
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export function leaves(group: Group, name: TreeName, tree: GroupTree, seen: number[] = []): AsyncGenerator<Buffer> {
  return leavesUnder(group, name, [tree.root], tree.levels, seen);
}

async function* leavesUnder(
  group: Group,
  name: TreeName,
  blocks: readonly number[],
  levels: number,
  seen: number[],
): AsyncGenerator<Buffer> {
  for (let at = 0; at < blocks.length; at += READS_AT_ONCE) {
    group.signal.throwIfAborted();
    const some = blocks.slice(at, at + READS_AT_ONCE);
    for (const block of some) seen.push(block);
    for (const bytes of await Promise.all(some.map((block) => readTreeBlock(group, name, block)))) {
      const entries = entriesOf(group.sb, name, bytes, levels);
      if (levels === 1) yield entries;
      else yield* leavesUnder(group, name, pointers(entries), levels - 1, seen);
    }
  }
}

async function readTreeBlock({ volume, sb, ag }: Group, name: TreeName, block: number): Promise<Buffer> {
  checkSpan(`${name} block`, block, 1, agBlockCount(sb, ag));
  const offsetBytes = agBlockOffset(sb, ag, block);
  const bytes = await readBytes(volume, offsetBytes, sb.blockBytes);
  const magic = KINDS[name][sb.features.hasChecksums ? 'v5' : 'v4'];
  checkRange('bb_magic', bytes.readUInt32BE(0), magic, magic);
  checkBlock(sb, bytes, name, PLACES, offsetBytes, ag);
  return bytes;
}

/** @returns the records of a leaf, the pointers of a node */
function entriesOf(sb: XfsSuperblock, name: TreeName, bytes: Buffer, levels: number): Buffer {
  const { recordBytes, keyBytes } = KINDS[name];
  const headerBytes = sb.features.hasChecksums ? 56 : 16;
  const room = sb.blockBytes - headerBytes;
  checkRange('bb_level', bytes.readUInt16BE(4), levels - 1, levels - 1);
  const count = bytes.readUInt16BE(6);
  if (levels === 1) {
    checkRange('bb_numrecs', count, 0, Math.floor(room / recordBytes));
    return bytes.subarray(headerBytes, headerBytes + count * recordBytes);
  }
  // Keys come first, with room for as many as fit; pointers after them.
  const capacity = Math.floor(room / (keyBytes + POINTER_BYTES));
  checkRange('bb_numrecs', count, 1, capacity);
  const start = headerBytes + capacity * keyBytes;
  return bytes.subarray(start, start + count * POINTER_BYTES);
}

function pointers(entries: Buffer): number[] {
  const blocks: number[] = [];
  for (let at = 0; at < entries.length; at += POINTER_BYTES) blocks.push(entries.readUInt32BE(at));
  return blocks;
}
