/**
 * Moves a template to a target that is longer or shorter, has other places for its partitions, or counts in sectors of another size: the
 * tables are rewritten, and for each volume there is a rule whether it may come along.
 */
import type { PlaceView } from '../contract/disk.contract.ts';
import type { Check } from '../contract/warnings.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource, Extent } from '../disk/block-source.port.ts';
import { hiddenSectorPatches } from '../filesystems/hidden-sectors.ts';
import { moveFileSystem, moveUnknown } from '../filesystems/sector-sizes/rules.ts';
import { AS_IT_IS, impossible, type SectorMove } from '../filesystems/sector-sizes/sector-move.port.ts';
import type { VolumeGroup } from '../volumes/group.port.ts';
import { placedTables } from '../volumes/fit/placed-tables.ts';
import type { Patch, Relocation } from '../volumes/layout.port.ts';
import { patchesAt } from '../volumes/patches.ts';
import type { Tables } from '../volumes/read-layout.ts';
import { relocateTables } from '../volumes/relocate-tables.ts';
import { readVolumeTree } from '../inspection/read-volume-tree.ts';
import type { TreeVolume } from '../inspection/volume-tree.ts';

/** Partitions whose content means nothing where there is no BIOS: its boot code, and what Microsoft keeps free. */
const MEANINGLESS_TYPES = ['21686148-6449-6E6F-744E-656564454649', 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE'];

export interface PlannedRelocation {
  /** null where the tables cannot come onto the target */
  readonly relocation: Relocation | null;
  readonly checks: readonly Check[];
}

/** What a target of a deploy is to the tables: a file has the sectors that the template has. */
export function sectorsOf({ kind, lengthBytes, sectorBytes }: PlaceView): RelocationTarget {
  return { lengthBytes, sectorBytes: kind === 'file' ? null : sectorBytes };
}

export interface RelocationTarget {
  readonly lengthBytes: number;
  /** null: as the template */
  readonly sectorBytes: number | null;
}

/**
 * Works out how the tables, and what else counts in sectors, come onto a target.
 * @param source the template
 * @param original as they were understood when it was captured
 * @param places of its partitions on the target, in the order of the layout
 * @param madeAnew where partitions begin whose file systems are made anew, for the target's sectors
 * @throws EngineError `READ_FAILED` and what reading a template throws
 */
export async function planRelocation(
  source: BlockSource,
  original: Tables,
  target: RelocationTarget,
  places: readonly Extent[] = original.layout.partitions,
  madeAnew: readonly number[] = [],
): Promise<PlannedRelocation> {
  const { layout } = original;
  // the image of a disk with other sectors says so in its table alone
  const templateSectorBytes = layout.table === 'none' ? source.sectorBytes : layout.sectorBytes;
  const targetSectorBytes = target.sectorBytes ?? templateSectorBytes;
  const placed = placedTables(original, places);
  const tables = await tablesFor(source, placed, target.lengthBytes, targetSectorBytes);
  const sizes = { templateSectorBytes, targetSectorBytes };
  const startOf = ({ partition }: TreeVolume) => {
    const i = layout.partitions.findIndex(({ startBytes }) => startBytes === partition?.startBytes);
    return places[i]?.startBytes ?? partition?.startBytes ?? 0;
  };
  const volumes = targetSectorBytes === templateSectorBytes && placed === original ? [] : await movedVolumes(source);
  const moved: Patch[] = [];
  for (const volume of volumes) moved.push(...(await hiddenSectors(volume, startOf(volume), sizes)));
  if (targetSectorBytes === templateSectorBytes) {
    if (tables.refusal) {
      const [name, reason] = tables.refusal;
      const check: Check = { code: 'VOLUMES_NOT_WRITTEN', level: 'block', data: { table: name, reason } };
      return { relocation: null, checks: [tables.size, check] };
    }
    const equal: Check = { code: 'SECTOR_SIZE_EQUAL', level: 'pass', data: { sectorBytes: targetSectorBytes } };
    return { relocation: withPatches(tables.relocation, moved), checks: [tables.size, equal] };
  }

  const checks: Check[] = [tables.size];
  const refuse = (volume: string, reason: string, canOverride: boolean) =>
    checks.push({ code: 'SECTOR_SIZE_DIFFERS', level: 'block', data: { ...sizes, volume, reason }, canOverride });
  if (tables.refusal) refuse(...tables.refusal, false);
  const patches: Patch[] = [];
  for (const volume of volumes) {
    if (volume.partition && madeAnew.includes(volume.partition.startBytes)) continue;
    const move = await moveOf(volume, targetSectorBytes);
    const startBytes = startOf(volume);
    if (!move.isPossible) refuse(nameOf(volume), move.reason, true);
    else patches.push(...patchesAt(startBytes, move.patches));
  }
  if (checks.length === 1) checks.push({ code: 'SECTOR_SIZE_CONVERTED', level: 'warn', data: sizes });
  return { relocation: withPatches(tables.relocation, [...patches, ...moved]), checks };
}

/** Ascending; of two that share bytes the later one counts. */
function withPatches(relocation: Relocation | null, more: readonly Patch[]): Relocation | null {
  if (!relocation) return null;
  return { ...relocation, patches: [...relocation.patches, ...more].sort((a, b) => a.offsetBytes - b.offsetBytes) };
}

async function hiddenSectors(
  { partition, source, content: { fileSystem } }: TreeVolume,
  startBytes: number,
  sizes: { templateSectorBytes: number; targetSectorBytes: number },
): Promise<Patch[]> {
  if (!partition || !fileSystem) return [];
  const from = { startBytes: partition.startBytes, sectorBytes: sizes.templateSectorBytes };
  const to = { startBytes, sectorBytes: sizes.targetSectorBytes };
  return patchesAt(startBytes, await hiddenSectorPatches(source, fileSystem.kind, from, to));
}

interface MovedTables {
  readonly relocation: Relocation | null;
  readonly size: Check;
  /** which table cannot be rewritten, and why */
  readonly refusal: readonly [table: string, reason: string] | null;
}

async function tablesFor(
  source: BlockSource,
  original: Tables,
  targetBytes: number,
  sectorBytes: number,
): Promise<MovedTables> {
  const data = { requiredBytes: original.layout.minimumBytes, targetBytes };
  const size = { code: 'TARGET_LARGE_ENOUGH', level: 'pass', data } as const;
  try {
    return { relocation: await relocateTables(source, targetBytes, sectorBytes, original), size, refusal: null };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const { code, data } = error;
    if (code === 'TARGET_TOO_SMALL') return { relocation: null, size: { code, level: 'block', data }, refusal: null };
    if (code !== 'FORMAT_UNSUPPORTED') throw error;
    return { relocation: null, size, refusal: [String(data.table), String(data.feature)] };
  }
}

/** Every volume that stands for itself: members of a group are what is on them. */
async function movedVolumes(source: BlockSource): Promise<TreeVolume[]> {
  const { partitions, groups } = await readVolumeTree(source);
  return [...partitions, ...groups.flatMap(({ volumes }) => volumes)];
}

const nameOf = ({ partition, ref }: TreeVolume) => (partition ? String(partition.number ?? 1) : ref);

async function moveOf(volume: TreeVolume, toSectorBytes: number): Promise<SectorMove> {
  const { partition, inside, source, content, membership } = volume;
  if (membership) return moveMember(membership.group.group, toSectorBytes);
  if (partition && MEANINGLESS_TYPES.includes(partition.typeId)) return AS_IT_IS;
  if (inside && inside.inner.copies.length === 0) return impossible(`a volume of the kind ${inside.inner.mapping}`);
  if (!content.fileSystem) return moveUnknown(source, toSectorBytes);
  const move = await moveFileSystem(source, content.fileSystem, toSectorBytes);
  const isRewritten = move.isPossible && move.patches.length > 0;
  return inside && isRewritten ? impossible('a FAT inside another volume') : move;
}

/** LVM2 counts in units of its own; what lies in it has to lie on whole sectors. Nobody promises that for MD. */
function moveMember({ kind, volumes }: VolumeGroup, toSectorBytes: number): SectorMove {
  if (kind === 'md-raid') return impossible('a member of a RAID array');
  const runs = volumes.flatMap(({ copies }) => copies.flat());
  const isAligned = runs.every(({ startBytes, lengthBytes, stripeBytes, columns }) =>
    [startBytes, lengthBytes, stripeBytes, ...columns.map((column) => column.startBytes)].every(
      (bytes) => bytes % toSectorBytes === 0,
    ),
  );
  return isAligned ? AS_IT_IS : impossible('extents that do not lie on such sectors');
}
