/** Another UUID for ext2, ext3 and ext4: Linux, Documentation/filesystems/ext4/super.rst, s_uuid. */
import { crc32c } from '../../core/crc32c.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { UuidPatch, UuidWay } from '../new-uuid.port.ts';
import { bytesOfUuid } from '../uuid.ts';
import { INCOMPAT, RO_COMPAT } from './features.ts';
import { groupStart, hasSuperblock } from './groups.ts';
import { readSuperblock, SUPERBLOCK_OFFSET_BYTES, type ExtSuperblock } from './superblock.ts';

const SUPERBLOCK_BYTES = 1024;
const MAGIC_AT = 0x38;
const MAGIC = 0xef53;
const UUID_AT = 0x68;
const CHECKSUM_AT = 0x3fc;
/** Linux, fs/ext4/ext4.h, EXT4_FEATURE_COMPAT_STABLE_INODES: files are encrypted with keys that are made of the UUID. */
const STABLE_INODES = 0x800;

/**
 * Superblock and its copies are enough where nothing else has a sum that begins with the UUID: without checksums, or where they begin with
 * a seed of their own (metadata_csum_seed). A journal that waits may hold the superblock as it was: tune2fs replays it first.
 * @throws EngineError as {@link readSuperblock}
 */
export async function extUuidWay(volume: BlockSource, uuid: string): Promise<UuidWay> {
  const sb = await readSuperblock(volume);
  if (!sb) return { by: 'nothing', refusal: 'damaged' };
  if (sb.externalJournal !== null) return { by: 'nothing', refusal: 'external-journal' };
  if (sb.features.compat & STABLE_INODES) return { by: 'nothing', refusal: 'stable-inodes' };
  // without a journal, its own check may need somebody to ask
  const isLeftOpen = !sb.isUnmountedCleanly && (sb.features.incompat & INCOMPAT.RECOVER) === 0;
  if (sb.hasErrors || isLeftOpen || sb.blockCount * sb.blockBytes > volume.lengthBytes)
    return { by: 'nothing', refusal: 'damaged' };
  return needsProgram(sb)
    ? { by: 'program' }
    : { by: 'patches', patches: await superblockPatches(volume, sb, bytesOfUuid(uuid)) };
}

function needsProgram({ features: { incompat, roCompat } }: ExtSuperblock): boolean {
  if (incompat & INCOMPAT.RECOVER || roCompat & RO_COMPAT.GDT_CSUM) return true;
  return (roCompat & RO_COMPAT.METADATA_CSUM) !== 0 && (incompat & INCOMPAT.CSUM_SEED) === 0;
}

async function superblockPatches(volume: BlockSource, sb: ExtSuperblock, uuid: Buffer): Promise<UuidPatch[]> {
  const patches: UuidPatch[] = [];
  for (let group = 0; group < sb.groupCount; group++) {
    if (!hasSuperblock(sb, group)) continue;
    const offsetBytes = group === 0 ? SUPERBLOCK_OFFSET_BYTES : groupStart(sb, group) * sb.blockBytes;
    if (offsetBytes + SUPERBLOCK_BYTES > volume.lengthBytes) continue;
    const bytes = await readBytes(volume, offsetBytes, SUPERBLOCK_BYTES);
    // what was never a copy of this one is nobody's to change
    const isCopy = bytes.readUInt16LE(MAGIC_AT) === MAGIC && sb.uuid.equals(bytes.subarray(UUID_AT, UUID_AT + 16));
    if (!isCopy) continue;
    uuid.copy(bytes, UUID_AT);
    if (sb.features.roCompat & RO_COMPAT.METADATA_CSUM) {
      bytes.writeUInt32LE(crc32c(0xffffffff, bytes.subarray(0, CHECKSUM_AT)), CHECKSUM_AT);
    }
    patches.push({ offsetBytes, bytes });
  }
  return patches;
}
