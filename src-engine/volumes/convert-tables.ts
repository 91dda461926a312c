/** The GPT of a disk that counts in sectors of one size, for a disk that counts in another: 512 and 4096 bytes. */
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import { readBytes } from '../disk/read.ts';
import { joinExtents } from './extents.ts';
import { backupBytes, primaryEndBytes, type Gpt } from './gpt.ts';
import { convertedCopy, gptCopyExtents, movedHeader } from './gpt-copy.ts';
import { type DiskLayout, type Patch, type Relocation } from './layout.port.ts';
import { isUsed, MBR_BYTES, mbrEntries, resizedProtective } from './mbr-sector.ts';

/** Why tables cannot be rewritten, in `feature` of `FORMAT_UNSUPPORTED`. */
function refuse(reason: string): never {
  throw new EngineError('FORMAT_UNSUPPORTED', { feature: reason, table: 'GPT' });
}

/**
 * Both copies of the table and the protective MBR, for `toSectorBytes`.
 * @throws EngineError `FORMAT_UNSUPPORTED` (data: feature, table) where that cannot be; `TARGET_TOO_SMALL`; `READ_FAILED`
 */
export async function convertGpt(
  source: BlockSource,
  gpt: Gpt,
  layout: DiskLayout,
  targetLengthBytes: number,
  toSectorBytes: number,
): Promise<Relocation> {
  const mbr = await readBytes(source, 0, MBR_BYTES);
  if ((mbrEntries(mbr) ?? []).filter(isUsed).length > 1) refuse('a hybrid MBR');
  const good = convertedCopy(gpt.good, gpt.sectorBytes, toSectorBytes);
  if (!good) refuse('partitions that do not lie on such sectors, or leave no room for the table');

  const converted: Gpt = { ...gpt, sectorBytes: toSectorBytes, good, primaryEntriesLba: good.entriesLba };
  const ends = layout.partitions.map(({ startBytes, lengthBytes }) => startBytes + lengthBytes);
  const usable = (Number(good.firstUsableLba) + 1) * toSectorBytes;
  const requiredBytes = Math.max(...ends, primaryEndBytes(converted), usable) + backupBytes(converted);
  if (targetLengthBytes < requiredBytes) {
    throw new EngineError('TARGET_TOO_SMALL', { requiredBytes, targetBytes: targetLengthBytes });
  }

  const sectors = Math.floor(targetLengthBytes / toSectorBytes);
  const array = Buffer.alloc(backupBytes(converted) - toSectorBytes);
  good.entries.copy(array);
  const backupLba = sectors - 1;
  const entriesLba = backupLba - array.length / toSectorBytes;
  const lastUsableLba = entriesLba - 1;
  const first = Buffer.alloc(toSectorBytes);
  resizedProtective(mbr, sectors).copy(first);
  const patches: Patch[] = [
    { offsetBytes: 0, bytes: first },
    {
      offsetBytes: toSectorBytes,
      bytes: movedHeader(good, { lba: 1, alternateLba: backupLba, entriesLba: good.entriesLba, lastUsableLba }),
    },
    { offsetBytes: good.entriesLba * toSectorBytes, bytes: array },
    { offsetBytes: entriesLba * toSectorBytes, bytes: array },
    {
      offsetBytes: backupLba * toSectorBytes,
      bytes: movedHeader(good, { lba: backupLba, alternateLba: 1, entriesLba, lastUsableLba }),
    },
  ];
  const copies = [gpt.primary, gpt.backup].flatMap((copy) => (copy ? gptCopyExtents(copy, gpt.sectorBytes) : []));
  const old = gpt.remains ? [...copies, gpt.remains] : copies;
  const written = patches.map(({ offsetBytes, bytes }) => ({ startBytes: offsetBytes, lengthBytes: bytes.length }));
  return { patches, stale: joinExtents(old), finishing: joinExtents(written) };
}
