/** Which volumes can become longer or shorter on this machine, how, and how far. */
import type { FileSystemKind } from '../contract/disk.contract.ts';
import { EngineError } from '../core/engine-error.ts';
import type { BlockSource } from '../disk/block-source.port.ts';
import type { FileSystem } from '../filesystems/file-system.port.ts';
import { TOOL_PACKAGES, type Tool } from '../tools/tools.ts';
import type { Abilities } from './abilities.ts';
import { btrfsResizer } from './btrfs.ts';
import { extResizer } from './ext.ts';
import { ntfsResizer } from './ntfs.ts';
import type { LengthRefusal, Resizer, VolumeWays, Way } from './resizer.port.ts';
import { swapWays } from './swap.ts';
import { xfsResizer } from './xfs.ts';

const RESIZERS: Partial<Record<FileSystemKind, Resizer>> = {
  ext2: extResizer,
  ext3: extResizer,
  ext4: extResizer,
  ntfs: ntfsResizer,
  xfs: xfsResizer,
  btrfs: btrfsResizer,
};

export const resizerOf = (kind: FileSystemKind): Resizer | null => RESIZERS[kind] ?? null;

export const isWay = (way: Way | LengthRefusal): way is Way => 'method' in way;

/** Of a volume that stays as long as it is. */
export function fixedWays(lengthBytes: number, refusal: LengthRefusal): VolumeWays {
  return { growing: refusal, shrinking: refusal, minimumBytes: lengthBytes, maximumBytes: lengthBytes };
}

/** What comes of a volume on a disk whose sectors are larger than its blocks: it is made anew, or stays as it is for a reason. */
export type Remaking =
  | { readonly way: Way; readonly minimumBytes: number }
  | { readonly missing: string }
  | { readonly minimumBytes: number; readonly way: null };

/**
 * @param content whose blocks are smaller than `sectorBytes`
 * @returns how it is made anew, what that takes that is not here, or how long it would have to be; null where nobody makes it anew
 * @throws EngineError `READ_FAILED`
 */
export async function remakingOf(
  volume: BlockSource,
  content: FileSystem,
  usedBytes: number,
  sectorBytes: number,
  abilities: Abilities,
): Promise<Remaking | null> {
  const { kind, uuid, warnings } = content;
  const resizer = resizerOf(kind);
  const way = resizer?.remaking;
  if (!resizer?.remadeLimits || !way) return null;
  if (warnings.some(({ code }) => !resizer.toleratedWarnings.includes(code))) return null;
  const limits = await resizer.remadeLimits(volume, content, usedBytes, sectorBytes).catch(nullWhereInvalid);
  if (limits === null || limits.refusal !== undefined || abilities.isMounted(kind, uuid)) return null;
  const { minimumBytes } = limits;
  const missing = missingFor(kind, way, abilities);
  if (missing) return { missing: String(missing.data.tool ?? MISSING[missing.code]) };
  return minimumBytes > volume.lengthBytes ? { way: null, minimumBytes } : { way, minimumBytes };
}

const MISSING: Partial<Record<LengthRefusal['code'], string>> = {
  VOLUME_NEEDS_ROOT: 'root',
  VOLUME_NEEDS_KERNEL: 'kernel',
};

function nullWhereInvalid(error: unknown): null {
  if (error instanceof EngineError && error.code === 'FORMAT_INVALID') return null;
  throw error;
}

/**
 * @param content null where nothing is known of it
 * @param usedBytes what a capture takes of it @param mayShrink whether the least that it can be matters
 * @throws EngineError `READ_FAILED`
 */
export async function waysOf(
  volume: BlockSource,
  content: FileSystem | null,
  usedBytes: number,
  abilities: Abilities,
  mayShrink: boolean,
): Promise<VolumeWays> {
  const { lengthBytes } = volume;
  const fixed = (refusal: LengthRefusal) => fixedWays(lengthBytes, refusal);
  const never: LengthRefusal = { code: 'VOLUME_FIXED_LENGTH', data: { fileSystem: content?.kind ?? null } };
  if (!content) return fixed(never);
  const unsound: LengthRefusal = { code: 'VOLUME_NOT_SOUND', data: { fileSystem: content.kind } };
  if (content.kind === 'swap') return content.captureAs === 'header-only' ? swapWays(content) : fixed(unsound);
  const resizer = resizerOf(content.kind);
  if (!resizer) return fixed(never);
  if (content.warnings.some(({ code }) => !resizer.toleratedWarnings.includes(code))) return fixed(unsound);
  const limits = await resizer.limits(volume, content, usedBytes, mayShrink).catch(nullWhereInvalid);
  if (limits === null) return fixed(unsound);
  if (limits.refusal !== undefined) return fixed(never);
  if (abilities.isMounted(content.kind, content.uuid)) {
    return fixed({ code: 'VOLUME_MOUNTED_HERE', data: { fileSystem: content.kind } });
  }
  const canShrink = limits.minimumBytes < lengthBytes;
  return {
    growing: wayHere(content.kind, resizer, resizer.growing, abilities) ?? never,
    shrinking: canShrink
      ? (wayHere(content.kind, resizer, resizer.shrinking, abilities) ?? never)
      : { code: 'VOLUME_AT_ITS_LEAST', data: { fileSystem: content.kind, lengthBytes } },
    minimumBytes: Math.min(limits.minimumBytes, lengthBytes),
    maximumBytes: limits.maximumBytes,
  };
}

/** The first that can be gone, or what the best of them is missing; null where there is none at all. */
function wayHere(
  kind: FileSystemKind,
  resizer: Resizer,
  ways: readonly Way[],
  abilities: Abilities,
): Way | LengthRefusal | null {
  const judged = ways.map((way) => missingFor(kind, way, abilities, resizer.tools) ?? way);
  return judged.find(isWay) ?? judged.at(0) ?? null;
}

/**
 * @param name of what is to get another length
 * @param own tools that the family needs beside the way's
 * @returns what stands against a way on this machine; null for nothing
 */
export function missingFor(
  name: FileSystemKind | 'LVM2',
  way: Way,
  abilities: Abilities,
  own: readonly Tool[] = [],
): LengthRefusal | null {
  const tool = [...own, ...way.tools].find((one) => !abilities.hasTool(one));
  if (tool) return { code: 'VOLUME_NEEDS_TOOL', data: { fileSystem: name, tool, package: TOOL_PACKAGES[tool] } };
  if (way.needsRoot && !abilities.isRoot) return { code: 'VOLUME_NEEDS_ROOT', data: { fileSystem: name } };
  const isKnown = !way.isMounted || (name !== 'LVM2' && abilities.canMount(name));
  return isKnown ? null : { code: 'VOLUME_NEEDS_KERNEL', data: { fileSystem: name } };
}

/** Programs that a way takes, each once. */
export function toolsOf(kind: FileSystemKind, way: Way): readonly Tool[] {
  return [...new Set([...(resizerOf(kind)?.tools ?? []), ...way.tools])];
}
