/** Headers and regions of a VHDX: [MS-VHDX] 2.2. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { checkInFile } from '../truncated.ts';
import {
  FILE_SIGNATURE,
  HEADER_OFFSETS,
  MIB,
  REGION,
  REGION_TABLE_BYTES,
  REGION_TABLE_OFFSETS,
  regionEntry,
  regionTable,
  vhdxChecksum,
  vhdxHeader,
} from './struct.ts';

export type VhdxHeader = ReturnType<typeof vhdxHeader.read>;

export interface TableRegion {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

const REGIONS_MAX = 2047;

export async function isVhdx(file: BlockSource): Promise<boolean> {
  if (file.lengthBytes < 8) return false;
  return (await readBytes(file, 0, 8)).toString('latin1') === FILE_SIGNATURE;
}

/**
 * @returns the header that counts
 * @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED`
 */
export async function readHeader(file: BlockSource): Promise<VhdxHeader> {
  checkInFile('header', file, 0, MIB);
  const sound: VhdxHeader[] = [];
  for (const offset of HEADER_OFFSETS) {
    const bytes = await readBytes(file, offset, vhdxHeader.size);
    const header = vhdxHeader.read(bytes);
    if (header.signature === 'head' && vhdxChecksum(bytes) === header.checksum) sound.push(header);
  }
  sound.sort((a, b) => (a.sequenceNumber < b.sequenceNumber ? 1 : -1));
  const header = sound.at(0);
  if (!header) throw new EngineError('FORMAT_INVALID', { checksum: 'both headers' });
  if (header.version !== 1) throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VHDX version ${header.version}` });
  return header;
}

/**
 * @param file as it is after its log was replayed
 * @returns where the BAT and the metadata are
 * @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`; `FORMAT_UNSUPPORTED` for required regions of other kinds
 */
export async function readRegions(file: BlockSource): Promise<{ bat: TableRegion; metadata: TableRegion }> {
  const table = await soundTable(file);
  const { entryCount } = regionTable.read(table);
  checkRange('EntryCount', entryCount, 0, REGIONS_MAX);
  const regions = new Map<string, TableRegion>();
  for (let i = 0; i < entryCount; i++) {
    const entry = regionEntry.read(table, regionTable.size + i * regionEntry.size);
    const isKnown = entry.guid === REGION.BAT || entry.guid === REGION.METADATA;
    if (!isKnown && entry.required & 1)
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: `VHDX region ${entry.guid}` });
    if (!isKnown) continue;
    const offsetBytes = checkRange('FileOffset', Number(entry.fileOffset), MIB, Number.MAX_SAFE_INTEGER);
    checkInFile('FileOffset', file, offsetBytes, entry.length);
    regions.set(entry.guid, { offsetBytes, lengthBytes: entry.length });
  }
  const [bat, metadata] = [regions.get(REGION.BAT), regions.get(REGION.METADATA)];
  if (!bat || !metadata) throw new EngineError('FORMAT_INVALID', { field: 'region', value: bat ? 'metadata' : 'BAT' });
  return { bat, metadata };
}

async function soundTable(file: BlockSource): Promise<Buffer> {
  for (const offset of REGION_TABLE_OFFSETS) {
    const bytes = await readBytes(file, offset, REGION_TABLE_BYTES);
    const { signature, checksum } = regionTable.read(bytes);
    if (signature === 'regi' && vhdxChecksum(bytes) === checksum) return bytes;
  }
  throw new EngineError('FORMAT_INVALID', { checksum: 'both region tables' });
}
