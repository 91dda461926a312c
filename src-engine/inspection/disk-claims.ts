/** Who claims a disk: its partition table, or something that is the disk as a whole and only carries a table of earlier days. */
import { TABLES } from '../contract/disk.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { slice } from '../disk/slice.ts';
import { facesOf } from '../filesystems/recognise.ts';
import { signaturesOf, type Signature } from '../filesystems/signatures.ts';
import { bareTables, claimedTables, readTables, type Tables } from '../volumes/read-layout.ts';
import { UNREADABLE_SECTOR } from './unreadable.ts';

/** They are told by a boot sector, which may be left from a former life: only where what it speaks of is sound. */
const IN_BOOT_CODE = ['ntfs', 'exfat'];
/** May stand in an optical image, which is no claim on the disk behind it. */
const OPTICAL = ['iso9660', 'hfs', 'hfsplus'];
/** Only a whole disk is a member of these: they are never a partition's own. */
const isFakeRaid = ({ name }: Signature) => name.endsWith('_raid_member');

/**
 * A member of a RAID or of a volume group, or a file system that begins where the disk begins, wins over a table: of what is
 * claimed twice every byte is taken, so that nothing is lost. The image of an optical disc may carry a table, which is used; the
 * partitions that share bytes with it are contested, and no others.
 * @throws EngineError `READ_FAILED`
 */
export async function readClaimedTables(disk: BlockSource): Promise<ClaimedDisk> {
  const tables = await readTables(disk);
  const signatures = await readableSignatures(disk);
  const name = tables.layout.table === 'none' ? null : await claimantOf(disk, tables, signatures ?? []);
  return { tables: name ? claimedTables(disk, name, tables.layout.table) : tables, signatures };
}

export interface ClaimedDisk {
  readonly tables: Tables;
  /** of the disk as a whole; null where their places cannot be read */
  readonly signatures: readonly Signature[] | null;
}

/** What the disk is as a whole, against its table; null where the table is believed. */
async function claimantOf(disk: BlockSource, tables: Tables, signatures: readonly Signature[]): Promise<string | null> {
  const claims: Signature[] = [];
  const isOptical = signatures.some(({ name }) => name === 'iso9660');
  for (const claim of signatures) {
    if (IN_BOOT_CODE.includes(claim.name) || (isOptical && OPTICAL.includes(claim.name))) continue;
    if (!(await isOfPartition(disk, tables, claim))) claims.push(claim);
  }
  return claims[0]?.name ?? (await facesOf(disk, isOfUnreadable))[0] ?? null;
}

/**
 * The tables of a template, as they were understood when it was captured.
 * @param table what the version says of its disk: 'none' is a disk that was captured as one volume, whatever table it carries
 * @throws EngineError `READ_FAILED`; `FORMAT_UNSUPPORTED` where it is a table that a later version knows
 */
export async function readRecordedTables(template: BlockSource, table: string): Promise<Tables> {
  if (!TABLES.some((known) => known === table)) {
    throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'a partition table of a later version' });
  }
  return table === 'none' ? bareTables(template) : readTables(template);
}

const isOfUnreadable = ({ data }: EngineError) => data.field === UNREADABLE_SECTOR;

/** Null where their places cannot be read, on a disk that a capture goes on over. */
async function readableSignatures(source: BlockSource): Promise<Signature[] | null> {
  try {
    return await signaturesOf(source);
  } catch (error) {
    if (error instanceof EngineError && isOfUnreadable(error)) return null;
    throw error;
  }
}

/** Whether it is what the partition around its marks holds: a last partition may end where the disk ends. */
async function isOfPartition(disk: BlockSource, { layout }: Tables, claim: Signature): Promise<boolean> {
  if (isFakeRaid(claim)) return false;
  const around = layout.partitions.find((partition) => claim.marks.every((mark) => isInside(mark, partition)));
  if (!around) return false;
  const own = await readableSignatures(slice(disk, around.startBytes, around.lengthBytes));
  return (own ?? []).some(({ name }) => name === claim.name);
}

function isInside(inner: Extent, outer: Extent): boolean {
  return (
    inner.startBytes >= outer.startBytes && inner.startBytes + inner.lengthBytes <= outer.startBytes + outer.lengthBytes
  );
}
