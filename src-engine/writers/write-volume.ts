/** Carries out the steps of one volume, by whatever writes its kind of file system. */
import { EngineError } from '../core/engine-error.ts';
import { LOOP_TOOLS, withLoopDevice } from '../tools/loop-device.ts';
import { isMountedKind, toolsToMount } from '../tools/mounted-device.ts';
import type { Tool } from '../tools/tools.ts';
import type { FileTree } from '../filesystems/file-tree.port.ts';
import { compareVolume } from './compare.ts';
import { writeExt } from './ext/write-ext.ts';
import { writeFat } from './fat/write-fat.ts';
import { writeMounted } from './write-mounted.ts';
import { impossible } from './refusals.ts';
import type { VolumeChanges } from './steps.port.ts';
import type { VolumePlace } from './volume-place.ts';

interface Writer {
  readonly tools: readonly Tool[];
  readonly needsRoot: boolean;
  write(changes: VolumeChanges, place: VolumePlace, signal: AbortSignal): Promise<void>;
}

/** @returns null for kinds of file systems that nothing here writes */
export function writerOf(kind: string): Writer | null {
  if (/^ext[234]$/.test(kind)) return { tools: ['e2fsck', 'debugfs'], needsRoot: false, write: writeExt };
  if (/^fat/.test(kind)) {
    return { tools: ['mcopy', 'mmd', 'mdel', 'mdeltree', 'mattrib'], needsRoot: false, write: writeFat };
  }
  if (isMountedKind(kind)) {
    return {
      tools: [...LOOP_TOOLS, ...toolsToMount(kind)],
      needsRoot: true,
      write: (changes, place, signal) => writeMounted(kind, changes, place, signal),
    };
  }
  return null;
}

/**
 * Carries the steps out, and reads back what they have made.
 * @param reopen the volume's files as they are by now
 * @throws EngineError `GUEST_DIFFERS`; as {@link writeVolume}, `GUEST_CHANGE_IMPOSSIBLE` with the first path for which there was no room
 */
export async function changeVolume(
  changes: VolumeChanges,
  place: VolumePlace,
  reopen: () => Promise<FileTree>,
  signal: AbortSignal,
): Promise<void> {
  const compare = async () => compareVolume(changes, await reopen(), signal);
  await writeVolume(changes, place, signal).catch(async (error) => {
    if (!isForWantOfRoom(error)) throw error;
    const missing = await compare().catch((difference) => difference);
    const { path } = missing instanceof EngineError ? missing.data : {};
    throw impossible(typeof path === 'string' ? path : changes.steps[0].change.path, 'volume-full');
  });
  await compare();
}

/** What debugfs and mtools say of it. */
const isForWantOfRoom = (error: unknown) =>
  error instanceof EngineError &&
  error.code === 'TOOL_FAILED' &&
  /could not allocate|no free space|no space left|disk full/i.test(String(error.data.said));

/**
 * @throws EngineError `GUEST_CHANGE_IMPOSSIBLE`, `GUEST_UNSAFE`, `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `ABORTED`
 */
async function writeVolume(changes: VolumeChanges, place: VolumePlace, signal: AbortSignal): Promise<void> {
  const writer = writerOf(changes.kind);
  if (!writer) throw impossible(changes.steps[0].change.path, 'no-writer');
  if (!place.isDevice || writer.needsRoot) return writer.write(changes, place, signal);
  // who holds a disk exclusively keeps its own programs from it: they get a device of its volume alone
  await withLoopDevice(place, signal, (_device, descriptor) =>
    writer.write(changes, { ...place, descriptor, offsetBytes: 0 }, signal),
  );
}
