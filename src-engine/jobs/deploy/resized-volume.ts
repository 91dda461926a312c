/** Volumes that programs have changed, or are about to: as our own readers see them. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { slice } from '../../disk/slice.ts';
import type { FileSystem } from '../../filesystems/file-system.port.ts';
import { recogniseFileSystem } from '../../filesystems/recognise.ts';
import { openFileSource } from '../../formats/raw/file-source.ts';
import { incompatibleFeatures } from '../../resizing/incompatible-features.ts';
import { resizerOf } from '../../resizing/ways.ts';
import type { Deployment } from './deployment.ts';
import { notResized } from './not-resized.ts';

/** @throws EngineError `RESIZE_CONTRADICTED` where it is not what the plan has seen */
export async function resizable(source: BlockSource, volume: string): Promise<Resizable> {
  const fileSystem = await recogniseFileSystem(source);
  if (!fileSystem || !resizerOf(fileSystem.kind)) throw notResized(volume, 'file system');
  return { fileSystem, features: await incompatibleFeatures(source, fileSystem.kind) };
}

/** A file system as it was, and what it asked of its readers. */
export interface Resizable {
  readonly fileSystem: FileSystem;
  readonly features: bigint;
}

/** The volume as it is on the target now, opened once more for reading. */
export async function withVolume(
  { target, sink }: Pick<Deployment, 'target' | 'sink'>,
  { startBytes, lengthBytes }: VolumePlan,
  work: (source: BlockSource) => Promise<void>,
): Promise<void> {
  const disk = await openFileSource(`/proc/self/fd/${target.fd}`, sink);
  try {
    await work(slice(disk, startBytes, lengthBytes));
  } finally {
    await disk.close();
  }
}

/**
 * What a program has made is looked at by our own reader: it is the same file system, as long as it was to be, and as
 * easy to read.
 * @throws EngineError `RESIZE_CONTRADICTED`
 */
export async function expectResized(
  source: BlockSource,
  { fileSystem: before, features }: Resizable,
  lengthBytes: number,
): Promise<FileSystem> {
  const after = await recogniseFileSystem(source);
  if (!after || after.kind !== before.kind || after.uuid !== before.uuid) throw notResized(before.kind, 'file system');
  const missingBytes = lengthBytes - after.lengthBytes;
  if (missingBytes < 0 || missingBytes >= MAX_UNUSED_BYTES) throw notResized(before.kind, 'length');
  // whoever has mounted it has unmounted it: what is left in a log did not get to its place
  if (after.warnings.some(({ code }) => code === 'JOURNAL_NOT_CLEAN')) throw notResized(before.kind, 'journal');
  // its guest's boot loader may not know what a newer program added
  if ((await incompatibleFeatures(source, after.kind)) & ~features) throw notResized(before.kind, 'features');
  return after;
}

/** A last group of blocks that is too short for its own tables is left out: of ext up to 128 MiB, of XFS up to a group of 64 blocks. */
const MAX_UNUSED_BYTES = 256 * 1024 * 1024;

/**
 * What of a volume is to be copied: all of it, where a program has left it in a state that our own reader does not take free space from.
 */
export async function* usedOrWhole(fileSystem: FileSystem, signal: AbortSignal): AsyncGenerator<readonly Extent[]> {
  if (await isCertain(fileSystem, signal)) yield* fileSystem.used(signal);
  else yield [{ startBytes: 0, lengthBytes: fileSystem.lengthBytes }];
}

async function isCertain(fileSystem: FileSystem, signal: AbortSignal): Promise<boolean> {
  try {
    for await (const _ of fileSystem.used(signal)) signal.throwIfAborted();
    return true;
  } catch (error) {
    if (error instanceof EngineError && ['FORMAT_INVALID', 'FORMAT_UNSUPPORTED'].includes(error.code)) return false;
    throw error;
  }
}
