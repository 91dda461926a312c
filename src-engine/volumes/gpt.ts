/** Both copies of a GUID partition table: which are good, where they are, and what they disagree on. */
import type { Warning } from '../contract/warnings.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { alternateHint, entrySectors, readGptCopy, SIGNATURE, type GptCopy } from './gpt-copy.ts';
import { MBR_TYPE_PROTECTIVE, type MbrEntry } from './mbr-sector.ts';
import { readableBytes } from './readable.ts';

export interface Gpt {
  readonly sectorBytes: number;
  /** the copy that counts: the primary one, or the backup where the primary is damaged */
  readonly good: GptCopy;
  readonly primary: GptCopy | null;
  readonly backup: GptCopy | null;
  /** where a backup that is damaged stands, at the end of the disk: what is left of it is no data of anybody's */
  readonly remains: Extent | null;
  /** where the primary array is, or goes when a damaged primary is written anew */
  readonly primaryEntriesLba: number;
  readonly warnings: readonly Warning[];
}

/** Disks count in sectors of these sizes. An image file does not say which one its disk had. */
const SECTOR_SIZES = [512, 4096];

/**
 * Looks for a table made for the source's sector size, then for one made for the other common size: a file with the
 * image of a disk with 4096-byte sectors opens as 512.
 * @param mbr entries of the first sector. Without a protective one among them there is no GPT, as for the Linux kernel: a
 *   backup GPT that a former owner left at the end of the disk must not win over what is there now
 * @returns null where neither copy is good
 * @throws EngineError `READ_FAILED`
 */
export async function readGpt(source: BlockSource, mbr: readonly MbrEntry[]): Promise<Gpt | null> {
  const protective = mbr.find((entry) => entry.type === MBR_TYPE_PROTECTIVE);
  if (!protective) return null;
  for (const sectorBytes of new Set([source.sectorBytes, ...SECTOR_SIZES])) {
    const gpt = await readGptOf(source, sectorBytes, protective);
    if (gpt) return gpt;
  }
  return null;
}

async function readGptOf(source: BlockSource, sectorBytes: number, protective: MbrEntry): Promise<Gpt | null> {
  const lastLba = Math.floor(source.lengthBytes / sectorBytes) - 1;
  const primary = await readGptCopy(source, sectorBytes, 1);
  const backup = await findBackup(source, sectorBytes, [
    await alternateHint(source, sectorBytes, 1),
    lastLba,
    protective.startSector + protective.sectorCount - 1,
  ]);
  const good = primary ?? backup;
  if (!good) return null;

  const warnings: Warning[] = [];
  if (sectorBytes !== source.sectorBytes) {
    const data = { tableSectorBytes: sectorBytes, sourceSectorBytes: source.sectorBytes };
    warnings.push({ code: 'GPT_SECTOR_SIZE_DIFFERS', data });
  }
  if (!primary) warnings.push({ code: 'GPT_PRIMARY_DAMAGED', data: {} });
  if (!backup) warnings.push({ code: 'GPT_BACKUP_DAMAGED', data: {} });
  if (primary && backup && !primary.entries.equals(backup.entries)) {
    warnings.push({ code: 'GPT_BACKUP_DAMAGED', data: {} });
  }
  if (backup && backup.lba !== lastLba) {
    const data = { offsetBytes: backup.lba * sectorBytes, expectedBytes: lastLba * sectorBytes };
    warnings.push({ code: 'GPT_BACKUP_MISPLACED', data });
  }
  const remains = backup ? null : await remainsOfBackup(source, sectorBytes, good);
  return { sectorBytes, good, primary, backup, remains, primaryEntriesLba: primary?.entriesLba ?? 2, warnings };
}

/** A backup is told from data by the mark of its header, or by an array that begins as the other one does. */
async function remainsOfBackup(source: BlockSource, sectorBytes: number, good: GptCopy): Promise<Extent | null> {
  const sectors = entrySectors(good, sectorBytes) + 1;
  const endBytes = Math.floor(source.lengthBytes / sectorBytes) * sectorBytes;
  const startBytes = endBytes - sectors * sectorBytes;
  if (startBytes < 0) return null;
  const header = await readableBytes(source, endBytes - sectorBytes, sectorBytes);
  const array = await readableBytes(source, startBytes, sectorBytes);
  const isArray =
    array !== null && array.some((byte) => byte !== 0) && array.equals(good.entries.subarray(0, sectorBytes));
  return isArray || header?.toString('latin1', 0, 8) === SIGNATURE
    ? { startBytes, lengthBytes: endBytes - startBytes }
    : null;
}

/** @param places sectors where a backup may be, best first; each is checked like any other header */
async function findBackup(
  source: BlockSource,
  sectorBytes: number,
  places: (number | null)[],
): Promise<GptCopy | null> {
  for (const lba of new Set(places)) {
    const copy = lba === null || lba < 2 ? null : await readGptCopy(source, sectorBytes, lba);
    if (copy) return copy;
  }
  return null;
}

/** The end of what stands at the front of the disk: first sector, primary header, primary array. */
export function primaryEndBytes(gpt: Gpt): number {
  return (gpt.primaryEntriesLba + entrySectors(gpt.good, gpt.sectorBytes)) * gpt.sectorBytes;
}

/** The end of the first sector that partitions may use: every table has one (UEFI 2.10, table 5.5). */
export function firstUsableEndBytes(gpt: Gpt, diskBytes: number): number {
  return Math.min((Number(gpt.good.firstUsableLba) + 1) * gpt.sectorBytes, diskBytes - backupBytes(gpt));
}

/** What the backup takes at the end of a disk: its array and its header. */
export function backupBytes(gpt: Gpt): number {
  return (entrySectors(gpt.good, gpt.sectorBytes) + 1) * gpt.sectorBytes;
}
