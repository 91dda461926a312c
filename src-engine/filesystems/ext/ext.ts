/** ext2, ext3 and ext4: recognised by the superblock; used blocks are told by the block bitmaps. */
import type { Warning } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { joinTouching, wholeVolume } from '../extents.ts';
import type { FileSystem } from '../file-system.port.ts';
import { uuidText } from '../uuid.ts';
import { INCOMPAT, kindOf } from './features.ts';
import { readSuperblock, type ExtSuperblock } from './superblock.ts';
import { usedBlocks } from './used.ts';

/**
 * Bitmaps are only believed of a file system that was unmounted cleanly: otherwise blocks of the newest files may still look
 * free in them (the journal, or e2fsck, would tell), so that the volume is captured whole, with a warning that says why.
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`: see {@link readSuperblock}
 */
export async function recogniseExt(volume: BlockSource): Promise<FileSystem | null> {
  const sb = await readSuperblock(volume);
  if (!sb) return null;
  const lengthBytes = sb.blockCount * sb.blockBytes;
  const doubts = doubtsAbout(sb, lengthBytes, volume.lengthBytes);
  const isCertain = doubts.length === 0;
  return {
    kind: kindOf(sb.features),
    label: sb.label,
    uuid: uuidText(sb.uuid),
    blockBytes: sb.blockBytes,
    lengthBytes,
    captureAs: isCertain ? 'used-blocks' : 'whole',
    warnings: [...doubts, ...externalJournal(sb)],
    used: (signal) => (isCertain ? joinTouching(usedBlocks(volume, sb, signal)) : wholeVolume(volume)),
  };
}

function doubtsAbout(sb: ExtSuperblock, lengthBytes: number, volumeBytes: number): Warning[] {
  const doubts: Warning[] = [];
  if (lengthBytes > volumeBytes) doubts.push({ code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes, volumeBytes } });
  if (sb.features.incompat & INCOMPAT.RECOVER) doubts.push({ code: 'JOURNAL_NOT_CLEAN', data: {} });
  if (!sb.isUnmountedCleanly) doubts.push({ code: 'FILESYSTEM_NOT_CLEAN', data: {} });
  if (sb.hasErrors) doubts.push({ code: 'FILESYSTEM_HAS_ERRORS', data: {} });
  return doubts;
}

function externalJournal(sb: ExtSuperblock): Warning[] {
  return sb.externalJournal === null ? [] : [{ code: 'EXTERNAL_JOURNAL', data: { uuid: sb.externalJournal } }];
}
