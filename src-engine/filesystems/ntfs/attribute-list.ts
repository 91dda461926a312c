/**
 * The list of a file's attributes, which a file has whose attributes need more than one record: Linux-NTFS, "NTFS
 * Documentation", chapter "$ATTRIBUTE_LIST".
 */
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { struct, u16le, u32le, u64le, u8 } from '../../core/struct.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { ATTRIBUTE, type NonResidentAttribute } from './attributes.ts';
import type { NtfsGeometry } from './boot-sector.ts';
import { fileReference, type MftRecord } from './records.ts';
import { decodeRuns } from './runs.ts';

/** Windows makes none that are longer. */
const LIST_BYTES_MAX = 256 * 1024;

const layout = struct(26, {
  type: u32le(0),
  length: u16le(4),
  nameLength: u8(6),
  nameOffset: u8(7),
  lowestVcn: u64le(8),
  reference: u64le(16),
});

/** Says in which record an attribute, or a part of one, stands. */
export interface AttributePlace {
  readonly type: number;
  readonly name: string;
  readonly lowestVcn: number;
  readonly record: number;
}

/**
 * @returns null where the record has no list: all attributes are its own
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function readAttributeList(
  source: BlockSource,
  geometry: NtfsGeometry,
  record: MftRecord,
): Promise<AttributePlace[] | null> {
  const list = record.attributes.find((attribute) => attribute.type === ATTRIBUTE.ATTRIBUTE_LIST);
  if (!list) return null;
  return parseList(list.value ?? (await readList(source, geometry, list)));
}

/** The list of a list is nowhere: all its runs stand in the record. */
async function readList(source: BlockSource, geometry: NtfsGeometry, list: NonResidentAttribute): Promise<Buffer> {
  const { clusterBytes, clusterCount } = geometry;
  const bytes = Buffer.alloc(checkRange('length of an attribute list', list.dataBytes, 0, LIST_BYTES_MAX));
  let done = 0;
  for (const { lcn, count } of decodeRuns(list, clusterCount)) {
    const piece = bytes.subarray(done, done + count * clusterBytes);
    if (lcn !== null && piece.length > 0) await source.readInto(lcn * clusterBytes, piece);
    done += piece.length;
  }
  checkRange('runs of an attribute list', done, bytes.length, bytes.length);
  return bytes.subarray(0, Math.min(bytes.length, list.initializedBytes));
}

function parseList(bytes: Buffer): AttributePlace[] {
  const places: AttributePlace[] = [];
  for (let at = 0; at < bytes.length;) {
    const e = layout.read(bytes, at);
    checkRange('length of a list entry', e.length, layout.size, bytes.length - at);
    checkSpan('name in a list entry', e.nameLength && e.nameOffset, 2 * e.nameLength, e.length);
    const nameAt = at + e.nameOffset;
    places.push({
      type: e.type,
      name: bytes.toString('utf16le', nameAt, nameAt + 2 * e.nameLength),
      lowestVcn: checkRange('lowest VCN', Number(e.lowestVcn), 0, Number.MAX_SAFE_INTEGER),
      record: fileReference(e.reference).record,
    });
    at += e.length;
  }
  return places;
}
