/** Logical volumes of LVM2 on a partition: how long each becomes when its partition gets another length, and how. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { DiskView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Extent } from '../../disk/block-source.port.ts';
import type { TreeGroup, TreeVolume } from '../../inspection/volume-tree.ts';
import type { Abilities } from '../../resizing/abilities.ts';
import { isLvmName, MEMBER_WAY, REPACK_WAY } from '../../resizing/lvm.ts';
import { fixedWays, isWay, missingFor, toolsOf, waysOf } from '../../resizing/ways.ts';
import type { LengthRefusal, VolumeWays, Way } from '../../resizing/resizer.port.ts';
import { askedExtents, fitGroup, leastRoom, type GroupVolume } from '../../volumes/fit/fit-group.ts';
import { LARGE_PART, type VolumeSize } from '../../volumes/fit/fit-volumes.ts';
import { extentsIn, isPlain, lengthOf, memberGeometry, type MemberGeometry } from '../../volumes/lvm2/repack.ts';
import { SCRATCH_SHARE, scratchFor } from './scratch-needs.ts';

/** LVM2 gives room away in extents; these are the usual ones, where the group's are not known. */
const EXTENT_BYTES = 4 * 1024 * 1024;

export interface InnerCandidate extends GroupVolume {
  readonly lengthBytes: number;
  readonly usedBytes: number;
  readonly kind: NonNullable<TreeVolume['content']['fileSystem']>['kind'] | null;
  readonly ways: VolumeWays;
}

/** A partition that is a physical volume, and what lies on it. */
export interface MemberCandidate {
  readonly lengthBytes: number;
  /** null: its volumes stay where they are in it */
  readonly geometry: MemberGeometry | null;
  readonly extentBytes: number;
  readonly ways: VolumeWays;
  readonly inner: readonly InnerCandidate[];
}

type Choices = ReadonlyMap<string, VolumeSize>;
const NO_CHOICES: Choices = new Map();

/** @param what of LVM2 it is that nothing here changes; '' for all of it */
const fixed = (what: string): LengthRefusal => ({
  code: 'VOLUME_FIXED_LENGTH',
  data: { fileSystem: what === '' ? 'LVM2' : `LVM2 (${what})` },
});

/**
 * What can be done with a partition, or a disk, that is a physical volume: it grows where it is all of its group, and shrinks where all volumes of the
 * group lie on it as they are.
 * @throws EngineError `READ_FAILED`
 */
export async function memberCandidate(
  volume: TreeVolume,
  disk: DiskView,
  abilities: Abilities,
  mayShrink: boolean,
): Promise<MemberCandidate> {
  const { source, membership } = volume;
  const { lengthBytes } = source;
  const refusal = membership ? groupRefusal(membership.group) : fixed('');
  if (refusal || !membership) {
    const ways = fixedWays(lengthBytes, refusal ?? fixed(''));
    return { lengthBytes, geometry: null, extentBytes: EXTENT_BYTES, ways, inner: [] };
  }
  const unable = packRefusal(membership.group, bytesBehind(volume, disk));
  const read = await geometryOf(source);
  const isAll = read?.volumeCount === membership.group.volumes.length;
  const geometry = unable || !isAll ? null : read;
  const extentBytes = read?.extentBytes ?? EXTENT_BYTES;
  const views = disk.groups.flatMap(({ volumes }) => volumes);
  const inner: InnerCandidate[] = [];
  for (const one of membership.group.volumes) {
    const usedBytes = views.find((view) => view.ref === one.ref)?.usedBytes ?? one.source.lengthBytes;
    inner.push(await innerCandidate(one, usedBytes, abilities, mayShrink, extentBytes, geometry !== null, unable));
  }
  // a disk that is a physical volume as a whole looks finished as soon as its label is there: nothing works on it before
  const isDisk = volume.partition?.number === null;
  const inPlace = isDisk ? fixed('') : missingFor('LVM2', MEMBER_WAY, abilities);
  const minimumBytes = geometry
    ? Math.min(lengthBytes, lengthOf(geometry, leastRoom(inner, NO_CHOICES, extentBytes)))
    : lengthBytes;
  const least: LengthRefusal = { code: 'VOLUME_AT_ITS_LEAST', data: { fileSystem: 'LVM2', lengthBytes } };
  const ways: VolumeWays = {
    growing: inPlace === null ? MEMBER_WAY : geometry ? REPACK_WAY : inPlace,
    shrinking: geometry ? (minimumBytes < lengthBytes ? REPACK_WAY : least) : (unable ?? fixed('')),
    minimumBytes,
    maximumBytes: Number.MAX_SAFE_INTEGER,
  };
  return { lengthBytes, geometry, extentBytes, ways, inner };
}

/** What stands against any other length. */
function groupRefusal({ group, members }: TreeGroup): LengthRefusal | null {
  const count = members.length + group.missingMembers;
  if (count > 1) return fixed(`${count} PV`);
  return group.kind === 'lvm2' && group.isReadable && isLvmName(group.name) ? null : fixed('');
}

/** What stands against volumes that come to lie elsewhere in their group. */
function packRefusal({ group, volumes }: TreeGroup, behindBytes: number): LengthRefusal | null {
  if (behindBytes > 0) return { code: 'VOLUME_DATA_BEHIND', data: { lengthBytes: behindBytes } };
  const special = group.volumes.find((inner) => !isPlain(inner));
  if (special) return fixed(special.mapping);
  const isNamed = volumes.every(({ ref, inside }) => {
    const { name } = inside!.inner;
    return isLvmName(name) && ref === `${group.name}/${name}`;
  });
  return isNamed ? null : fixed('');
}

/** What a capture took behind the extents of a group, in its partition. */
function bytesBehind({ ref, partition, membership }: TreeVolume, { account }: DiskView): number {
  const { group, member } = membership!;
  const { allocatable } = group.group.members[member];
  if (!allocatable || !partition || !account) return 0;
  const fromBytes = partition.startBytes + allocatable.startBytes + allocatable.lengthBytes;
  return account.pieces
    .filter(({ place, volume, startBytes }) => place === 'in-member' && volume === ref && startBytes >= fromBytes)
    .reduce((sum, { takenBytes }) => sum + takenBytes, 0);
}

/** @returns null where it cannot be told */
async function geometryOf(source: TreeVolume['source']): Promise<MemberGeometry | null> {
  try {
    return await memberGeometry(source);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'FORMAT_INVALID') return null;
    throw error;
  }
}

async function innerCandidate(
  { ref, source, inside, content }: TreeVolume,
  usedBytes: number,
  abilities: Abilities,
  mayShrink: boolean,
  extentBytes: number,
  isPacked: boolean,
  unable: LengthRefusal | null,
): Promise<InnerCandidate> {
  const { mapping, lengthBytes } = inside!.inner;
  const canMove = isPlain(inside!.inner);
  const found = canMove ? content.fileSystem : null;
  const extents = Math.floor(lengthBytes / extentBytes);
  const told = canMove
    ? await waysOf(source, found, usedBytes, abilities, mayShrink)
    : fixedWays(lengthBytes, fixed(mapping));
  // swap is made anew on its way to another place, and not where it is
  const growing = !isPacked && found?.kind === 'swap' ? (unable ?? fixed('')) : told.growing;
  const leastExtents = Math.min(extents, Math.ceil(told.minimumBytes / extentBytes));
  const least: LengthRefusal = {
    code: 'VOLUME_AT_ITS_LEAST',
    data: { fileSystem: found?.kind ?? null, lengthBytes },
  };
  const shrinking = !isPacked ? (unable ?? fixed('')) : leastExtents === extents ? least : told.shrinking;
  return {
    ref,
    lengthBytes,
    usedBytes,
    kind: found?.kind ?? null,
    ways: { ...told, growing, shrinking: isWay(told.shrinking) ? shrinking : told.shrinking },
    extents,
    canGrow: isWay(growing),
    canShrink: isWay(told.shrinking) && isWay(shrinking),
    isElastic: found !== null && found.kind !== 'swap',
    leastExtents,
    // where volumes stay in their places, only what their partition gets more can be given away
    mostExtents: isPacked ? Math.floor(told.maximumBytes / extentBytes) : extents,
  };
}

/** What the partition at least has to be for what was asked of its volumes. */
export function neededBytes({ geometry, inner, lengthBytes }: MemberCandidate, choices: Choices): number {
  return geometry ? lengthOf(geometry, leastRoom(inner, choices, geometry.extentBytes)) : lengthBytes;
}

/** Those that take more room: the ones that were asked to, or else the last large one that can. */
export function growingInner(inner: readonly InnerCandidate[], choices: Choices): readonly InnerCandidate[] {
  const able = inner.filter(({ canGrow, kind }) => canGrow && kind !== 'swap');
  const asked = able.filter(({ ref }) => choices.get(ref) === 'grow');
  if (asked.length > 0) return asked;
  const largestBytes = Math.max(0, ...inner.map(({ lengthBytes }) => lengthBytes));
  return able.filter(({ ref, lengthBytes }) => lengthBytes >= largestBytes * LARGE_PART && !choices.has(ref)).slice(-1);
}

/** With the volume's name: as checks and plans tell it. */
export const lengthRefusal = (volume: string, { code, data }: LengthRefusal) => ({ code, data: { volume, ...data } });

/** What stands against what was asked of logical volumes. */
export function innerProblems(
  { extentBytes, inner }: MemberCandidate,
  choices: Choices,
): Pick<Check, 'code' | 'data'>[] {
  return inner.flatMap((volume): Pick<Check, 'code' | 'data'>[] => {
    const { ref, ways, leastExtents } = volume;
    const size = choices.get(ref);
    const problem = askedExtents(volume, size, extentBytes);
    if (typeof problem === 'number') return [];
    if (problem === 'VOLUME_TOO_SMALL') {
      const data = { volume: ref, askedBytes: Number(size), minimumBytes: leastExtents * extentBytes };
      return [{ code: problem, data }];
    }
    const way = problem === 'CANNOT_GROW' ? ways.growing : ways.shrinking;
    return [lengthRefusal(ref, isWay(way) ? fixed('') : way)];
  });
}

/** Whether its volumes keep their places, and only take what lies behind them. */
function staysInPlace({ ways, geometry, inner }: MemberCandidate, moreBytes: number, choices: Choices): boolean {
  if (!geometry) return true;
  if (moreBytes < 0 || (moreBytes > 0 && isWay(ways.growing) && ways.growing.method === 'repacked')) return false;
  return inner.every((volume) => {
    const size = choices.get(volume.ref);
    if (size === 'grow') return volume.kind !== 'swap';
    return askedExtents(volume, size, geometry.extentBytes) === volume.extents;
  });
}

/** The logical volumes of a partition, as they are to be; and what they make of it, where its own plan does not say so. */
export interface InnerPlans {
  readonly volumes: readonly VolumePlan[];
  readonly member: Partial<VolumePlan>;
}

/** @param place that the partition gets */
export function innerPlans(member: MemberCandidate, { lengthBytes }: Extent, choices: Choices): InnerPlans {
  const { geometry, inner } = member;
  const moreBytes = lengthBytes - member.lengthBytes;
  if (!geometry || staysInPlace(member, moreBytes, choices)) {
    return { volumes: grownPlans(member, growingInner(inner, choices), moreBytes), member: {} };
  }
  const [room, oldRoom] = [extentsIn(geometry, lengthBytes), extentsIn(geometry, member.lengthBytes)];
  const lengths = fitGroup(inner, choices, geometry.extentBytes, room, oldRoom);
  const volumes = inner.map((volume, i) => repackedPlan(volume, lengths[i] * geometry.extentBytes));
  const scratchBytes = volumes.reduce((sum, volume) => sum + volume.scratchBytes, 0);
  return { volumes, member: { method: 'repacked', tools: [], needsRoot: false, scratchBytes, seconds: 0 } };
}

function planOf({ ref, lengthBytes, leastExtents, extents, canShrink, ways }: InnerCandidate): VolumePlan {
  return {
    volume: ref,
    // in its group
    beforeStartBytes: 0,
    startBytes: 0,
    beforeBytes: lengthBytes,
    minimumBytes: canShrink ? (lengthBytes / extents) * leastExtents : lengthBytes,
    ...(!isWay(ways.growing) && { cannotGrow: lengthRefusal(ref, ways.growing) }),
    ...(!isWay(ways.shrinking) && { cannotShrink: lengthRefusal(ref, ways.shrinking) }),
    lengthBytes,
    method: 'kept',
    tools: [],
    needsRoot: false,
    scratchBytes: 0,
    seconds: 0,
  };
}

/** @param moreBytes that their partition gets */
function grownPlans(
  { inner, extentBytes }: MemberCandidate,
  growing: readonly InnerCandidate[],
  moreBytes: number,
): VolumePlan[] {
  const allBytes = growing.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return inner.map((volume) => {
    const plan = planOf(volume);
    const { kind, ways, lengthBytes, usedBytes } = volume;
    if (moreBytes <= 0 || !growing.includes(volume) || !kind || !isWay(ways.growing)) return plan;
    return {
      ...plan,
      lengthBytes: lengthBytes + Math.floor((moreBytes * (lengthBytes / allBytes)) / extentBytes) * extentBytes,
      method: 'in-place',
      tools: [...toolsOf(kind, ways.growing)],
      needsRoot: ways.growing.needsRoot,
      // where it does not end up in one piece, it grows beside the catalog
      scratchBytes: Math.ceil(usedBytes * SCRATCH_SHARE),
      seconds: 2,
    };
  });
}

/** Of a volume that is written at another place anyway: what is made longer or shorter is so in scratch space. */
function repackedPlan(volume: InnerCandidate, lengthBytes: number): VolumePlan {
  const plan = planOf(volume);
  const { kind, ways, usedBytes } = volume;
  const way = lengthBytes < volume.lengthBytes ? ways.shrinking : ways.growing;
  if (lengthBytes === volume.lengthBytes || !kind || !isWay(way)) return plan;
  const method: Way['method'] = way.method === 'in-place' ? 'scratch' : way.method;
  const tools = [...toolsOf(kind, way)];
  return { ...plan, lengthBytes, method, tools, needsRoot: way.needsRoot, ...scratchFor(method, usedBytes) };
}

/** Whether a volume of a plan lies in a group and not on the disk itself. */
export const isInner = ({ volume }: Pick<VolumePlan, 'volume'>): boolean => volume.includes('/');
