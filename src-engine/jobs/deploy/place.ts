/** Place: where everything goes on this target, and what is other there than in the template. */
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import { readRecordedTables } from '../../inspection/disk-claims.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import { planRelocation, sectorsOf } from '../../versions/sector-move.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import type { Region } from '../../versions/regions.ts';
import { templateSource } from '../../versions/template-source.ts';
import { joinExtents, within } from '../../volumes/extents.ts';
import type { Patch } from '../../volumes/layout.port.ts';
import type { DeployRecord } from '../plan-records.ts';

/**
 * What a disk is known by lies in its first and last 1 MiB, whoever looks: tables; superblocks, of which those of Btrfs, ReiserFS and
 * UDF lie up to 256 KiB from the start; labels of RAID members, of ZFS and a copy of NILFS's superblock at the end.
 */
const EDGE_BYTES = 1024 * 1024;

export interface Placement {
  /** bytes that replace the template's: tables of the target's size and sectors, boot sectors of its sectors */
  readonly changes: readonly Patch[];
  /** of the template, not written where no change covers it */
  readonly leftOut: readonly Extent[];
  /** where each region of the template goes, in their order; null: it is not written from the template as it is */
  readonly regions: readonly (Region | null)[];
  /** partitions that come to lie where there was none: what lies around partitions has no place there */
  readonly taken: readonly Extent[];
  /** what makes the target look finished: cleared at the beginning, written at the end; ascending, disjoint */
  readonly finishing: readonly Extent[];
}

/**
 * Works it out from the template once more: a plan keeps decisions, and no bytes.
 * @throws EngineError `PLAN_BLOCKED`, `READ_FAILED` and what reading a template throws
 */
export async function place(
  parts: StoredParts,
  plan: Pick<DeployRecord, 'target'>,
  manifest: ManifestReader,
  json: ManifestJson,
): Promise<Placement> {
  const source = templateSource(parts.index, manifest, json);
  const { relocation, checks } = await readRecordedTables(source, json.disk.layout.table)
    .then((tables) => planRelocation(source, tables, sectorsOf(plan.target)))
    .finally(() => source.close());
  if (!relocation) {
    const { code, data } = checks.find(({ level }) => level === 'block')!;
    throw new EngineError('PLAN_BLOCKED', { ...data, check: code });
  }
  const { patches, stale, finishing } = relocation;
  const edges = edgesOf(plan.target.lengthBytes, json.disk.layout.lengthBytes);
  return {
    changes: patches,
    leftOut: stale,
    regions: json.regions,
    taken: [],
    finishing: joinExtents([...finishing, ...edges]),
  };
}

/** Both ends of a target, and where the end of the template comes to lie on it. */
export function edgesOf(targetBytes: number, templateBytes: number): Extent[] {
  const disk = { startBytes: 0, lengthBytes: targetBytes };
  const edges = [0, targetBytes - EDGE_BYTES, templateBytes - EDGE_BYTES].map((startBytes) => ({
    startBytes,
    lengthBytes: EDGE_BYTES,
  }));
  return joinExtents(within(disk, edges));
}
