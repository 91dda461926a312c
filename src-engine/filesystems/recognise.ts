/** Tells what file system a volume holds, if it is one whose free space is known here. */
import type { BlockSource } from '../disk/block-source.port.ts';
import { recogniseBtrfs } from './btrfs/btrfs.ts';
import { recogniseExt } from './ext/ext.ts';
import { recogniseExfat } from './exfat/exfat.ts';
import { recogniseFat } from './fat/fat.ts';
import type { FileSystem } from './file-system.port.ts';
import { recogniseNtfs } from './ntfs/ntfs.ts';
import { recogniseSignature } from './signatures.ts';
import { recogniseSwap } from './swap/swap.ts';
import { recogniseXfs } from './xfs/xfs.ts';

const FAMILIES = [
  recogniseBtrfs,
  recogniseExfat,
  recogniseExt,
  recogniseFat,
  recogniseNtfs,
  recogniseSwap,
  recogniseXfs,
];

/**
 * Must never take a volume for what it is not: what looks free would be lost. So whoever shows two faces (a RAID member that
 * begins like the file system inside it, a new file system over remains of an old one) is nobody, and is captured whole.
 * @returns null where there is none, or more than one
 * @throws EngineError `FORMAT_INVALID` for one that is damaged, `FORMAT_UNSUPPORTED` (data: `feature`), `READ_FAILED`
 */
export async function recogniseFileSystem(volume: BlockSource): Promise<FileSystem | null> {
  const signature = await recogniseSignature(volume);
  const found: FileSystem[] = [];
  for (const recognise of FAMILIES) {
    const fileSystem = await recognise(volume);
    if (fileSystem) found.push(fileSystem);
  }
  return found.length === 1 && (signature === null || signature === found[0].kind) ? found[0] : null;
}
