/** Who claims a disk: its partition table, or something that is the disk as a whole and only carries a table of earlier days. */
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { slice } from '../disk/slice.ts';
import { signaturesOf, type Signature } from '../filesystems/signatures.ts';
import type { DiskLayout } from '../volumes/layout.port.ts';
import { claimedLayout, readLayout } from '../volumes/read-layout.ts';

export interface ClaimedLayout {
  readonly layout: DiskLayout;
  /** what lies on the disk besides its table, in the order of belief; none where the whole disk is a volume */
  readonly claims: readonly Signature[];
}

/** Their place in the first sector is that of boot code, which may be left from a former life: the table decides. */
const IN_BOOT_CODE = ['ntfs', 'exfat'];
/** A table may divide the image of an optical disc, or stand behind it. */
const BESIDE_TABLES = ['iso9660', 'udf', 'hfs', 'hfsplus'];
/** Only a whole disk is a member of these: they are never a partition's own. */
const isFakeRaid = ({ name }: Signature) => name.endsWith('_raid_member') && name !== 'ddf_raid_member';

/**
 * A member of a RAID or of a volume group, or a file system that begins where the disk begins, wins over a table: of two that
 * claim the same bytes the larger is taken, so that nothing is lost.
 * @throws EngineError `READ_FAILED`
 */
export async function readClaimedLayout(disk: BlockSource): Promise<ClaimedLayout> {
  const layout = await readLayout(disk);
  if (layout.table === 'none') return { layout, claims: [] };
  const claims: Signature[] = [];
  for (const claim of await signaturesOf(disk)) {
    if (!IN_BOOT_CODE.includes(claim.name) && !(await isOfPartition(disk, layout, claim))) claims.push(claim);
  }
  const whole = claims.find(({ name }) => !BESIDE_TABLES.includes(name));
  if (!whole) return { layout, claims };
  return { layout: claimedLayout(disk, whole.name, layout.table), claims: [] };
}

/** Whether it is what the partition around its marks holds: a last partition may end where the disk ends. */
async function isOfPartition(disk: BlockSource, layout: DiskLayout, claim: Signature): Promise<boolean> {
  if (isFakeRaid(claim)) return false;
  const around = layout.partitions.find((partition) => claim.marks.every((mark) => isInside(mark, partition)));
  if (!around) return false;
  const own = await signaturesOf(slice(disk, around.startBytes, around.lengthBytes));
  return own.some(({ name }) => name === claim.name);
}

function isInside(inner: Extent, outer: Extent): boolean {
  return (
    inner.startBytes >= outer.startBytes && inner.startBytes + inner.lengthBytes <= outer.startBytes + outer.lengthBytes
  );
}
