/** Tables in an export: formats that have no place for it count in sectors of 512 bytes, and some round the length of a disk up. */
import type { ExportFormat } from '../../contract/import.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import type { ImageWriter } from '../../formats/image-writer.port.ts';
import { gapsIn, joinExtents } from '../../volumes/extents.ts';
import type { Relocation } from '../../volumes/layout.port.ts';
import { readRecordedTables } from '../../inspection/disk-claims.ts';
import { planRelocation } from '../../versions/sector-move.ts';

const COMMON_SECTOR_BYTES = 512;

export interface ExportMove {
  /** null where the bytes stay as they were captured */
  readonly relocation: Relocation | null;
  readonly checks: readonly Check[];
}

/**
 * @param source the template
 * @param table what its version says of the disk
 * @param lengthBytes of the disk in the format
 * @throws EngineError `READ_FAILED` and what reading a template throws
 */
export async function planExportMove(
  source: BlockSource,
  table: string,
  format: Exclude<ExportFormat, 'package'>,
  lengthBytes: number,
): Promise<ExportMove> {
  const tables = await readRecordedTables(source, table);
  const { layout } = tables;
  const ownSectorBytes = layout.table === 'none' ? source.sectorBytes : layout.sectorBytes;
  if (format === 'raw' || format === 'raw.zst') {
    // it may be written back to such a disk
    const isCommon = ownSectorBytes === COMMON_SECTOR_BYTES || layout.table === 'none';
    const data = { sectorBytes: ownSectorBytes };
    return { relocation: null, checks: isCommon ? [] : [{ code: 'SECTOR_SIZE_NOT_TOLD', level: 'warn', data }] };
  }
  const sectorBytes = format === 'vhdx' ? null : COMMON_SECTOR_BYTES;
  if (sectorBytes === null || sectorBytes === ownSectorBytes) {
    if (lengthBytes === source.lengthBytes) return { relocation: null, checks: [] };
    const { relocation } = await planRelocation(source, tables, { lengthBytes, sectorBytes: null });
    return { relocation, checks: [] };
  }
  const { relocation, checks } = await planRelocation(source, tables, { lengthBytes, sectorBytes });
  const told = checks.filter(({ level }) => level !== 'pass').map((check) => ({ ...check, canOverride: false }));
  return { relocation, checks: told };
}

/** @returns a writer that puts the tables of another disk in the place of those that come along */
export function withMovedTables(writer: ImageWriter, { patches, stale }: Relocation): ImageWriter {
  const placeOf = ({ offsetBytes, bytes }: Relocation['patches'][number]): Extent => ({
    startBytes: offsetBytes,
    lengthBytes: bytes.length,
  });
  const covered = joinExtents([...stale, ...patches.map(placeOf)]);
  let next = 0;
  const putBefore = async (offsetBytes: number) => {
    for (; next < patches.length && patches[next].offsetBytes < offsetBytes; next++) {
      await writer.write(patches[next].offsetBytes, patches[next].bytes);
    }
  };
  return {
    lengthBytes: writer.lengthBytes,
    async write(offsetBytes, bytes) {
      const range = { startBytes: offsetBytes, lengthBytes: bytes.length };
      for (const { startBytes, lengthBytes } of gapsIn(range, covered)) {
        await putBefore(startBytes);
        const from = startBytes - offsetBytes;
        await writer.write(startBytes, bytes.subarray(from, from + lengthBytes));
      }
    },
    async finish() {
      await putBefore(Infinity);
      await writer.finish();
    },
    abort: () => writer.abort(),
  };
}
