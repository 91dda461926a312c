/** What the header of a sparse extent says, checked: hosted (KDMV), and ESX's own (COWD). */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { checkInFile, truncated } from '../truncated.ts';
import {
  COMPRESSION_DEFLATE,
  ESX_MAGIC,
  ESX_TABLE_ENTRIES,
  esxHeader,
  GD_AT_END,
  HOSTED_FLAG,
  HOSTED_MAGIC,
  hostedHeader,
  NEW_LINES,
  SE_SPARSE_MAGIC,
  SECTOR_BYTES,
} from './struct.ts';

export interface SparseHeader {
  readonly lengthBytes: number;
  readonly grainBytes: number;
  readonly tableEntries: number;
  readonly directoryOffset: number;
  readonly isPacked: boolean;
  readonly hasMarkers: boolean;
  readonly hasZeroGrains: boolean;
  /** where the text is that describes the disk; length 0 where there is none */
  readonly descriptorOffset: number;
  readonly descriptorBytes: number;
}

const GRAIN_SECTORS_MAX = 4096;
const TABLE_ENTRIES_MAX = 4096;
/** As VMware: 62 TB, and a little more. */
const CAPACITY_MAX = 2 ** 37;
/** 2^37 sectors of grains of 4 KiB, of which a table has 512. */
const DIRECTORY_ENTRIES_MAX = 2 ** 25;
const DESCRIPTOR_SECTORS_MAX = 2048;
/** A stream ends with the marker of the footer, the footer, and the marker of the end. */
const FOOTER_FROM_END_BYTES = 1024;

/**
 * @returns null where the file is no sparse extent
 * @throws EngineError `FORMAT_INVALID`, `FILE_TRUNCATED`, `FORMAT_UNSUPPORTED`
 */
export async function readSparseHeader(file: BlockSource): Promise<SparseHeader | null> {
  if (file.lengthBytes < 8) return null;
  const start = await readBytes(file, 0, Math.min(SECTOR_BYTES, file.lengthBytes));
  const magic = start.readUInt32LE(0);
  if (start.readBigUInt64LE(0) === SE_SPARSE_MAGIC) throw unsupported('VMDK SE sparse extent');
  if (magic !== HOSTED_MAGIC && magic !== ESX_MAGIC) return null;
  checkInFile('header', file, 0, SECTOR_BYTES);
  return magic === HOSTED_MAGIC ? readHosted(file, start) : readEsx(file, start);
}

async function readHosted(file: BlockSource, start: Buffer): Promise<SparseHeader> {
  const first = hostedHeader.read(start);
  const isStream = first.gdOffset === GD_AT_END;
  const fields = isStream ? await readFooter(file) : first;
  const { version, flags, compressAlgorithm } = fields;
  if (version < 1 || version > 3) throw unsupported(`VMDK version ${version}`);
  if (flags & HOSTED_FLAG.NEW_LINES && !fields.newLines.equals(NEW_LINES)) {
    throw new EngineError('FORMAT_INVALID', { field: 'line ends: transferred as text' });
  }
  const isPacked = (flags & HOSTED_FLAG.COMPRESSED) !== 0;
  if (isPacked && compressAlgorithm !== COMPRESSION_DEFLATE) throw unsupported(`VMDK compression ${compressAlgorithm}`);
  const capacity = checkRange('capacity', Number(fields.capacity), 0, CAPACITY_MAX);
  const grainSectors = powerOfTwo('grainSize', Number(fields.grainSize), GRAIN_SECTORS_MAX);
  const tableEntries = powerOfTwo('numGTEsPerGT', fields.numGTEsPerGT, TABLE_ENTRIES_MAX);
  const entries = checkRange('capacity', Math.ceil(capacity / (grainSectors * tableEntries)), 0, DIRECTORY_ENTRIES_MAX);
  const places = [fields.gdOffset, ...(flags & HOSTED_FLAG.REDUNDANT_TABLES ? [fields.rgdOffset] : [])];
  const descriptorSectors = fields.descriptorOffset === 0n ? 0 : Number(first.descriptorSize);
  return {
    lengthBytes: capacity * SECTOR_BYTES,
    grainBytes: grainSectors * SECTOR_BYTES,
    tableEntries,
    directoryOffset: directoryAt(file, places.map(Number), entries),
    isPacked,
    hasMarkers: (flags & HOSTED_FLAG.MARKERS) !== 0,
    hasZeroGrains: (flags & HOSTED_FLAG.ZERO_GRAINS) !== 0,
    descriptorOffset: Number(first.descriptorOffset) * SECTOR_BYTES,
    descriptorBytes: checkRange('descriptorSize', descriptorSectors, 0, DESCRIPTOR_SECTORS_MAX) * SECTOR_BYTES,
  };
}

async function readFooter(file: BlockSource) {
  const offset = file.lengthBytes - FOOTER_FROM_END_BYTES;
  const bytes = offset >= SECTOR_BYTES ? await readBytes(file, offset, SECTOR_BYTES) : null;
  // how much of a stream is missing cannot be known: its end, at least
  if (bytes?.readUInt32LE(0) !== HOSTED_MAGIC) throw truncated(file, file.lengthBytes + FOOTER_FROM_END_BYTES);
  const footer = hostedHeader.read(bytes);
  if (footer.gdOffset === GD_AT_END) throw new EngineError('FORMAT_INVALID', { field: 'gdOffset', value: 'at end' });
  return footer;
}

/** The first of the directories (the second is a copy) that is all in the file. */
function directoryAt(file: BlockSource, sectors: readonly number[], entries: number): number {
  const usable = sectors.find((sector) => sector > 0 && sector * SECTOR_BYTES + entries * 4 <= file.lengthBytes);
  const offset = (usable ?? sectors[0]) * SECTOR_BYTES;
  if (entries > 0) {
    checkRange('gdOffset', offset, SECTOR_BYTES, Number.MAX_SAFE_INTEGER);
    checkInFile('gdOffset', file, offset, entries * 4);
  }
  return offset;
}

function readEsx(file: BlockSource, start: Buffer): SparseHeader {
  const fields = esxHeader.read(start);
  if (fields.version !== 1) throw unsupported(`ESX sparse extent version ${fields.version}`);
  const grainSectors = powerOfTwo('grainSize', fields.grainSize, GRAIN_SECTORS_MAX);
  const entries = Math.ceil(fields.numSectors / (grainSectors * ESX_TABLE_ENTRIES));
  checkRange('numGDEntries', fields.numGDEntries, entries, DIRECTORY_ENTRIES_MAX);
  return {
    lengthBytes: fields.numSectors * SECTOR_BYTES,
    grainBytes: grainSectors * SECTOR_BYTES,
    tableEntries: ESX_TABLE_ENTRIES,
    directoryOffset: directoryAt(file, [fields.gdOffset], entries),
    isPacked: false,
    hasMarkers: false,
    hasZeroGrains: false,
    descriptorOffset: 0,
    descriptorBytes: 0,
  };
}

function powerOfTwo(field: string, value: number, max: number): number {
  checkRange(field, value, 1, max);
  if (!Number.isInteger(Math.log2(value))) throw new EngineError('FORMAT_INVALID', { field, value: String(value) });
  return value;
}

function unsupported(feature: string): EngineError {
  return new EngineError('FORMAT_UNSUPPORTED', { feature });
}
