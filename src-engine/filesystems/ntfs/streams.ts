/** The value of an attribute, wherever the parts of it stand. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { readAttributeList, type AttributePlace } from './attribute-list.ts';
import type { Attribute, ATTRIBUTE, NonResidentAttribute } from './attributes.ts';
import { readRecord, type MftRecord, type NtfsVolume } from './records.ts';
import { decodeRuns, type ClusterRun } from './runs.ts';

/** A value in clusters. */
export interface ClusterStream {
  /** the first part: its sizes are those of the whole */
  readonly head: NonResidentAttribute;
  /**
   * The runs in ascending order without gaps, a batch for a part; begins with the part that `vcn` lies in.
   * @throws EngineError `FORMAT_INVALID` where a part is missing, `READ_FAILED`
   */
  runsFrom(vcn: number): AsyncGenerator<readonly ClusterRun[]>;
}

/** A value that stands in a record, or one in clusters. */
export type AttributeValue = { readonly value: Buffer } | ClusterStream;

/** @returns null where the file has no such attribute */
export async function openAttribute(
  ntfs: NtfsVolume,
  record: MftRecord,
  type: number,
  name = '',
): Promise<AttributeValue | null> {
  const list = await readAttributeList(ntfs.source, ntfs.geometry, record);
  const places = list
    ? list.filter((place) => place.type === type && place.name === name)
    : record.attributes
        .filter((attribute) => attribute.type === type && attribute.name === name)
        .map((attribute) => placeOf(attribute, record));
  if (places.length === 0) return null;
  const head = await readPart(ntfs, record, places[0]);
  if (head.value !== null) return { value: head.value };
  checkRange('first part of an attribute', head.lowestVcn, 0, 0);
  for (let i = 1; i < places.length; i++) {
    checkRange('part of an attribute', places[i].lowestVcn, places[i - 1].lowestVcn + 1, Number.MAX_SAFE_INTEGER);
  }
  return { head, runsFrom: runReader(ntfs, record, places) };
}

function placeOf(attribute: Attribute, record: MftRecord): AttributePlace {
  const lowestVcn = attribute.value === null ? attribute.lowestVcn : 0;
  return { type: attribute.type, name: attribute.name, lowestVcn, record: record.number };
}

async function readPart(ntfs: NtfsVolume, base: MftRecord, place: AttributePlace): Promise<Attribute> {
  const record = await partOf(ntfs, base, place.record);
  const found = record.attributes.find((attribute) => {
    const { type, name, lowestVcn } = placeOf(attribute, record);
    return type === place.type && name === place.name && lowestVcn === place.lowestVcn;
  });
  if (!found) throw new EngineError('FORMAT_INVALID', { field: 'attribute', value: String(place.type) });
  return found;
}

/** @throws EngineError `FORMAT_INVALID` where the record belongs to another file */
async function partOf(ntfs: NtfsVolume, base: MftRecord, number: number): Promise<MftRecord> {
  if (number === base.number) return base;
  const record = await readRecord(ntfs, number);
  checkRange('base of a record', record.baseRecord, base.number, base.number);
  return record;
}

function runReader(ntfs: NtfsVolume, base: MftRecord, places: readonly AttributePlace[]): ClusterStream['runsFrom'] {
  // who reads a file from its beginning to its end asks for the runs of one part many times
  let lastIndex = -1;
  let lastRuns: readonly ClusterRun[] = [];

  async function runsOf(index: number): Promise<readonly ClusterRun[]> {
    if (index === lastIndex) return lastRuns;
    const part = await readPart(ntfs, base, places[index]);
    if (part.value !== null)
      throw new EngineError('FORMAT_INVALID', { field: 'part of an attribute', value: 'resident' });
    const runs = decodeRuns(part, ntfs.geometry.clusterCount);
    lastIndex = index;
    lastRuns = runs;
    return runs;
  }

  return async function* runsFrom(vcn) {
    let index = places.findLastIndex((place) => place.lowestVcn <= vcn);
    let nextVcn = places[index].lowestVcn;
    for (; index < places.length; index++) {
      checkRange('part of an attribute', places[index].lowestVcn, nextVcn, nextVcn);
      const runs = await runsOf(index);
      yield runs;
      const last = runs.at(-1);
      if (last) nextVcn = last.vcn + last.count;
    }
  };
}

/**
 * Every attribute of a file, in batches: those of a record each. Parts of an attribute come one by one.
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function* allAttributes(ntfs: NtfsVolume, record: MftRecord): AsyncGenerator<readonly Attribute[]> {
  yield record.attributes;
  const list = (await readAttributeList(ntfs.source, ntfs.geometry, record)) ?? [];
  const others = new Set(list.map((place) => place.record));
  others.delete(record.number);
  for (const number of others) yield (await partOf(ntfs, record, number)).attributes;
}

/** The value of an attribute that always stands in the file's first record, and whole. */
export function residentValue(record: MftRecord, type: number): Buffer | null {
  const found = record.attributes.find((attribute) => attribute.type === type);
  if (!found) return null;
  if (found.value === null)
    throw new EngineError('FORMAT_INVALID', { field: 'resident attribute', value: String(type) });
  return found.value;
}

/** What a file system has no sense without. */
export function required<T>(value: T | null, type: keyof typeof ATTRIBUTE): T {
  if (value === null) throw new EngineError('FORMAT_INVALID', { field: type, value: 'missing' });
  return value;
}
