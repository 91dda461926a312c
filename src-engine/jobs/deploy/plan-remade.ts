/** Volumes whose blocks are smaller than the sectors of their target: no system would mount them there, so they are made anew and their files copied. */
import type { Check } from '../../contract/warnings.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { moveFileSystem } from '../../filesystems/sector-sizes/rules.ts';
import type { FileSystem } from '../../filesystems/file-system.port.ts';
import type { Abilities } from '../../resizing/abilities.ts';
import type { VolumeWays, Way } from '../../resizing/resizer.port.ts';
import { remakingOf } from '../../resizing/ways.ts';

export interface Remade {
  /** null where it is not made anew */
  readonly way: Way | null;
  /** for a volume that is made anew: of whatever length it gets */
  readonly ways: VolumeWays | null;
  readonly checks: readonly Check[];
}

export const AS_IT_WAS: Remade = { way: null, ways: null, checks: [] };

/**
 * @param volume the partition, by its number
 * @param usedBytes what a capture takes of it
 * @throws EngineError `READ_FAILED`
 */
export async function planRemade(
  volume: string,
  source: BlockSource,
  content: FileSystem | null,
  usedBytes: number,
  sectorBytes: number,
  abilities: Abilities,
): Promise<Remade> {
  if (!content || (await moveFileSystem(source, content, sectorBytes)).isPossible) return AS_IT_WAS;
  const remaking = await remakingOf(source, content, usedBytes, sectorBytes, abilities);
  if (!remaking) return AS_IT_WAS;
  if ('missing' in remaking) {
    const data = { volume, fileSystem: content.kind, sectorBytes, missing: remaking.missing };
    return { ...AS_IT_WAS, checks: [{ code: 'VOLUME_NOT_REMADE', level: 'warn', data }] };
  }
  const { way, minimumBytes } = remaking;
  const { lengthBytes } = source;
  if (!way) {
    const data = { volume, askedBytes: lengthBytes, minimumBytes };
    return { ...AS_IT_WAS, checks: [{ code: 'VOLUME_TOO_SMALL', level: 'warn', data }] };
  }
  return {
    way,
    ways: { growing: way, shrinking: way, minimumBytes, maximumBytes: Number.MAX_SAFE_INTEGER },
    checks: [
      { code: 'VOLUME_MADE_FOR_SECTORS', level: 'warn', data: { volume, fileSystem: content.kind, sectorBytes } },
    ],
  };
}
