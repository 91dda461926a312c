/** Place: where everything goes on this target, and what is other there than in the template. */
import { activePatch } from '../../boot-chain/active-partition.ts';
import { movedCorePatches } from '../../boot-chain/moved-core.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { slice } from '../../disk/slice.ts';
import { recogniseSwap } from '../../filesystems/swap/swap.ts';
import { readRecordedTables } from '../../inspection/disk-claims.ts';
import { swapOfLength } from '../../resizing/swap.ts';
import type { ManifestReader } from '../../store/manifest-reader.ts';
import type { ManifestJson } from '../../versions/manifest-json.ts';
import { planRelocation, sectorsOf } from '../../versions/sector-move.ts';
import type { StoredParts } from '../../versions/stored-parts.ts';
import type { Region } from '../../versions/regions.ts';
import { templateSource } from '../../versions/template-source.ts';
import { joinExtents, within, withoutExtents } from '../../volumes/extents.ts';
import type { Patch, Relocation } from '../../volumes/layout.port.ts';
import type { DeployRecord } from '../plan-records.ts';
import { packMember, type PackedMember, type PackedVolume } from './pack-member.ts';
import { isInner } from './plan-inner-volumes.ts';
import { contentPlaces, isInPlace, madeAnew, placesOf } from './plan-volumes.ts';

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
  /** physical volumes whose logical volumes come to lie elsewhere in them */
  readonly packed: readonly PackedMember[];
  /** what makes the target look finished: cleared at the beginning, written at the end; ascending, disjoint */
  readonly finishing: readonly Extent[];
}

/**
 * Works it out from the template once more: a plan keeps decisions, and no bytes.
 * @throws EngineError `PLAN_BLOCKED`, `READ_FAILED` and what reading a template throws
 */
export async function place(
  parts: StoredParts,
  plan: Pick<DeployRecord, 'target' | 'volumes' | 'active'>,
  manifest: ManifestReader,
  json: ManifestJson,
): Promise<Placement> {
  const source = templateSource(parts.index, manifest, json);
  try {
    const tables = await readRecordedTables(source, json.disk.layout.table);
    const places = placesOf(tables, plan.volumes);
    const { relocation, checks } = await planRelocation(
      source,
      tables,
      sectorsOf(plan.target),
      places,
      madeAnew(plan.volumes),
    );
    const boot = [
      ...(await movedCorePatches(source, tables.layout, contentPlaces(tables, plan.volumes))),
      ...(plan.active === null ? [] : [activePatch(plan.active)]),
    ];
    if (relocation) return await placed(source, plan, json, relocation, places, boot);

    const { code, data } = checks.find(({ level }) => level === 'block')!;
    throw new EngineError('PLAN_BLOCKED', { ...data, check: code });
  } finally {
    await source.close();
  }
}

async function placed(
  source: BlockSource,
  { target, volumes }: Pick<DeployRecord, 'target' | 'volumes'>,
  json: ManifestJson,
  { patches, stale, finishing }: Relocation,
  places: readonly Extent[],
  boot: readonly Patch[],
): Promise<Placement> {
  const packed: PackedMember[] = [];
  for (const volume of volumes) {
    if (volume.method === 'repacked') packed.push(await packMember(source, volume, volumes));
  }
  const inner = packed.flatMap((member) => member.volumes);
  const swaps = await madeSwaps(source, volumes, inner);
  const [around, ...regions] = json.regions;
  const edges = edgesOf(target.lengthBytes, json.disk.layout.lengthBytes);
  return {
    changes: [...patches, ...packed.flatMap((member) => member.patches), ...swaps, ...boot],
    // where the old table ended, a partition may be now
    leftOut: withoutExtents(stale, places),
    regions: [around, ...regions.map((region) => regionOnTarget(region, volumes))],
    taken: withoutExtents(places, regions),
    packed,
    finishing: joinExtents([...finishing, ...edges]),
  };
}

function regionOnTarget(region: Region, volumes: readonly VolumePlan[]): Region | null {
  const planned = volumes.find(({ beforeStartBytes }) => beforeStartBytes === region.startBytes);
  if (!planned) return region;
  return !isInPlace(planned) ? null : { startBytes: planned.startBytes, lengthBytes: region.lengthBytes };
}

/** Headers of swap areas of another length. @param inner those that lie in groups */
async function madeSwaps(
  source: BlockSource,
  volumes: readonly VolumePlan[],
  inner: readonly PackedVolume[],
): Promise<Patch[]> {
  const onDisk = volumes
    .filter((volume) => !isInner(volume))
    .map((plan) => ({ plan, before: slice(source, plan.beforeStartBytes, plan.beforeBytes), place: plan }));
  const patches: Patch[] = [];
  for (const { plan, before, place } of [...onDisk, ...inner]) {
    if (plan.method !== 'made') continue;
    const area = await recogniseSwap(before);
    if (!area) continue;
    const { offsetBytes, bytes } = await swapOfLength(before, area, plan.lengthBytes);
    patches.push({ offsetBytes: place.startBytes + offsetBytes, bytes });
  }
  return patches;
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
