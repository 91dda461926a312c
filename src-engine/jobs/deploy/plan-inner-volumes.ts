/** Logical volumes of LVM2 on a partition: which of them take what the partition gets more. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { DiskView } from '../../contract/disk.contract.ts';
import type { TreeGroup, TreeVolume } from '../../inspection/volume-tree.ts';
import type { Abilities } from '../../resizing/abilities.ts';
import { isLvmName, MEMBER_WAY } from '../../resizing/lvm.ts';
import { isWay, missingFor, toolsOf, waysOf } from '../../resizing/ways.ts';
import type { LengthRefusal, VolumeWays, Way } from '../../resizing/resizer.port.ts';
import type { VolumeSize } from '../../volumes/fit/fit-volumes.ts';

/** The smallest part of the largest volume that one has to be to grow unasked. */
const LARGE_PART = 1 / 4;
/** LVM2 gives room away in extents; these are the usual ones. The plan's length is right to within one. */
const EXTENT_BYTES = 4 * 1024 * 1024;

const SCRATCH_SHARE = 1.1;

export interface InnerCandidate {
  readonly ref: string;
  readonly lengthBytes: number;
  readonly usedBytes: number;
  readonly kind: NonNullable<TreeVolume['content']['fileSystem']>['kind'] | null;
  readonly growing: Way | LengthRefusal;
}

const FIXED: LengthRefusal = { code: 'VOLUME_FIXED_LENGTH', data: { fileSystem: 'LVM2' } };

/** What can be done with a partition that is a physical volume: it grows where it is all of its group. */
export function memberWays({ source, membership }: TreeVolume, abilities: Abilities): VolumeWays {
  const { lengthBytes } = source;
  const isAlone = membership !== null && isWhole(membership.group);
  const growing = isAlone ? (missingFor('LVM2', MEMBER_WAY, abilities) ?? MEMBER_WAY) : FIXED;
  return { growing, shrinking: FIXED, minimumBytes: lengthBytes, maximumBytes: Number.MAX_SAFE_INTEGER };
}

function isWhole({ group, members }: TreeGroup): boolean {
  return (
    group.kind === 'lvm2' &&
    group.isReadable &&
    group.missingMembers === 0 &&
    members.length === 1 &&
    isLvmName(group.name)
  );
}

/** @throws EngineError `READ_FAILED` */
export async function innerCandidates(
  { membership }: TreeVolume,
  { groups }: DiskView,
  abilities: Abilities,
): Promise<InnerCandidate[]> {
  if (!membership || !isWhole(membership.group)) return [];
  const views = groups.flatMap(({ volumes }) => volumes);
  const { group, volumes } = membership.group;
  const candidates: InnerCandidate[] = [];
  for (const { ref, source, inside, content } of volumes) {
    const { name, mapping, copies, lengthBytes } = inside!.inner;
    const isPlain = mapping === 'linear' && copies.length === 1 && isLvmName(name) && ref === `${group.name}/${name}`;
    const fileSystem = isPlain && content.fileSystem?.kind !== 'swap' ? content.fileSystem : null;
    const usedBytes = views.find((view) => view.ref === ref)?.usedBytes ?? lengthBytes;
    const { growing } = await waysOf(source, fileSystem, usedBytes, abilities, false);
    candidates.push({ ref, lengthBytes, usedBytes, kind: fileSystem?.kind ?? null, growing });
  }
  return candidates;
}

/** Those that take more room: the ones that were asked to, or else the last large one that can. */
export function growingInner(
  inner: readonly InnerCandidate[],
  choices: ReadonlyMap<string, VolumeSize>,
): readonly InnerCandidate[] {
  const able = inner.filter(({ growing }) => isWay(growing));
  const asked = able.filter(({ ref }) => choices.get(ref) === 'grow');
  if (asked.length > 0) return asked;
  const largestBytes = Math.max(0, ...inner.map(({ lengthBytes }) => lengthBytes));
  return able.filter(({ ref, lengthBytes }) => lengthBytes >= largestBytes * LARGE_PART && !choices.has(ref)).slice(-1);
}

/** With the volume's name: as checks and plans tell it. */
export const lengthRefusal = (volume: string, { code, data }: LengthRefusal) => ({ code, data: { volume, ...data } });

/** @param moreBytes that their partition gets */
export function innerPlans(
  inner: readonly InnerCandidate[],
  growing: readonly InnerCandidate[],
  moreBytes: number,
): VolumePlan[] {
  const allBytes = growing.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return inner.map((volume) => {
    const share = moreBytes > 0 && growing.includes(volume) ? volume.lengthBytes / allBytes : 0;
    const way = share > 0 && isWay(volume.growing) ? volume.growing : null;
    const lengthBytes = volume.lengthBytes + Math.floor((moreBytes * share) / EXTENT_BYTES) * EXTENT_BYTES;
    return {
      volume: volume.ref,
      // in its group
      beforeStartBytes: 0,
      startBytes: 0,
      beforeBytes: volume.lengthBytes,
      minimumBytes: volume.lengthBytes,
      ...(!isWay(volume.growing) && { cannotGrow: lengthRefusal(volume.ref, volume.growing) }),
      cannotShrink: lengthRefusal(volume.ref, FIXED),
      lengthBytes,
      method: way ? 'in-place' : 'kept',
      tools: way && volume.kind ? [...toolsOf(volume.kind, way)] : [],
      needsRoot: way?.needsRoot ?? false,
      // where it does not end up in one piece, it grows beside the catalog
      scratchBytes: way ? Math.ceil(volume.usedBytes * SCRATCH_SHARE) : 0,
      seconds: way ? 2 : 0,
    };
  });
}

/** Whether a volume of a plan lies in a group and not on the disk itself. */
export const isInner = ({ volume }: Pick<VolumePlan, 'volume'>): boolean => volume.includes('/');
