/** A partition that is one of a mirror (MD RAID 1): what is on its array can become longer, and the array with it. */
import type { FileSystemKind } from '../../contract/disk.contract.ts';
import type { TreeVolume } from '../../inspection/volume-tree.ts';
import type { Abilities } from '../../resizing/abilities.ts';
import type { VolumeWays } from '../../resizing/resizer.port.ts';
import { isWay, waysOf } from '../../resizing/ways.ts';
import { mirrorOn } from '../../volumes/md/grow.ts';

/** Superblocks, bitmaps and what their tools leave free come to no more than this on a member. */
const MAX_BESIDE_BYTES = 256 * 1024 * 1024;

export interface MirrorCandidate {
  readonly kind: FileSystemKind;
  readonly ways: VolumeWays;
}

/**
 * Others of the same mirror would have to become as long: it is done where this is the only one that is captured.
 * @returns null where it is no such partition, or its array cannot become longer
 * @throws EngineError `READ_FAILED`
 */
export async function mirrorCandidate(
  partition: TreeVolume,
  usedBytes: number,
  abilities: Abilities,
): Promise<MirrorCandidate | null> {
  const { membership, isContested, source } = partition;
  if (isContested || membership?.group.group.kind !== 'md-raid' || membership.group.members.length !== 1) return null;
  const [array] = membership.group.volumes;
  const { fileSystem } = array?.content ?? {};
  if (!fileSystem || array.isContested || array.membership || fileSystem.kind === 'swap') return null;
  const data = await mirrorOn(source);
  if (!data || source.lengthBytes - data.lengthBytes > MAX_BESIDE_BYTES) return null;
  const ways = await waysOf(array.source, fileSystem, usedBytes, abilities, false);
  const besideBytes = source.lengthBytes - data.lengthBytes;
  return {
    kind: fileSystem.kind,
    ways: {
      // what is made in scratch space, and copied, would not know of the superblock
      growing: isWay(ways.growing) && ways.growing.method !== 'in-place' ? FIXED : ways.growing,
      shrinking: FIXED,
      minimumBytes: source.lengthBytes,
      maximumBytes: ways.maximumBytes + besideBytes,
    },
  };
}

const FIXED = { code: 'VOLUME_FIXED_LENGTH', data: { fileSystem: 'md-raid' } } as const;
