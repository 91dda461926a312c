/** Records of the master file table: Linux-NTFS, "NTFS Documentation", chapter "FILE Record". */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { struct, u16le, u32le, u64le } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { FileContent } from '../file-tree.port.ts';
import { parseAttributes, type Attribute } from './attributes.ts';
import type { NtfsGeometry } from './boot-sector.ts';
import { applyFixups } from './fixups.ts';

const layout = struct(42, {
  sequence: u16le(16),
  linkCount: u16le(18),
  attributesOffset: u16le(20),
  flags: u16le(22),
  bytesInUse: u32le(24),
  baseRecord: u64le(32),
});

const IN_USE = 1;
const IS_FOLDER = 2;

/** Records of NTFS itself, with fixed numbers. */
export const RECORD = { MFT: 0, LOG_FILE: 2, VOLUME: 3, ROOT: 5, BITMAP: 6, UPCASE: 10, FIRST_USER: 16 } as const;

/** An opened volume: what is needed to read any of its records. */
export interface NtfsVolume {
  readonly source: BlockSource;
  readonly geometry: NtfsGeometry;
  /** the content of $MFT */
  readonly mft: FileContent;
}

export interface MftRecord {
  readonly number: number;
  readonly sequence: number;
  readonly isFolder: boolean;
  /** names that it has, short names of DOS among them */
  readonly linkCount: number;
  /** the record that this one goes on with the attributes of; 0 for one that stands for a file (none goes on with $MFT but $MFT) */
  readonly baseRecord: number;
  readonly attributes: readonly Attribute[];
}

/** Refers to a record: its number, and how often it had been used anew when the reference was made (0: not known). */
export interface FileReference {
  readonly record: number;
  readonly sequence: number;
}

/** 48 bits of number, 16 bits of sequence. */
export function fileReference(bits: bigint): FileReference {
  return { record: Number(bits & 0xffff_ffff_ffffn), sequence: Number(bits >> 48n) };
}

/**
 * @param bytes a record as it lies on the disk; changed by this
 * @throws EngineError `FORMAT_INVALID` where it is damaged or not in use
 */
export function parseRecord(bytes: Buffer, number: number): MftRecord {
  applyFixups(bytes, 'FILE');
  const r = layout.read(bytes);
  if ((r.flags & IN_USE) === 0)
    throw new EngineError('FORMAT_INVALID', { field: 'record in use', value: String(number) });
  checkRange('bytes in use', r.bytesInUse, layout.size, bytes.length);
  return {
    number,
    sequence: r.sequence,
    isFolder: (r.flags & IS_FOLDER) !== 0,
    linkCount: r.linkCount,
    baseRecord: fileReference(r.baseRecord).record,
    attributes: parseAttributes(bytes.subarray(0, r.bytesInUse), r.attributesOffset),
  };
}

/** @throws EngineError `FORMAT_INVALID` where there is no such record, or it is damaged or not in use; `READ_FAILED` */
export async function readRecord({ mft, geometry }: NtfsVolume, number: number): Promise<MftRecord> {
  const { recordBytes } = geometry;
  checkRange('number of a record', number, 0, Math.floor(mft.lengthBytes / recordBytes) - 1);
  const bytes = Buffer.allocUnsafe(recordBytes);
  await mft.readInto(number * recordBytes, bytes);
  return parseRecord(bytes, number);
}

/**
 * The record of a file.
 * @throws EngineError `FORMAT_INVALID` also where the record stands for another file by now, or is only a part of one
 */
export async function readFileRecord(ntfs: NtfsVolume, { record, sequence }: FileReference): Promise<MftRecord> {
  const found = await readRecord(ntfs, record);
  checkRange('base of a record', found.baseRecord, 0, 0);
  if (sequence !== 0) checkRange('sequence of a record', found.sequence, sequence, sequence);
  return found;
}
