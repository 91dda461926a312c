/** The log of XFS: "XFS Algorithms & Data Structures", "Journaling Log"; Linux, fs/xfs/xfs_log_recover.c. Read to tell whether it is empty. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { struct } from '../../core/struct.ts';
import { blockOffset } from './addresses.ts';
import { u32be, u64be } from './fields.ts';
import type { XfsSuperblock } from './superblock.ts';

/** The log counts in these, whatever the sectors of the disk. */
const BLOCK_BYTES = 512;

const RECORD_MAGIC = 0xfeedbabe;
const UNMOUNT_FLAG = 0x20;

const record = struct(324, {
  cycle: u32be(4),
  version: u32be(8),
  len: u32be(12),
  lsn: u64be(16),
  num_logops: u32be(40),
  size: u32be(320),
});

/** A header of version 2 has a block for each of these that its record may hold. */
const HEADER_COVERS_BYTES = 32 * 1024;
const MAX_RECORD_BYTES = 256 * 1024;
const MAX_RECORD_BLOCKS = (MAX_RECORD_BYTES + MAX_RECORD_BYTES / 64) / BLOCK_BYTES;

/**
 * Whether nothing waits in the log: its last record says that the file system was unmounted. That it cannot be told (a log that is
 * damaged) counts as no. What a frozen or crashed file system leaves is no, too: its trees of free space may be out of date.
 * @throws EngineError `FORMAT_INVALID` where the log is not inside the file system
 */
export async function isLogClean(volume: BlockSource, sb: XfsSuperblock): Promise<boolean> {
  const startBytes = blockOffset(sb, 'sb_logstart', sb.logStart, sb.logBlocks);
  const blocks = Math.floor((sb.logBlocks * sb.blockBytes) / BLOCK_BYTES);
  const read = (block: number, count: number) =>
    readBytes(volume, startBytes + block * BLOCK_BYTES, count * BLOCK_BYTES);
  const cycleAt = async (block: number) => cycleOf(await read(block, 1));

  const first = await cycleAt(0);
  const last = await cycleAt(blocks - 1);
  // A log that nobody has written to: some tools zero it.
  if (first === 0) return last === 0;
  const head = first === last ? blocks : await findHead(cycleAt, blocks, last);
  const count = Math.min(MAX_RECORD_BLOCKS, blocks);
  const before = Math.min(count, head);
  const window = [await read(head - before, before)];
  if (before < count) window.unshift(await read(blocks - (count - before), count - before));
  return endsWithUnmount(Buffer.concat(window), (head - count + blocks) % blocks, blocks);
}

/** Every block of the log begins with the number of the round in which it was written; headers have their magic before it. */
function cycleOf(block: Buffer): number {
  const word = block.readUInt32BE(0);
  return word === RECORD_MAGIC ? block.readUInt32BE(4) : word;
}

/** @returns the first block of the round before: where the next record would be written */
async function findHead(cycleAt: (block: number) => Promise<number>, blocks: number, last: number): Promise<number> {
  let newer = 0;
  let older = blocks - 1;
  while (older - newer > 1) {
    const middle = Math.floor((newer + older) / 2);
    if ((await cycleAt(middle)) === last) older = middle;
    else newer = middle;
  }
  return older;
}

/** @param window the blocks before the head @param firstBlock where they begin in the log */
function endsWithUnmount(window: Buffer, firstBlock: number, logBlocks: number): boolean {
  let at = window.length - BLOCK_BYTES;
  while (at >= 0 && window.readUInt32BE(at) !== RECORD_MAGIC) at -= BLOCK_BYTES;
  if (at < 0) return false;
  const header = record.read(window, at);
  const blockNumber = (firstBlock + at / BLOCK_BYTES) % logBlocks;
  if (header.lsn !== (BigInt(header.cycle) << 32n) + BigInt(blockNumber)) return false;
  if (header.num_logops !== 1 || header.len > MAX_RECORD_BYTES) return false;
  const hasLongHeader = (header.version & 2) !== 0 && header.size > HEADER_COVERS_BYTES;
  const headerBlocks = hasLongHeader ? Math.ceil(header.size / HEADER_COVERS_BYTES) : 1;
  const data = at + headerBlocks * BLOCK_BYTES;
  const end = data + Math.ceil(header.len / BLOCK_BYTES) * BLOCK_BYTES;
  return end === window.length && data < end && (window[data + 9] & UNMOUNT_FLAG) !== 0;
}
