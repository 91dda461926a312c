/** What becomes of the volumes of a template on a target: which grow, shrink or move, how each is done here, and what stands against it. */
import type { VolumeChoice, VolumePlan } from '../../contract/deploy.contract.ts';
import type { DiskView, FileSystemKind, PlaceView } from '../../contract/disk.contract.ts';
import type { Check } from '../../contract/warnings.ts';
import { EngineError } from '../../core/engine-error.ts';
import { BIOS_BOOT_TYPE, canMoveBiosBoot } from '../../boot-chain/moved-core.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';
import { readVolumeTree } from '../../inspection/read-volume-tree.ts';
import type { TreeVolume } from '../../inspection/volume-tree.ts';
import { AS_IT_WAS, planRemade, type Remade } from './plan-remade.ts';
import { freeBytes } from '../../machines/free-bytes.ts';
import type { Abilities } from '../../resizing/abilities.ts';
import { fixedWays, isWay, toolsOf, waysOf } from '../../resizing/ways.ts';
import type { LengthRefusal, VolumeWays, Way } from '../../resizing/resizer.port.ts';
import type { Region } from '../../versions/regions.ts';
import { sectorsOf } from '../../versions/sector-move.ts';
import {
  LARGE_PART,
  fitVolumes,
  type FitProblem,
  type FitRoom,
  type FitVolume,
  type VolumeSize,
} from '../../volumes/fit/fit-volumes.ts';
import { roomEnd } from '../../volumes/fit/placed-tables.ts';
import { isUsed, MBR_BYTES, mbrEntries } from '../../volumes/mbr-sector.ts';
import type { Tables } from '../../volumes/read-layout.ts';
import {
  growingInner,
  innerPlans,
  innerProblems,
  lengthRefusal,
  memberCandidate,
  neededBytes,
  type MemberCandidate,
} from './plan-inner-volumes.ts';
import { mirrorCandidate } from './plan-mirror.ts';
import { scratchFor } from './scratch-needs.ts';

/** Types of partitions that Windows starts for a repair: it has written down where they are. */
const RECOVERY_TYPES = ['DE94BBA4-06A4-4D40-A16A-BFD50179D6AC', '27'];
/** Of a table that is not rewritten. */
const DOUBTFUL: readonly string[] = ['PARTITION_OUT_OF_RANGE', 'EXTENDED_CHAIN_BROKEN', 'PARTITIONS_IN_IMAGE'];
const RESERVED_TYPE = 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE';
/** Counts in units of its own from where it begins. */
const MOVABLE: readonly (string | null)[] = [
  'luks',
  'lvm2',
  'md-raid',
  'swap',
  'f2fs',
  'zfs_member',
  'jfs',
  'reiserfs',
  'nilfs2',
];
export interface VolumesRequest {
  readonly volumes: readonly VolumeChoice[];
  readonly exact: boolean;
}

export interface PlannedVolumes {
  /** all of them, in the order of the disk */
  readonly volumes: readonly VolumePlan[];
  readonly checks: readonly Check[];
}

interface Asked {
  readonly source: BlockSource;
  readonly tables: Tables;
  readonly regions: readonly Region[];
  readonly disk: DiskView;
  /** of the version */
  readonly diskCount: number;
  readonly target: PlaceView;
  readonly request: VolumesRequest;
  readonly abilities: Abilities;
  readonly scratchFolder: string;
}

/** A volume of the template, and what can be done with it here. */
interface Candidate extends FitVolume {
  readonly typeId: string;
  readonly kind: FileSystemKind | null;
  /** what lies on it, where it is a physical volume of LVM2 */
  readonly member: MemberCandidate | null;
  readonly isMirror: boolean;
  readonly usedBytes: number;
  readonly ways: VolumeWays;
  /** for sectors that are larger than its blocks */
  readonly remade: Remade;
}

/**
 * @throws EngineError `VOLUME_NOT_FOUND` where a choice names none of the template's; `READ_FAILED` and what reading a template throws
 */
export async function planVolumes(asked: Asked): Promise<PlannedVolumes> {
  const { source, tables, target, request } = asked;
  const { layout } = tables;
  const sectorBytes = sectorsOf(target).sectorBytes ?? layout.sectorBytes;
  const room = {
    endBytes: roomEnd(tables, target.lengthBytes, sectorBytes),
    oldEndBytes: roomEnd(tables, source.lengthBytes, sectorBytes),
    sectorBytes,
  };
  const mayShrink = !request.exact && (request.volumes.length > 0 || room.endBytes < room.oldEndBytes);
  const mayRemake = !request.exact && sectorBytes !== layout.sectorBytes && (await rigidity(asked, [])) === null;
  const found = await candidatesOf(asked, mayShrink, mayRemake ? sectorBytes : null);
  const choices = choicesOf(request, found, room.endBytes >= room.oldEndBytes);
  const candidates = found.map((volume) => withChoices(volume, choices));
  const kept = candidates.flatMap((volume) => plansOf(volume, volume, choices));
  const isAsked = [...choices.values()].some((size) => size !== 'keep');
  const isOther = room.endBytes !== room.oldEndBytes;
  if (request.exact || (!isAsked && !isOther))
    return {
      volumes: kept,
      checks: [{ code: 'VOLUMES_KEPT', level: 'pass', data: {} }, ...(await remadeChecks(asked, candidates, kept))],
    };
  const rigid = await rigidity(asked, candidates);
  if (rigid !== null) {
    const check: Check = { code: 'VOLUMES_RIGID', level: isAsked ? 'block' : 'warn', data: { reason: rigid } };
    return { volumes: kept, checks: isAsked || room.endBytes > room.oldEndBytes ? [check] : [] };
  }
  const fit = fitVolumes(candidates, choices, room);
  if (!fit.isPossible) return { volumes: kept, checks: problemChecks(fit.problem, candidates, asked) };
  const volumes = candidates.flatMap((volume, i) => plansOf(volume, fit.places[i], choices));
  return { volumes, checks: await fittedChecks(asked, candidates, volumes, room, choices, isAsked) };
}

/** @param newSectorBytes for which volumes may be made anew; null: for none */
async function candidatesOf(
  { source, tables, disk, diskCount, abilities }: Asked,
  mayShrink: boolean,
  newSectorBytes: number | null,
): Promise<Candidate[]> {
  const { partitions } = await readVolumeTree(source);
  const largestBytes = Math.max(0, ...tables.layout.partitions.map(({ lengthBytes }) => lengthBytes));
  const candidates: Candidate[] = [];
  for (const { number, startBytes, lengthBytes, typeId } of tables.layout.partitions) {
    const found = partitions.find(
      ({ partition }) => partition?.startBytes === startBytes && partition.lengthBytes === lengthBytes,
    );
    const seen = disk.volumes.find((view) => view.startBytes === startBytes);
    const usedBytes = seen?.usedBytes ?? lengthBytes;
    const content = found && !found.isContested && !found.membership ? found.content.fileSystem : null;
    const isMember = found !== undefined && !found.isContested && found.membership?.group.group.kind === 'lvm2';
    const member = isMember ? await memberCandidate(found, disk, abilities, mayShrink) : null;
    const mirror = found && diskCount === 1 ? await mirrorCandidate(found, usedBytes, abilities) : null;
    const behind = bytesBehind(disk, String(number ?? 0));
    const remade =
      newSectorBytes === null || behind > 0 || !found
        ? AS_IT_WAS
        : await planRemade(String(number ?? 0), found.source, content, usedBytes, newSectorBytes, abilities);
    const ways =
      remade.ways ??
      (behind > 0
        ? fixedWays(lengthBytes, { code: 'VOLUME_DATA_BEHIND', data: { lengthBytes: behind } })
        : (member?.ways ??
          mirror?.ways ??
          (await waysOf(found?.source ?? source, content, usedBytes, abilities, mayShrink))));
    const isLarge = lengthBytes >= largestBytes * LARGE_PART && !RECOVERY_TYPES.includes(typeId);
    candidates.push({
      ref: String(number ?? 0),
      startBytes,
      lengthBytes,
      typeId,
      kind: mirror?.kind ?? content?.kind ?? null,
      member,
      isMirror: mirror !== null,
      usedBytes,
      ways,
      remade,
      canGrow: isWay(ways.growing),
      canShrink: isWay(ways.shrinking),
      minimumBytes: isWay(ways.shrinking) ? ways.minimumBytes : lengthBytes,
      maximumBytes: ways.maximumBytes,
      isElastic: (number !== null || member !== null) && isLarge && content?.kind !== 'swap',
      isFixed: number === null || !(await canMove(source, found, tables)),
    });
  }
  return candidates;
}

/** What a capture took behind a file system, in its partition: somebody's, who would lose it to a file system that grows. */
function bytesBehind({ account }: DiskView, ref: string): number {
  const pieces = account?.pieces.filter(({ place, volume }) => place === 'behind-file-system' && volume === ref) ?? [];
  return pieces.reduce((sum, { takenBytes }) => sum + takenBytes, 0);
}

/** Windows on an MBR, and boot code that reads from certain sectors, do not find what stands elsewhere. */
async function canMove(disk: BlockSource, volume: TreeVolume | undefined, { gpt }: Tables): Promise<boolean> {
  if (!volume || volume.isContested) return false;
  const { content, partition } = volume;
  const { typeId } = partition!;
  if (typeId === BIOS_BOOT_TYPE) return canMoveBiosBoot(disk, partition!);
  if (typeId === RESERVED_TYPE) return true;
  const kind = content.fileSystem?.kind;
  if (!kind) return MOVABLE.includes(content.recognised);
  // its boot sector says where it is, under a checksum
  if (kind === 'exfat') return false;
  // boot stores and drive letters tell partitions of an MBR by where they begin
  return kind !== 'ntfs' || gpt !== null || RECOVERY_TYPES.includes(typeId);
}

/** Why no partition of a disk may be another one; null: they may. */
async function rigidity({ source, tables, regions }: Asked, candidates: readonly Candidate[]): Promise<string | null> {
  const { layout, gpt, contested } = tables;
  // but for one that is a physical volume as a whole
  const isMember = candidates.some(({ member }) => member?.geometry);
  if (layout.table === 'none' && !isMember) return 'a disk without a partition table';
  if (contested.length > 0) return 'partitions that something else claims too';
  if (layout.warnings.some(({ code }) => DOUBTFUL.includes(code))) return 'a partition table that contradicts the disk';
  const isRecorded = layout.partitions.every(({ startBytes, lengthBytes }, i) => {
    const region = regions.at(i + 1);
    return region?.startBytes === startBytes && region.lengthBytes === lengthBytes;
  });
  if (!isRecorded || regions.length !== layout.partitions.length + 1) {
    return 'partitions that are not those of the capture';
  }
  if (!gpt) return null;
  const entries = mbrEntries(await readBytes(source, 0, MBR_BYTES)) ?? [];
  return entries.filter(isUsed).length > 1 ? 'a hybrid MBR' : null;
}

function choicesOf(
  { volumes }: VolumesRequest,
  candidates: readonly Candidate[],
  canGrow: boolean,
): Map<string, VolumeSize> {
  const choices = new Map<string, VolumeSize>();
  for (const { volume, size } of volumes) {
    const refs = candidates.flatMap(({ ref, member }) => [ref, ...(member?.inner ?? []).map((one) => one.ref)]);
    if (!refs.includes(volume)) throw new EngineError('VOLUME_NOT_FOUND', { volume, volumes: refs });
    choices.set(volume, size);
  }
  // what a logical volume takes, its partition has to get first
  for (const { ref, member } of candidates) {
    if (!member || choices.has(ref)) continue;
    const needed = neededBytes(member, choices);
    if (needed > member.lengthBytes) choices.set(ref, needed);
    else if (canGrow && member.inner.some((one) => choices.get(one.ref) === 'grow')) choices.set(ref, 'grow');
  }
  return choices;
}

/** A partition holds at least what was asked of its logical volumes, and takes room unasked where one of them does. */
function withChoices(volume: Candidate, choices: ReadonlyMap<string, VolumeSize>): Candidate {
  const { ref, member, ways, lengthBytes } = volume;
  if (!member || ways !== member.ways) return volume;
  const minimumBytes = member.geometry ? Math.min(lengthBytes, neededBytes(member, choices)) : lengthBytes;
  return {
    ...volume,
    canGrow: isWay(ways.growing) && (choices.has(ref) || growingInner(member.inner, choices).length > 0),
    canShrink: isWay(ways.shrinking) && minimumBytes < lengthBytes,
    minimumBytes,
  };
}

/** A partition, and what lies on it. */
function plansOf(volume: Candidate, place: Extent, choices: ReadonlyMap<string, VolumeSize>): VolumePlan[] {
  const own = planOf(volume, place);
  if (!volume.member) return [own];
  const { volumes, member } = innerPlans(volume.member, place, choices);
  return [{ ...own, ...member }, ...volumes];
}

function planOf({ ref, kind, ways, usedBytes, isMirror, ...before }: Candidate, place: Extent): VolumePlan {
  const way = before.remade.way ?? wayTo({ ...before, ways }, place);
  return {
    volume: ref,
    beforeStartBytes: before.startBytes,
    beforeBytes: before.lengthBytes,
    minimumBytes: before.minimumBytes,
    ...lengthRefusals(ref, ways),
    startBytes: place.startBytes,
    lengthBytes: place.lengthBytes,
    method: way?.method ?? 'kept',
    ...(isMirror && { isMirror }),
    tools: way ? (kind ? [...toolsOf(kind, way)] : [...way.tools]) : [],
    needsRoot: way?.needsRoot ?? false,
    ...scratchFor(way?.method ?? 'kept', usedBytes),
  };
}

/** What stands against another length, for whoever is to choose one. */
function lengthRefusals(volume: string, { growing, shrinking }: VolumeWays) {
  return {
    ...(!isWay(growing) && { cannotGrow: lengthRefusal(volume, growing) }),
    ...(!isWay(shrinking) && { cannotShrink: lengthRefusal(volume, shrinking) }),
  };
}

function wayTo({ lengthBytes, ways }: Pick<Candidate, 'lengthBytes' | 'ways'>, place: Extent): Way | null {
  if (place.lengthBytes === lengthBytes) return null;
  const way = place.lengthBytes > lengthBytes ? ways.growing : ways.shrinking;
  return isWay(way) ? way : null;
}

function problemChecks(problem: FitProblem, candidates: readonly Candidate[], { tables, target }: Asked): Check[] {
  switch (problem.code) {
    case 'ROOM_TOO_SMALL': {
      const requiredBytes =
        target.lengthBytes - roomEnd(tables, target.lengthBytes, tables.layout.sectorBytes) + problem.requiredEndBytes;
      return [{ code: 'TARGET_TOO_SMALL', level: 'block', data: { requiredBytes, targetBytes: target.lengthBytes } }];
    }
    case 'VOLUME_TOO_SMALL': {
      const { ref: volume, askedBytes, minimumBytes } = problem;
      return [{ code: 'VOLUME_TOO_SMALL', level: 'block', data: { volume, askedBytes, minimumBytes } }];
    }
    case 'CANNOT_MOVE':
      return [{ code: 'VOLUME_CANNOT_MOVE', level: 'block', data: { volume: problem.ref, behind: problem.behind } }];
    default: {
      const { ways } = candidates.find(({ ref }) => ref === problem.ref)!;
      const way = problem.code === 'CANNOT_GROW' ? ways.growing : ways.shrinking;
      return [refusalCheck(problem.ref, isWay(way) ? { code: 'VOLUME_FIXED_LENGTH', data: {} } : way, 'block')];
    }
  }
}

function refusalCheck(volume: string, refusal: LengthRefusal, level: 'block' | 'warn'): Check {
  return { ...lengthRefusal(volume, refusal), level };
}

async function fittedChecks(
  { scratchFolder }: Asked,
  candidates: readonly Candidate[],
  volumes: readonly VolumePlan[],
  { endBytes, oldEndBytes }: FitRoom,
  choices: ReadonlyMap<string, VolumeSize>,
  isAsked: boolean,
): Promise<Check[]> {
  const checks: Check[] = [];
  checks.push(...innerRefusals(candidates, volumes, choices));
  const changed = volumes.filter((v) => v.lengthBytes !== v.beforeBytes || v.startBytes !== v.beforeStartBytes);
  const names = changed.map(({ volume }) => volume);
  checks.push(
    changed.length > 0
      ? { code: 'VOLUMES_FITTED', level: 'pass', data: { volumes: names } }
      : { code: 'VOLUMES_KEPT', level: 'pass', data: {} },
  );
  checks.push(...(await remadeChecks({ scratchFolder }, candidates, volumes)));
  const recovery = changed.find(({ volume, startBytes, beforeStartBytes }) => {
    return startBytes !== beforeStartBytes && isRecovery(candidates, volume);
  });
  if (recovery) checks.push({ code: 'RECOVERY_MOVED', level: 'warn', data: { volume: recovery.volume } });
  const usedEnd = Math.max(0, ...volumes.map(({ startBytes, lengthBytes }) => startBytes + lengthBytes));
  if (!isAsked && changed.length === 0 && endBytes > oldEndBytes) {
    // it would have grown on a machine that can
    const last = candidates.findLast(({ isElastic }) => isElastic);
    if (last && !isWay(last.ways.growing)) checks.push(refusalCheck(last.ref, last.ways.growing, 'warn'));
    checks.push({ code: 'TARGET_ROOM_UNUSED', level: 'warn', data: { lengthBytes: endBytes - usedEnd } });
  }
  return checks;
}

/** Of volumes that are made in scratch space, or made anew. */
async function remadeChecks(
  { scratchFolder }: Pick<Asked, 'scratchFolder'>,
  candidates: readonly Candidate[],
  volumes: readonly VolumePlan[],
): Promise<Check[]> {
  const checks: Check[] = candidates.flatMap(({ remade }) => remade.checks);
  const scratchBytes = Math.max(0, ...volumes.map((volume) => volume.scratchBytes));
  if (scratchBytes > 0) {
    const free = await freeBytes(scratchFolder);
    const data = { path: scratchFolder, requiredBytes: scratchBytes, freeBytes: free };
    checks.push(
      free < scratchBytes
        ? { code: 'VOLUME_SCRATCH_SPACE_LOW', level: 'block', data }
        : { code: 'VOLUME_SCRATCH_SPACE', level: 'pass', data },
    );
  }
  for (const { volume } of volumes.filter(({ method }) => method === 'rebuilt')) {
    checks.push({ code: 'VOLUME_MADE_ANEW', level: 'warn', data: { volume } });
  }
  return checks;
}

/** What stands against what was asked of logical volumes. */
function innerRefusals(
  candidates: readonly Candidate[],
  volumes: readonly VolumePlan[],
  choices: ReadonlyMap<string, VolumeSize>,
): Check[] {
  return candidates.flatMap(({ ref, member }): Check[] => {
    if (!member) return [];
    const problems = innerProblems(member, choices).map((problem): Check => ({ ...problem, level: 'block' }));
    const askedBytes = volumes.find(({ volume }) => volume === ref)!.lengthBytes;
    const minimumBytes = neededBytes(member, choices);
    const isTooSmall = problems.length === 0 && askedBytes < minimumBytes;
    const data = { volume: ref, askedBytes, minimumBytes };
    return isTooSmall ? [{ code: 'VOLUME_TOO_SMALL', level: 'block', data }] : problems;
  });
}

function isRecovery(candidates: readonly Candidate[], volume: string): boolean {
  return RECOVERY_TYPES.includes(candidates.find(({ ref }) => ref === volume)!.typeId);
}

/** Where the volumes of a plan go, in the order of the template's disk; its own places where the plan says nothing of them. */
export function placesOf({ layout }: Tables, volumes: readonly VolumePlan[]): readonly Extent[] {
  return layout.partitions.map(({ startBytes, lengthBytes }) => {
    const planned = volumes.find(({ beforeStartBytes }) => beforeStartBytes === startBytes);
    return planned ? { startBytes: planned.startBytes, lengthBytes: planned.lengthBytes } : { startBytes, lengthBytes };
  });
}

/** Where the content of each partition comes to lie; null for what a program puts elsewhere in it. */
export function contentPlaces(tables: Tables, volumes: readonly VolumePlan[]) {
  const places = placesOf(tables, volumes);
  return tables.layout.partitions.map(({ startBytes }, i) => {
    const planned = volumes.find(({ beforeStartBytes }) => beforeStartBytes === startBytes);
    return planned && !isInPlace(planned) ? null : places[i];
  });
}

/** As a person sees the disk once it is there. */
export function afterVolumes(disk: DiskView, volumes: readonly VolumePlan[]): DiskView {
  return {
    ...disk,
    volumes: disk.volumes.map((view) => {
      const planned = volumes.find(({ beforeStartBytes }) => beforeStartBytes === view.startBytes);
      if (!planned) return view;
      const { startBytes, lengthBytes, method } = planned;
      const fileSystem = view.fileSystem && method !== 'kept' ? { ...view.fileSystem, lengthBytes } : view.fileSystem;
      return { ...view, startBytes, lengthBytes, fileSystem };
    }),
  };
}

/** Whether a volume comes onto the target by way of a scratch copy, and not as the template has it. */
export const isFromScratch = ({ method }: Pick<VolumePlan, 'method'>): boolean =>
  method === 'scratch' || method === 'rebuilt';

/** Where the partitions of the template begin whose file systems are made anew. */
export const madeAnew = (volumes: readonly VolumePlan[]): number[] =>
  volumes.flatMap(({ method, beforeStartBytes }) => (method === 'rebuilt' ? [beforeStartBytes] : []));
/** Whether the content of a partition comes to lie in it as it lay in the template's. */
export const isInPlace = ({ method }: Pick<VolumePlan, 'method'>): boolean =>
  method !== 'repacked' && !isFromScratch({ method });
