/**
 * The journal of ext3 and ext4 (jbd2): which blocks of the file system have a newer copy in it. Linux,
 * Documentation/filesystems/ext4/journal.rst. All numbers are big-endian.
 */
import { checkRange } from '../../core/bounds.ts';
import { crc32c } from '../../core/crc32c.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBlocks } from './blocks.ts';
import { readDescriptorTable } from './descriptors.ts';
import { mapOfInode } from './inode-map.ts';
import { readInode } from './inodes.ts';
import type { ExtSuperblock } from './superblock.ts';

export const JOURNAL_MAGIC = 0xc03b3998;

/** 4 GiB of 4 KiB blocks; mke2fs makes 1 GiB at most unless told otherwise. */
const JOURNAL_BLOCKS_MAX = 2 ** 20;

/** Freed blocks that are remembered: as many as a journal has blocks is far more than real ones name. */
const REVOKES_MAX = JOURNAL_BLOCKS_MAX;

const TYPE = { DESCRIPTOR: 1, COMMIT: 2, SUPERBLOCK_V1: 3, SUPERBLOCK_V2: 4, REVOKE: 5 } as const;
const FEATURE = { REVOKE: 0x1, BIT64: 0x2, CSUM_V2: 0x8, CSUM_V3: 0x10 } as const;
const READ_RIGHT = FEATURE.REVOKE | FEATURE.BIT64 | FEATURE.CSUM_V2 | FEATURE.CSUM_V3;
const TAG = { ESCAPED: 0x1, SAME_UUID: 0x2, LAST: 0x8 } as const;
const HEADER_BYTES = 12;
const UUID_BYTES = 16;

/** The newest committed copy of a block. */
export interface JournalCopy {
  /** where the copy lies, as a block of the file system */
  readonly block: number;
  /** the copy would begin with the journal's magic; it begins with zeros instead */
  readonly isEscaped: boolean;
  /** what {@link copyChecksum} must give; null without checksums */
  readonly checksum: number | null;
  readonly sequence: number;
}

export interface Journal {
  /** by block of the file system */
  readonly copies: ReadonlyMap<number, JournalCopy>;
  readonly isWide: boolean;
  readonly seed: number;
}

/** Sum over a copy's bytes: all 32 bits with csum_v3, the lower 16 with csum_v2. */
export function copyChecksum(journal: Journal, sequence: number, bytes: Uint8Array): number {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(sequence);
  const sum = crc32c(crc32c(journal.seed, number), bytes);
  return journal.isWide ? sum : sum & 0xffff;
}

interface Log {
  readonly read: (logBlock: number) => Promise<Buffer>;
  readonly place: (logBlock: number) => number;
  /** the block after `logBlock`, which is the first one after the last one */
  readonly next: (logBlock: number) => number;
  readonly features: number;
  readonly seed: number;
  readonly first: number;
  readonly length: number;
  readonly start: number;
  readonly sequence: number;
}

/**
 * Follows the log from its tail to the last transaction that was committed, as recovery does.
 * @throws EngineError `FORMAT_INVALID` where it cannot be trusted, `FORMAT_UNSUPPORTED` (data: `feature`) for asynchronous
 *   commits, version-1 checksums and fast commits
 */
export async function readJournal(volume: BlockSource, sb: ExtSuperblock): Promise<Journal> {
  const log = await openLog(volume, sb);
  const copies = new Map<number, JournalCopy>();
  const revoked = new Map<number, number>();
  const pending: [block: number, copy: JournalCopy][] = [];
  const pendingRevokes: number[] = [];

  let { sequence } = log;
  // The log is a ring: no more blocks than it has can be in it.
  for (let at = log.start, seen = 0; log.start !== 0 && seen < log.length;) {
    const bytes = await log.read(at);
    if (bytes.readUInt32BE(0) !== JOURNAL_MAGIC || bytes.readUInt32BE(8) !== sequence) break;
    const type = bytes.readUInt32BE(4);
    at = log.next(at);
    seen++;
    if (type === TYPE.DESCRIPTOR) {
      checkTail(log, bytes);
      for (const tag of tagsOf(log, bytes)) {
        const copy = { block: log.place(at), isEscaped: tag.isEscaped, checksum: tag.checksum, sequence };
        pending.push([tag.block, copy]);
        at = log.next(at);
        seen++;
      }
    } else if (type === TYPE.REVOKE) {
      checkTail(log, bytes);
      for (const block of revokesOf(log, bytes)) pendingRevokes.push(block);
      checkRange('revoked blocks', revoked.size + pendingRevokes.length, 0, REVOKES_MAX);
    } else if (type === TYPE.COMMIT) {
      checkCommit(log, bytes);
      for (const [block, copy] of pending) copies.set(block, copy);
      for (const block of pendingRevokes) revoked.set(block, sequence);
      pending.length = pendingRevokes.length = 0;
      sequence = (sequence + 1) >>> 0;
    } else {
      break;
    }
  }
  // A block that was freed must not come back with what it held before.
  for (const [block, revokedAt] of revoked) {
    const copy = copies.get(block);
    if (copy && ((revokedAt - copy.sequence) | 0) >= 0) copies.delete(block);
  }
  return { copies, isWide: (log.features & FEATURE.CSUM_V3) !== 0, seed: log.seed };
}

/**
 * Sees that nothing in the journal waits for recovery.
 * @throws EngineError `FORMAT_INVALID` where something does, or where there is no journal where its inode says
 */
export async function checkJournalEmpty(volume: BlockSource, sb: ExtSuperblock): Promise<void> {
  const map = await readJournalMap(volume, sb);
  checkRange('block of the journal', map[0] ?? 0, 1, sb.blockCount - 1);
  const s = await readBlocks(volume, sb.blockBytes, [map[0]]);
  checkRange('h_magic', s.readUInt32BE(0), JOURNAL_MAGIC, JOURNAL_MAGIC);
  checkRange('s_start of the journal', s.readUInt32BE(START_AT), 0, 0);
}

/** s_start of the journal's superblock: where its first transaction begins; 0 for none. */
const START_AT = 0x1c;

async function openLog(volume: BlockSource, sb: ExtSuperblock): Promise<Log> {
  const map = await readJournalMap(volume, sb);
  const place = (logBlock: number) => {
    if (!map[logBlock])
      throw new EngineError('FORMAT_INVALID', { field: 'block of the journal', value: String(logBlock) });
    return map[logBlock];
  };
  const read = (logBlock: number) => readBlocks(volume, sb.blockBytes, [place(logBlock)]);

  const s = await read(0);
  checkRange('h_magic', s.readUInt32BE(0), JOURNAL_MAGIC, JOURNAL_MAGIC);
  const version = checkRange('h_blocktype', s.readUInt32BE(4), TYPE.SUPERBLOCK_V1, TYPE.SUPERBLOCK_V2);
  checkRange('s_blocksize', s.readUInt32BE(0x0c), sb.blockBytes, sb.blockBytes);
  const length = checkRange('s_maxlen', s.readUInt32BE(0x10), 2, map.length);
  const first = checkRange('s_first', s.readUInt32BE(0x14), 1, length - 1);
  const start = s.readUInt32BE(START_AT);
  if (start !== 0) checkRange('s_start', start, first, length - 1);
  checkRange('s_errno', s.readUInt32BE(0x20), 0, 0);
  const features = version === TYPE.SUPERBLOCK_V2 ? s.readUInt32BE(0x28) : 0;
  if (features & ~READ_RIGHT) throw new EngineError('FORMAT_UNSUPPORTED', { feature: `jbd2 incompat ${features}` });
  if (version === TYPE.SUPERBLOCK_V2 && s.readUInt32BE(0x24) !== 0) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'jbd2 compat checksum' });
  }
  const hasChecksums = (features & (FEATURE.CSUM_V2 | FEATURE.CSUM_V3)) !== 0;
  if (hasChecksums && checksumWithout(0xffffffff, s.subarray(0, 1024), 0xfc) !== s.readUInt32BE(0xfc)) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'journal superblock' });
  }
  return {
    read,
    place,
    next: (logBlock) => (logBlock + 1 < length ? logBlock + 1 : first),
    features,
    seed: crc32c(0xffffffff, s.subarray(0x30, 0x30 + UUID_BYTES)),
    first,
    length,
    start,
    sequence: s.readUInt32BE(0x18),
  };
}

/** @returns for each block of the journal its block in the file system; 0 for a hole */
async function readJournalMap(view: BlockSource, sb: ExtSuperblock): Promise<Float64Array> {
  const fs = { view, sb, table: await readDescriptorTable(view, sb) };
  const inode = await readInode(fs, sb.journalInode);
  const length = checkRange('i_size', Math.ceil(inode.lengthBytes / sb.blockBytes), 0, JOURNAL_BLOCKS_MAX);
  const map = new Float64Array(length);
  for await (const { runs } of mapOfInode(fs, inode)) {
    for (const { logical, start, count } of runs) {
      for (let i = 0; i < count && logical + i < length; i++) map[logical + i] = start + i;
    }
  }
  return map;
}

/** Sum over `bytes` with the four bytes at `at` taken as zero. */
function checksumWithout(seed: number, bytes: Buffer, at: number): number {
  const before = crc32c(seed, bytes.subarray(0, at));
  return crc32c(crc32c(before, new Uint8Array(4)), bytes.subarray(at + 4));
}

/** Descriptor and revoke blocks end with their sum, where there are sums. */
function tailBytes(log: Log): number {
  return log.features & (FEATURE.CSUM_V2 | FEATURE.CSUM_V3) ? 4 : 0;
}

function checkTail(log: Log, bytes: Buffer): void {
  const at = bytes.length - 4;
  if (tailBytes(log) > 0 && checksumWithout(log.seed, bytes, at) !== bytes.readUInt32BE(at)) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'journal block' });
  }
}

function checkCommit(log: Log, bytes: Buffer): void {
  if (tailBytes(log) > 0 && checksumWithout(log.seed, bytes, 0x10) !== bytes.readUInt32BE(0x10)) {
    throw new EngineError('FORMAT_INVALID', { checksum: 'journal commit' });
  }
}

function* tagsOf(log: Log, bytes: Buffer): Generator<{ block: number; isEscaped: boolean; checksum: number | null }> {
  const isV3 = (log.features & FEATURE.CSUM_V3) !== 0;
  const isV2 = (log.features & FEATURE.CSUM_V2) !== 0;
  const is64Bit = (log.features & FEATURE.BIT64) !== 0;
  const tagBytes = isV3 ? 16 : 8 + (is64Bit ? 4 : 0) + (isV2 ? 2 : 0);
  const end = bytes.length - tailBytes(log);
  for (let at = HEADER_BYTES; at + tagBytes <= end;) {
    const flags = isV3 ? bytes.readUInt32BE(at + 4) : bytes.readUInt16BE(at + 6);
    const high = is64Bit ? bytes.readUInt32BE(at + 8) : 0;
    const checksum = isV3 ? bytes.readUInt32BE(at + 12) : isV2 ? bytes.readUInt16BE(at + 4) : null;
    yield { block: bytes.readUInt32BE(at) + high * 2 ** 32, isEscaped: (flags & TAG.ESCAPED) !== 0, checksum };
    if (flags & TAG.LAST) return;
    at += tagBytes + (flags & TAG.SAME_UUID ? 0 : UUID_BYTES);
  }
}

function* revokesOf(log: Log, bytes: Buffer): Generator<number> {
  const entryBytes = log.features & FEATURE.BIT64 ? 8 : 4;
  const end = checkRange('r_count', bytes.readUInt32BE(HEADER_BYTES), HEADER_BYTES + 4, bytes.length - tailBytes(log));
  for (let at = HEADER_BYTES + 4; at + entryBytes <= end; at += entryBytes) {
    yield entryBytes === 4 ? bytes.readUInt32BE(at) : bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  }
}
