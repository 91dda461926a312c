/** Moves the tables of a layout to a disk of another size, or one that counts in other sectors. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { convertGpt } from './convert-tables.ts';
import { joinExtents } from './extents.ts';
import { backupBytes, type Gpt } from './gpt.ts';
import { gptCopyExtents, movedHeader } from './gpt-copy.ts';
import type { Patch, Relocation } from './layout.port.ts';
import { isUsed, MBR_BYTES, mbrEntries, resizedProtective } from './mbr-sector.ts';
import { readTables, type Tables } from './read-layout.ts';
import { rewriteMbr } from './rewrite-mbr.ts';

/** File systems have the bytes that they are known by at the front: ext at 1 KiB, swap at 4 KiB, ISO 9660 at 32 KiB, btrfs at 64 KiB. */
const BARE_HEAD_BYTES = 128 * 1024;

/**
 * Works out what differs between the tables of `source` and those of a disk of `targetLengthBytes`. For a GPT: both
 * headers and arrays, and the size in the protective MBR; a damaged copy is written anew from the good one, a misplaced
 * backup goes to the end. An MBR has nothing that depends on the size of its disk, unless partitions were given other places.
 * @param source the disk that the tables are read from: a template, or the captured disk itself
 * @param targetSectorBytes what the target counts in; as the tables do where it is not given
 * @param tables those of the source, where it is known better than its first sectors say
 * @throws EngineError `TARGET_TOO_SMALL` (data: requiredBytes, targetBytes); `FORMAT_UNSUPPORTED` (data: feature, table) for
 *   tables that cannot count in sectors of that size; `READ_FAILED`
 */
export async function relocateTables(
  source: BlockSource,
  targetLengthBytes: number,
  targetSectorBytes?: number,
  tables?: Tables,
): Promise<Relocation> {
  const { layout, gpt, isPlaced = false } = tables ?? (await readTables(source));
  if (targetLengthBytes < layout.minimumBytes) {
    throw new EngineError('TARGET_TOO_SMALL', { requiredBytes: layout.minimumBytes, targetBytes: targetLengthBytes });
  }
  const sectorBytes = targetSectorBytes ?? layout.sectorBytes;
  const isConverted = layout.table !== 'none' && sectorBytes !== layout.sectorBytes;
  if (gpt) {
    return isConverted
      ? convertGpt(source, gpt, layout, targetLengthBytes, sectorBytes)
      : relocateGpt(source, gpt, targetLengthBytes);
  }
  if (layout.table === 'mbr' && (isConverted || isPlaced))
    return rewriteMbr(source, sectorBytes, targetLengthBytes, layout);
  const headBytes = layout.table === 'mbr' ? layout.sectorBytes : Math.min(BARE_HEAD_BYTES, source.lengthBytes);
  return { patches: [], stale: [], finishing: joinExtents([{ startBytes: 0, lengthBytes: headBytes }]) };
}

async function relocateGpt(source: BlockSource, gpt: Gpt, targetLengthBytes: number): Promise<Relocation> {
  const { sectorBytes, good, primary, backup, primaryEntriesLba } = gpt;
  const sectors = Math.floor(targetLengthBytes / sectorBytes);
  const backupLba = sectors - 1;
  const isInPlace = backup?.lba === backupLba && primary?.alternateLba === BigInt(backupLba);
  if (isInPlace && primary.entries.equals(backup.entries)) {
    const extents = [primary, backup].flatMap((copy) => gptCopyExtents(copy, sectorBytes));
    return {
      patches: [],
      stale: [],
      finishing: joinExtents([{ startBytes: 0, lengthBytes: sectorBytes }, ...extents]),
    };
  }

  const array = Buffer.alloc(backupBytes(gpt) - sectorBytes);
  good.entries.copy(array);
  const backupEntriesLba = backupLba - array.length / sectorBytes;
  const lastUsableLba = backupEntriesLba - 1;
  const primaryPlace = { lba: 1, alternateLba: backupLba, entriesLba: primaryEntriesLba, lastUsableLba };
  const backupPlace = { lba: backupLba, alternateLba: 1, entriesLba: backupEntriesLba, lastUsableLba };
  const patches: Patch[] = [
    { offsetBytes: 0, bytes: await movedMbr(source, sectors) },
    { offsetBytes: sectorBytes, bytes: movedHeader(good, primaryPlace) },
    { offsetBytes: primaryEntriesLba * sectorBytes, bytes: array },
    { offsetBytes: backupEntriesLba * sectorBytes, bytes: array },
    { offsetBytes: backupLba * sectorBytes, bytes: movedHeader(good, backupPlace) },
  ];
  const written = patches.map((patch) => ({ startBytes: patch.offsetBytes, lengthBytes: patch.bytes.length }));
  return {
    patches,
    stale: backup ? joinExtents(gptCopyExtents(backup, sectorBytes)) : gpt.remains ? [gpt.remains] : [],
    finishing: joinExtents(written),
  };
}

/** The protective entry of a hybrid MBR covers what its other entries leave: it does not grow with the disk. */
async function movedMbr(source: BlockSource, sectors: number): Promise<Buffer> {
  const sector = await readBytes(source, 0, MBR_BYTES);
  const isHybrid = (mbrEntries(sector) ?? []).filter(isUsed).length > 1;
  return isHybrid ? sector : resizedProtective(sector, sectors);
}
