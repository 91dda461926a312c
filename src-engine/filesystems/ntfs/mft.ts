/** $MFT: the file that all records stand in, its own among them. */
import { checkRange } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { mappedContent } from '../mapped-content.ts';
import { readAttributeList } from './attribute-list.ts';
import { ATTRIBUTE, type NonResidentAttribute } from './attributes.ts';
import type { NtfsGeometry } from './boot-sector.ts';
import { fileRuns } from './file-runs.ts';
import { parseRecord, readRecord, RECORD, type MftRecord, type NtfsVolume } from './records.ts';
import { decodeRuns, type ClusterRun } from './runs.ts';

/** All runs of $MFT are kept. A volume that is full of small fragments has some thousands. */
const MFT_RUNS_MAX = 262_144;

/**
 * @param source small reads of it should be cheap: records are read one by one
 * @throws EngineError `FORMAT_INVALID`, `READ_FAILED`
 */
export async function openMft(source: BlockSource, geometry: NtfsGeometry): Promise<NtfsVolume> {
  const { clusterBytes, recordBytes } = geometry;
  // the first record is whole at this place, as are all that the parts of $MFT behind it are told by
  const first = parseRecord(await readBytes(source, geometry.mftLcn * clusterBytes, recordBytes), RECORD.MFT);
  const head = dataPart(first, 0);
  const lengthBytes = Math.min(head.dataBytes, head.initializedBytes);
  const runs = decodeRuns(head, geometry.clusterCount);
  const mft = mappedContent(source, lengthBytes, async function* (offsetBytes) {
    yield* fileRuns(runs, clusterBytes, offsetBytes, lengthBytes);
  });
  const ntfs: NtfsVolume = { source, geometry, mft };

  for (const place of (await readAttributeList(source, geometry, first)) ?? []) {
    if (place.type !== ATTRIBUTE.DATA || place.name !== '' || place.lowestVcn === 0) continue;
    checkRange('part of $MFT', place.lowestVcn, endOf(runs), endOf(runs));
    // the part of $MFT that holds this record is known by now, or it is zeros and no record
    const part = dataPart(await readRecord(ntfs, place.record), place.lowestVcn);
    runs.push(...decodeRuns(part, geometry.clusterCount));
    checkRange('runs of $MFT', runs.length, 1, MFT_RUNS_MAX);
  }
  checkRange('end of $MFT', lengthBytes, recordBytes * RECORD.FIRST_USER, endOf(runs) * clusterBytes);
  return ntfs;
}

function dataPart(record: MftRecord, lowestVcn: number): NonResidentAttribute {
  for (const attribute of record.attributes) {
    const isData = attribute.type === ATTRIBUTE.DATA && attribute.name === '' && attribute.value === null;
    if (isData && attribute.lowestVcn === lowestVcn) return attribute;
  }
  throw new EngineError('FORMAT_INVALID', { field: '$DATA of $MFT', value: String(lowestVcn) });
}

function endOf(runs: readonly ClusterRun[]): number {
  const last = runs.at(-1);
  return last ? last.vcn + last.count : 0;
}
