/** A physical volume whose logical volumes are put one behind the other: where each piece of it goes, and its label and text. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { slice } from '../../disk/slice.ts';
import type { InnerVolume } from '../../volumes/group.port.ts';
import { withoutExtents } from '../../volumes/extents.ts';
import type { Patch } from '../../volumes/layout.port.ts';
import { isPlain, repackedMember } from '../../volumes/lvm2/repack.ts';
import { mappedSource } from '../../volumes/mapped-source.ts';
import { patchesAt } from '../../volumes/patches.ts';
import { isFromScratch } from './plan-volumes.ts';
import { extentOf } from './overlay.ts';
import { groupOn, notResized } from './not-resized.ts';

export interface PackedVolume {
  readonly plan: VolumePlan;
  /** as the template has it */
  readonly before: BlockSource;
  /** on the target */
  readonly place: Extent;
}

/** Bytes of the partition as it was captured, and where they go. */
export interface Route {
  readonly from: Extent;
  /** null: to the target itself */
  readonly volume: PackedVolume | null;
  /** on the target, or in the volume */
  readonly toBytes: number;
}

export interface PackedMember {
  readonly plan: VolumePlan;
  /** in the order in which they come to lie */
  readonly volumes: readonly PackedVolume[];
  /** ascending, disjoint; what has none is not needed any more */
  readonly routes: readonly Route[];
  /** of the target: label and text */
  readonly patches: readonly Patch[];
}

/**
 * @param disk the template's @param plans all of the deploy's
 * @throws EngineError `RESIZE_CONTRADICTED` where the group is not what the plan has seen; `FORMAT_INVALID`, `FORMAT_UNSUPPORTED`, `READ_FAILED`
 */
export async function packMember(
  disk: BlockSource,
  plan: VolumePlan,
  plans: readonly VolumePlan[],
): Promise<PackedMember> {
  const member = slice(disk, plan.beforeStartBytes, plan.beforeBytes);
  const group = await groupOn(member, plan.volume);
  const { allocatable } = group.members[0];
  const inOrder = group.volumes.toSorted((a, b) => startOf(a) - startOf(b));
  const planned = inOrder.map((inner) => {
    const own = plans.find(({ volume }) => volume === `${group.name}/${inner.name}`);
    if (!own || own.beforeBytes !== inner.lengthBytes || !isPlain(inner)) throw notResized(plan.volume, 'group');
    return { inner, plan: own };
  });
  const { patches, places } = await repackedMember(
    member,
    plan.lengthBytes,
    planned.map(({ inner, plan: own }) => ({ name: inner.name, lengthBytes: own.lengthBytes })),
  );
  const volumes = planned.map(({ inner, plan: own }, i) => ({
    plan: own,
    before: mappedSource([member], inner.copies[0], inner.lengthBytes),
    place: { startBytes: plan.startBytes + places[i].startBytes, lengthBytes: places[i].lengthBytes },
  }));
  const head = { startBytes: 0, lengthBytes: allocatable!.startBytes };
  const routes: Route[] = withoutExtents([head], patches.map(extentOf)).map((from) => ({
    from,
    volume: null,
    toBytes: plan.startBytes + from.startBytes,
  }));
  for (const [i, { inner }] of planned.entries()) routes.push(...routesOf(inner, volumes[i]));
  return {
    plan,
    volumes,
    routes: routes.toSorted((a, b) => a.from.startBytes - b.from.startBytes),
    patches: patchesAt(plan.startBytes, patches),
  };
}

const startOf = ({ copies }: InnerVolume) => copies.at(0)?.at(0)?.columns[0].startBytes ?? 0;

function routesOf({ copies }: InnerVolume, volume: PackedVolume): Route[] {
  const isScratch = isFromScratch(volume.plan);
  // of a swap area that becomes shorter, the end is nothing
  const endBytes = isScratch ? volume.plan.beforeBytes : Math.min(volume.plan.beforeBytes, volume.place.lengthBytes);
  return copies[0].flatMap(({ startBytes, lengthBytes, columns }): Route[] => {
    const length = Math.min(lengthBytes, endBytes - startBytes);
    if (length <= 0) return [];
    const from = { startBytes: columns[0].startBytes, lengthBytes: length };
    return isScratch
      ? [{ from, volume, toBytes: startBytes }]
      : [{ from, volume: null, toBytes: volume.place.startBytes + startBytes }];
  });
}
