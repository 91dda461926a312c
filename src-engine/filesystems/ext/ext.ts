/** ext2, ext3 and ext4: recognised by the superblock; used blocks are told by the block bitmaps. */
import type { Warning } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { joinTouching, wholeVolume } from '../extents.ts';
import type { FileSystem } from '../file-system.port.ts';
import { uuidText } from '../uuid.ts';
import { INCOMPAT, kindOf } from './features.ts';
import { checkJournalEmpty, readJournal } from './journal.ts';
import { replayedVolume } from './replayed.ts';
import { readSuperblock, type ExtSuperblock } from './superblock.ts';
import { openExt } from './tree.ts';
import { usedBlocks } from './used.ts';

/**
 * The bitmaps on the disk are only believed of a file system that was unmounted cleanly: otherwise blocks of the newest files
 * may still look free in them. Where a journal holds what is missing, superblock, descriptors and bitmaps are read as its
 * recovery will leave them. Where nothing but e2fsck could tell (no journal, one that cannot be read, errors), the volume is
 * captured whole. The warnings say which.
 * @throws EngineError `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`: see {@link readSuperblock}
 */
export async function recogniseExt(volume: BlockSource): Promise<FileSystem | null> {
  const onDisk = await readSuperblock(volume);
  if (!onDisk) return null;
  const recovered = await recover(volume, onDisk);
  const { view, sb } = recovered ?? { view: volume, sb: onDisk };
  const lengthBytes = sb.blockCount * sb.blockBytes;

  const doubts: Warning[] = [];
  if (lengthBytes > volume.lengthBytes) {
    doubts.push({ code: 'FILESYSTEM_TRUNCATED', data: { lengthBytes, volumeBytes: volume.lengthBytes } });
  }
  if (!sb.isUnmountedCleanly) doubts.push({ code: 'FILESYSTEM_NOT_CLEAN', data: {} });
  if (sb.hasErrors) doubts.push({ code: 'FILESYSTEM_HAS_ERRORS', data: {} });
  const isCertain = doubts.length === 0 && (recovered !== null || !needsRecovery(onDisk));
  const journal: Warning[] = needsRecovery(onDisk) ? [{ code: 'JOURNAL_NOT_CLEAN', data: {} }] : [];
  if (sb.externalJournal !== null) journal.push({ code: 'EXTERNAL_JOURNAL', data: { uuid: sb.externalJournal } });
  return {
    kind: kindOf(sb.features),
    label: sb.label,
    uuid: uuidText(sb.uuid),
    blockBytes: sb.blockBytes,
    lengthBytes,
    captureAs: isCertain ? 'used-blocks' : 'whole',
    warnings: [...doubts, ...journal],
    used: (signal) => (isCertain ? joinTouching(usedOf(view, sb, recovered !== null, signal)) : wholeVolume(volume)),
    browse: () => openExt(view, sb),
  };
}

async function* usedOf(view: BlockSource, sb: ExtSuperblock, isRecovered: boolean, signal: AbortSignal) {
  yield* usedBlocks(view, sb, !isRecovered, signal);
  // of a journal that nobody says needs recovery, the kernel throws away what e2fsck would take
  if (!isRecovered && sb.journalInode !== 0) await checkJournalEmpty(view, sb);
}

const needsRecovery = (sb: ExtSuperblock) => (sb.features.incompat & INCOMPAT.RECOVER) !== 0;

/** @returns the file system as recovery will leave it; null where none is needed, or none is possible here */
async function recover(
  volume: BlockSource,
  sb: ExtSuperblock,
): Promise<{ view: BlockSource; sb: ExtSuperblock } | null> {
  const isCutOff = sb.blockCount * sb.blockBytes > volume.lengthBytes;
  if (!needsRecovery(sb) || isCutOff || sb.externalJournal !== null || sb.journalInode === 0) return null;
  try {
    const view = replayedVolume(volume, sb.blockBytes, await readJournal(volume, sb));
    const after = await readSuperblock(view);
    return after && { view, sb: after };
  } catch (error) {
    const isUnreadable =
      error instanceof EngineError && (error.code === 'FORMAT_INVALID' || error.code === 'FORMAT_UNSUPPORTED');
    if (isUnreadable) return null;
    throw error;
  }
}
