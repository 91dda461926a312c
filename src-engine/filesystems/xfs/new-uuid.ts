/** Another UUID for XFS: by its own program, since every record of the log carries it too. Linux, xfs_log_recover.c, xlog_header_check_mount. */
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { UuidWay } from '../new-uuid.port.ts';
import { readSuperblock } from './superblock.ts';

/**
 * Blocks of version 5 keep the old one, and a flag says so: Linux reads it since 4.3; GRUB since it knows sparse inodes too, which came to the
 * distributions with Linux 4.18.
 */
const OLDEST_KERNEL = [4, 18] as const;

/** @throws EngineError as {@link readSuperblock} */
export async function xfsUuidWay(volume: BlockSource): Promise<UuidWay> {
  const superblock = await readSuperblock(volume);
  if (!superblock || superblock.features.needsRepair || superblock.logStart === 0) {
    return { by: 'nothing', refusal: 'damaged' };
  }
  return superblock.features.hasChecksums ? { by: 'program', oldestKernel: OLDEST_KERNEL } : { by: 'program' };
}
