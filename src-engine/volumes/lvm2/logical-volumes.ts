/**
 * From a group's metadata to its volumes: linear and striped ones can be read; all others are told with every extent that they
 * and their hidden parts take, so that they can be captured as they lie.
 */
import { EngineError } from '../../core/engine-error.ts';
import { findOverlap } from '../extents.ts';
import type { InnerVolume, MappedRun, MemberExtent } from '../group.port.ts';
import type { GroupText, LogicalVolume, Segment } from './group-text.ts';

/** A volume in more pieces than this is captured as it lies: its used bytes would be asked for once for each of them. */
const MAX_RUNS = 256;

export interface LogicalVolumes {
  readonly volumes: readonly InnerVolume[];
  /** what belongs to no visible volume: the spare of a thin pool's metadata, the like */
  readonly hidden: readonly MemberExtent[];
}

/**
 * @param members the physical volumes that are there, by name, with their places among the group's members
 * @throws EngineError `FORMAT_INVALID` where two volumes claim the same extent, or one lies outside its member;
 *   `FORMAT_UNSUPPORTED` for a segment whose place cannot be told
 */
export function logicalVolumes(group: GroupText, members: ReadonlyMap<string, number>): LogicalVolumes {
  const all = shown([...group.logicalVolumes.values()]);
  const isComplete = members.size === group.physicalVolumes.size;
  const areas = new Map(all.map((volume) => [volume.name, areasOf(group, volume, members)]));
  checkDisjoint([...areas.values()].flat());

  const byName = new Map(all.map((volume) => [volume.name, volume]));
  const uses = usesOf(all);
  const taken = new Set<string>();
  const volumes = all
    .filter(({ isVisible }) => isVisible)
    .map((volume): InnerVolume => {
      const lengthBytes = volume.extentCount * group.extentBytes;
      const runs = isComplete && !uses.has(volume.name) ? runsOf(group, volume, members) : null;
      const occupied = closureOf(byName, volume, taken).flatMap((name) => areas.get(name)!);
      const mapping = mappingOf(volume, uses.get(volume.name));
      if (runs) return { name: volume.name, lengthBytes, mapping, copies: [runs], occupied: [] };
      return { name: volume.name, lengthBytes, mapping, copies: [], occupied };
    });
  return { volumes, hidden: all.filter(({ name }) => !taken.has(name)).flatMap(({ name }) => areas.get(name)!) };
}

/** A snapshot goes by the name of the volume that keeps its changes; the one that ties it to its origin is nobody's. */
function shown(all: readonly LogicalVolume[]): LogicalVolume[] {
  const isTie = ({ segments }: LogicalVolume) => segments.some(({ type }) => type === 'snapshot');
  const needs = all.filter(isTie).flatMap(({ segments }) => segments.flatMap((segment) => segment.needs));
  const changes = new Set(needs.filter((need) => need.as === 'cow_store').map((need) => need.logicalVolume));
  return all.map((volume) => ({
    ...volume,
    isVisible: changes.has(volume.name) || (volume.isVisible && !isTie(volume)),
  }));
}

/** What each volume that others build upon is to the first of them: 'raid1', 'thin-origin'… */
function usesOf(all: readonly LogicalVolume[]): Map<string, string> {
  const uses = new Map<string, string>();
  for (const { segments } of all) {
    for (const { type, needs } of segments) {
      for (const need of needs) {
        const use = need.as.endsWith('origin') ? `${type}-origin` : type;
        if (!uses.has(need.logicalVolume)) uses.set(need.logicalVolume, use);
      }
    }
  }
  return uses;
}

function mappingOf({ segments }: LogicalVolume, use: string | undefined): string {
  const special = segments.find(({ type }) => type !== 'striped');
  if (special) return special.type;
  if (use) return use;
  return segments.some(({ areas }) => areas.length > 1) ? 'striped' : 'linear';
}

/** A volume and all that it is built upon, but for what somebody else came first for. */
function closureOf(all: ReadonlyMap<string, LogicalVolume>, volume: LogicalVolume, taken: Set<string>): string[] {
  const names: string[] = [];
  const waiting = [volume.name];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (taken.has(name)) continue;
    taken.add(name);
    names.push(name);
    for (const { needs } of all.get(name)!.segments) {
      for (const { logicalVolume } of needs) {
        // what is visible stands for itself
        if (!all.get(logicalVolume)!.isVisible) waiting.push(logicalVolume);
      }
    }
  }
  return names;
}

/** Where a volume lies by itself, on members that are there. */
function areasOf(group: GroupText, volume: LogicalVolume, members: ReadonlyMap<string, number>): MemberExtent[] {
  return volume.segments.flatMap((segment) => {
    const extentCount = extentsOfArea(segment);
    return segment.areas.flatMap(({ physicalVolume, extent }) => {
      const pv = group.physicalVolumes.get(physicalVolume)!;
      if (extent + extentCount > pv.extentCount) {
        throw new EngineError('FORMAT_INVALID', { field: 'extent_count', value: String(extent + extentCount) });
      }
      const member = members.get(physicalVolume);
      if (member === undefined) return [];
      const startBytes = pv.startBytes + extent * group.extentBytes;
      return [{ member, startBytes, lengthBytes: extentCount * group.extentBytes }];
    });
  });
}

/** Stripes share a segment's extents, the legs of a mirror each hold all of them. Other kinds lie on volumes of their own. */
function extentsOfArea({ type, areas, extentCount }: Segment): number {
  if (areas.length === 0 || type === 'mirror') return extentCount;
  if (type !== 'striped') throw new EngineError('FORMAT_UNSUPPORTED', { feature: `${type} on physical volumes` });
  const share = extentCount / areas.length;
  if (!Number.isInteger(share)) throw new EngineError('FORMAT_INVALID', { field: 'stripes', value: String(share) });
  return share;
}

function checkDisjoint(areas: readonly MemberExtent[]): void {
  const byMember = Map.groupBy(areas, ({ member }) => member);
  for (const extents of byMember.values()) {
    if (findOverlap(extents)) throw new EngineError('FORMAT_INVALID', { field: 'extents that overlap', value: '' });
  }
}

/** @returns null for a volume that is more than pieces of physical volumes one behind the other */
function runsOf(
  group: GroupText,
  { segments }: LogicalVolume,
  members: ReadonlyMap<string, number>,
): MappedRun[] | null {
  const runs: MappedRun[] = [];
  for (const { type, startExtent, extentCount, stripeBytes, areas, needs } of segments) {
    const lengthBytes = extentCount * group.extentBytes;
    const isLinear = areas.length === 1;
    const isEven = isLinear || (stripeBytes > 0 && (lengthBytes / areas.length) % stripeBytes === 0);
    if (type !== 'striped' || areas.length === 0 || needs.length > 0 || !isEven) return null;
    runs.push({
      startBytes: startExtent * group.extentBytes,
      lengthBytes,
      stripeBytes: isLinear ? lengthBytes : stripeBytes,
      columns: areas.map(({ physicalVolume, extent }) => ({
        member: members.get(physicalVolume)!,
        startBytes: group.physicalVolumes.get(physicalVolume)!.startBytes + extent * group.extentBytes,
      })),
    });
  }
  return runs.length > 0 && runs.length <= MAX_RUNS ? runs : null;
}
