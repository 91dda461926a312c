/** The order in which the volumes of a template are offered. Pure. */
import type { DiskView } from '../../../src-engine/contract/index.ts';

/**
 * What a group holds stands where its first member is. The members themselves are left out: they hold no files of their own.
 * @param volumes named by `ref`: the number of a partition, or `GROUP/NAME`
 */
export function arrangeVolumes<V extends { ref: string }>(
  volumes: readonly V[],
  disk: Pick<DiskView, 'volumes' | 'groups'>,
): V[] {
  const byRef = new Map(volumes.map((volume) => [volume.ref, volume]));
  const numberOf = new Map(disk.volumes.map(({ index, number }) => [index, String(number ?? 0)]));
  /** what is inside each first member; nothing inside the others */
  const inside = new Map<string, V[]>();
  for (const group of disk.groups) {
    const held = group.volumes.flatMap(({ ref }) => byRef.get(ref) ?? []);
    if (!held.length) continue;
    for (const [i, member] of group.members.entries()) inside.set(numberOf.get(member) ?? '', i === 0 ? held : []);
  }
  const held = new Set([...inside.values()].flat());
  return volumes.flatMap((volume) => inside.get(volume.ref) ?? (held.has(volume) ? [] : [volume]));
}
