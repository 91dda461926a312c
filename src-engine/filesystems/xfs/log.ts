/** The log of XFS: "XFS Algorithms & Data Structures", "Journaling Log"; Linux, fs/xfs/xfs_log_recover.c. Read to tell whether it is empty. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { struct, u32be, u64be } from '../../core/struct.ts';
import { blockOffset } from './addresses.ts';
import type { XfsSuperblock } from './superblock.ts';

/** The log counts in these, whatever the sectors of the disk. */
const BLOCK_BYTES = 512;

const RECORD_MAGIC = 0xfeedbabe;
/** Of the first operation in a record. */
const FLAGS_AT = 9;
const UNMOUNT_FLAG = 0x20;

const recordHeader = struct(324, {
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
  const log = openLog(volume, sb);
  const first = await log.cycleAt(0);
  const last = await log.cycleAt(log.blocks - 1);
  // A log that nobody has written to: some tools zero it.
  if (first === 0) return last === 0;
  const head = first === last ? log.blocks : await findHead(log, last);
  const newest = await lastRecord(log, head);
  if (!newest || newest.endsAtHead) return newest !== null && newest.isUnmount;
  // It was never written to its end: recovery passes over it, and so was all that xfs_db left when it cleared the log.
  const before = await lastRecord(log, newest.block === 0 ? log.blocks : newest.block);
  return before !== null && before.endsAtHead && before.isUnmount;
}

interface Log {
  readonly blocks: number;
  read(block: number, count: number): Promise<Buffer>;
  /** Every block begins with the number of the round in which it was written; headers have their magic before it. */
  cycleAt(block: number): Promise<number>;
}

function openLog(volume: BlockSource, sb: XfsSuperblock): Log {
  const startBytes = blockOffset(sb, 'sb_logstart', sb.logStart, sb.logBlocks);
  const read = (block: number, count: number) =>
    readBytes(volume, startBytes + block * BLOCK_BYTES, count * BLOCK_BYTES);
  return {
    blocks: (sb.logBlocks * sb.blockBytes) / BLOCK_BYTES,
    read,
    async cycleAt(block) {
      const bytes = await read(block, 1);
      return bytes.readUInt32BE(bytes.readUInt32BE(0) === RECORD_MAGIC ? 4 : 0);
    },
  };
}

/** @param last the round of the last block @returns the first block of that round: where the next record would be written */
async function findHead({ cycleAt, blocks }: Log, last: number): Promise<number> {
  let newer = 0;
  let older = blocks - 1;
  while (older - newer > 1) {
    const middle = Math.floor((newer + older) / 2);
    if ((await cycleAt(middle)) === last) older = middle;
    else newer = middle;
  }
  return older;
}

interface LogRecord {
  readonly block: number;
  readonly endsAtHead: boolean;
  /** it holds nothing but the note of an unmount */
  readonly isUnmount: boolean;
}

/** @param head after which block to look, backwards and round about @returns null where there is none */
async function lastRecord({ read, blocks }: Log, head: number): Promise<LogRecord | null> {
  const count = Math.min(MAX_RECORD_BLOCKS, blocks);
  const before = Math.min(count, head);
  const pieces = [await read(head - before, before)];
  if (before < count) pieces.unshift(await read(blocks - (count - before), count - before));
  const window = Buffer.concat(pieces);

  let at = window.length - BLOCK_BYTES;
  while (at >= 0 && window.readUInt32BE(at) !== RECORD_MAGIC) at -= BLOCK_BYTES;
  if (at < 0) return null;
  const header = recordHeader.read(window, at);
  const block = (head - count + at / BLOCK_BYTES + blocks) % blocks;
  const isWhere = header.lsn === (BigInt(header.cycle) << 32n) + BigInt(block);
  if (!isWhere || header.len > MAX_RECORD_BYTES || header.size > MAX_RECORD_BYTES) return null;
  const isLong = (header.version & 2) !== 0 && header.size > HEADER_COVERS_BYTES;
  const data = at + (isLong ? Math.ceil(header.size / HEADER_COVERS_BYTES) : 1) * BLOCK_BYTES;
  const endsAtHead = data + Math.ceil(header.len / BLOCK_BYTES) * BLOCK_BYTES === window.length && data < window.length;
  const isUnmount = endsAtHead && header.num_logops === 1 && (window[data + FLAGS_AT] & UNMOUNT_FLAG) !== 0;
  return { block, endsAtHead, isUnmount };
}
