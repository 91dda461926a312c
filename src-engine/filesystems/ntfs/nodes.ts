/** What an MFT record says of a file: Linux-NTFS, "NTFS Documentation", chapters "$STANDARD_INFORMATION" and "$FILE_NAME". */
import { struct, u32le, u64le, u8 } from '../../core/struct.ts';
import type { FileKind } from '../../contract/files.contract.ts';
import type { FileNode } from '../file-tree.port.ts';
import { ATTRIBUTE } from './attributes.ts';
import { contentOf } from './contents.ts';
import { interixKind } from './interix.ts';
import type { MftRecord, NtfsVolume } from './records.ts';
import { readReparsePoint } from './reparse-points.ts';
import { openAttribute, required, residentValue } from './streams.ts';

const standardLayout = struct(36, { modified: u64le(8), attributes: u32le(32) });
const nameLayout = struct(66, { nameType: u8(65) });
const DOS_NAME = 2;

export const FILE_ATTRIBUTE = { HIDDEN: 0x2, SYSTEM: 0x4, REPARSE_POINT: 0x400 } as const;

/** From 1601 to 1970. */
const EPOCH_MS = 11_644_473_600_000;
/** The last moment that a Date can tell. */
const DATE_MS_MAX = 8.64e15;

/** A file that was read from its record. */
export interface NtfsFile {
  readonly record: MftRecord;
  /** see {@link FILE_ATTRIBUTE} */
  readonly attributes: number;
  readonly modifiedMs: number | null;
  readonly kind: FileKind;
}

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function fileOf(ntfs: NtfsVolume, record: MftRecord): Promise<NtfsFile> {
  const value = required(residentValue(record, ATTRIBUTE.STANDARD_INFORMATION), 'STANDARD_INFORMATION');
  const { attributes, modified } = standardLayout.read(value);
  return { record, attributes, modifiedMs: dateOf(modified), kind: await kindOf(ntfs, record, attributes) };
}

async function kindOf(ntfs: NtfsVolume, record: MftRecord, attributes: number): Promise<FileKind> {
  if (attributes & FILE_ATTRIBUTE.REPARSE_POINT) {
    const { kind } = await readReparsePoint(ntfs, record);
    if (kind !== null) return kind;
  }
  if (record.isFolder) return 'folder';
  if ((attributes & FILE_ATTRIBUTE.SYSTEM) === 0) return 'file';
  const data = await openAttribute(ntfs, record, ATTRIBUTE.DATA);
  if (data === null || ('head' in data && data.head.isEncrypted)) return 'file';
  return interixKind(contentOf(ntfs, data), (attributes & FILE_ATTRIBUTE.HIDDEN) !== 0);
}

/** @throws EngineError `FORMAT_INVALID`, `READ_FAILED` */
export async function nodeOf(ntfs: NtfsVolume, { record, modifiedMs, kind }: NtfsFile): Promise<FileNode> {
  return {
    id: String(record.number),
    kind,
    lengthBytes: kind === 'file' ? await lengthOf(ntfs, record) : 0,
    modifiedMs,
    mode: null,
    ownerId: null,
    groupId: null,
    linkCount: record.linkCount - dosNames(record),
  };
}

async function lengthOf(ntfs: NtfsVolume, record: MftRecord): Promise<number> {
  const data = await openAttribute(ntfs, record, ATTRIBUTE.DATA);
  if (data === null) return 0;
  return 'value' in data ? data.value.length : data.head.dataBytes;
}

/** @param ticks of 100 nanoseconds since 1601; 0 where no time was set */
function dateOf(ticks: bigint): number | null {
  const ms = Number(ticks / 10_000n) - EPOCH_MS;
  return ticks === 0n || ms > DATE_MS_MAX ? null : ms;
}

/** A file has one at most; where it has, that name counts as one of its own. */
function dosNames(record: MftRecord): number {
  const isDosName = record.attributes.some((attribute) => {
    if (attribute.type !== ATTRIBUTE.FILE_NAME || attribute.value === null) return false;
    return nameLayout.read(attribute.value).nameType === DOS_NAME;
  });
  return isDosName ? Math.min(1, record.linkCount) : 0;
}
