/**
 * ext2, ext3 and ext4, by e2fsprogs. Its programs take `PATH?offset=BYTES`, but resize2fs cuts a file off where the file system would end
 * if it began the file (resize/main.c), with whatever lies behind: it gets a scratch file, or a loop device, which it cannot cut off.
 */
import { LOOP_TOOLS } from '../tools/loop-device.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import { INCOMPAT, RO_COMPAT } from '../filesystems/ext/features.ts';
import { readSuperblock } from '../filesystems/ext/superblock.ts';
import { runTool, type ToolRun } from '../tools/run-tool.ts';
import { EXT_REMAKING, extRemadeLimits, remakeExt } from './ext-remake.ts';
import { extMinimum } from './ext-minimum.ts';
import { isFileOfItsOwn, onLoopDevice } from './piece.ts';
import type { Limits, Resizer } from './resizer.port.ts';

/** resize2fs moves what lies behind the new end, and needs room for tables of its own. */
const ROOM_BYTES = 4 * 1024 * 1024;
const ROOM_SHARE = 0.03;
/** For a whole file system of the largest disks that people have. */
const DEADLINE_MS = 6 * 60 * 60 * 1000;
/** e2fsck: 0 nothing was wrong, 1 what was wrong is corrected (e2fsck(8), EXIT CODE). */
const SOUND = [0, 1];
/** Without 64bit, block numbers have 32 bits. */
const MAX_BLOCKS_32 = 2 ** 32 - 1;
/** Linux, fs/ext4/ext4.h, EXT4_FEATURE_COMPAT_STABLE_INODES: inode numbers and the UUID may not change, so nothing may shrink. */
const STABLE_INODES = 0x800;

export const extResizer: Resizer = {
  tools: ['e2fsck', 'resize2fs'],
  growing: [
    { method: 'in-place', needsRoot: true, tools: LOOP_TOOLS },
    { method: 'scratch', needsRoot: false, tools: [] },
  ],
  shrinking: [{ method: 'scratch', needsRoot: false, tools: [] }],
  remaking: EXT_REMAKING,
  toleratedWarnings: ['JOURNAL_NOT_CLEAN'],

  async limits(volume, fileSystem, usedBytes, mayShrink): Promise<Limits> {
    const superblock = await readSuperblock(volume);
    if (!superblock) return { refusal: 'feature' };
    const { features, blockBytes, blockCount, freeBlockCount, blocksPerGroup, inodesPerGroup } = superblock;
    // resize2fs calls it untested and asks to be forced
    if (features.roCompat & RO_COMPAT.BIGALLOC) return { refusal: 'feature' };
    // blocks that files share, and files that are never to be written again
    if (features.roCompat & (RO_COMPAT.SHARED_BLOCKS | RO_COMPAT.READONLY)) return { refusal: 'feature' };
    const takenBytes = Math.max(usedBytes, (blockCount - freeBlockCount) * blockBytes);
    // inodes go with their groups, of which the last need not be whole
    const usedInodes = Math.max(superblock.inodeCount - superblock.freeInodeCount, 0);
    const groupBytes = blocksPerGroup * blockBytes;
    const inodeBytes = (Math.ceil(usedInodes / inodesPerGroup) - 1) * groupBytes;
    const toldBytes = mayShrink ? await extMinimum(volume, superblock) : null;
    const leastBytes = toldBytes ?? takenBytes;
    const minimumBytes = Math.max(leastBytes + ROOM_BYTES + Math.ceil(leastBytes * ROOM_SHARE), inodeBytes);
    const isWide = (features.incompat & INCOMPAT.BIT64) !== 0;
    return {
      minimumBytes: features.compat & STABLE_INODES ? fileSystem.lengthBytes : minimumBytes,
      maximumBytes: isWide ? Number.MAX_SAFE_INTEGER : MAX_BLOCKS_32 * blockBytes,
    };
  },

  remadeLimits: extRemadeLimits,
  rebuild: remakeExt,

  resize: (piece, fileSystem, toBytes, signal) =>
    isFileOfItsOwn(piece)
      ? resizeAt('/proc/self/fd/3', fileSystem, toBytes, { signal, descriptors: [piece.fd] })
      : onLoopDevice(piece, signal, (device) => resizeAt(device, fileSystem, toBytes, { signal })),
};

async function resizeAt(path: string, { blockBytes }: FileSystem, toBytes: number, run: ToolRun): Promise<void> {
  const patient = { ...run, deadlineMs: DEADLINE_MS };
  // replays the journal and removes orphans; resize2fs wants nothing else to begin with
  await runTool('e2fsck', ['-f', '-p', path], { ...patient, goodCodes: SOUND });
  const blocks = Math.floor(toBytes / blockBytes);
  await runTool('resize2fs', [path, `${(blocks * blockBytes) / 1024}K`], patient);
}
