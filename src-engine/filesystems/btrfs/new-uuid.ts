/**
 * Another UUID for btrfs: as `btrfstune -m` does it, in the superblocks alone. Blocks go on carrying the old one, which the superblock keeps as
 * that of the metadata. Source: btrfs documentation, "On-disk format"; Linux, BTRFS_FEATURE_INCOMPAT_METADATA_UUID.
 */
import { raw, struct, u64le } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import type { UuidPatch, UuidWay } from '../new-uuid.port.ts';
import { bytesOfUuid } from '../uuid.ts';
import { checksumOf } from './checksum.ts';
import { INCOMPAT, isWhole, readSuperblock, SUPERBLOCK_BYTES, SUPERBLOCK_PLACES } from './superblock.ts';

const fields = struct(SUPERBLOCK_BYTES, { fsid: raw(32, 16), incompat: u64le(188), metadataUuid: raw(571, 16) });
const CHECKSUM_BYTES = 32;
/** Since then Linux reads the flag. */
const OLDEST_KERNEL = [5, 0] as const;

/** @throws EngineError as {@link readSuperblock} */
export async function btrfsUuidWay(volume: BlockSource, uuid: string): Promise<UuidWay> {
  const superblock = await readSuperblock(volume);
  if (!superblock) return { by: 'nothing', refusal: 'damaged' };
  const patches: UuidPatch[] = [];
  for (const place of SUPERBLOCK_PLACES.filter((at) => at + SUPERBLOCK_BYTES <= volume.lengthBytes)) {
    const bytes = await readBytes(volume, place, SUPERBLOCK_BYTES);
    if (!isWhole(bytes, place, superblock.fsid)) continue;
    const { incompat } = fields.read(bytes);
    fields.write(bytes, {
      fsid: bytesOfUuid(uuid),
      metadataUuid: superblock.metadataUuid,
      incompat: incompat | INCOMPAT.METADATA_UUID,
    });
    const sum = checksumOf(superblock.checksumType, bytes.subarray(CHECKSUM_BYTES));
    // BLAKE2b is not made here
    if (!sum) return { by: 'nothing', refusal: 'checksum' };
    sum.copy(bytes);
    patches.push({ offsetBytes: place, bytes });
  }
  return { by: 'patches', patches, oldestKernel: OLDEST_KERNEL };
}
