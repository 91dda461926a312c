/** Programs that give a file system another UUID, where bytes of ours are not enough. */
import type { FileSystem } from '../filesystems/file-system.port.ts';
import { LOOP_TOOLS, withLoopDevice } from '../tools/loop-device.ts';
import { toolsToMount, withMountedDevice } from '../tools/mounted-device.ts';
import { runTool } from '../tools/run-tool.ts';
import type { Tool } from '../tools/tools.ts';
import { HANDED, type VolumePlace } from '../writers/volume-place.ts';

/** Every block with a checksum is written anew, on the largest disks that people have. */
const DEADLINE_MS = 2 * 60 * 60_000;
/** e2fsck(8): 0 nothing was wrong, 1 and 2 what was wrong is corrected */
const SOUND = [0, 1, 2];

const isDirty = ({ warnings }: Pick<FileSystem, 'warnings'>) =>
  warnings.some(({ code }) => code === 'JOURNAL_NOT_CLEAN' || code === 'FILESYSTEM_NOT_CLEAN');

/** What it takes to do it to a file system: programs, and rights. @param isDevice the target is a disk, and no file */
export function needsForUuid(
  fileSystem: Pick<FileSystem, 'kind' | 'warnings'>,
  isDevice: boolean,
): { readonly tools: readonly Tool[]; readonly needsRoot: boolean } {
  const dirty = isDirty(fileSystem);
  if (fileSystem.kind === 'xfs') {
    return { tools: ['xfs_db', ...LOOP_TOOLS, ...(dirty ? toolsToMount('xfs') : [])], needsRoot: true };
  }
  const needsRoot = isDevice || dirty;
  return { tools: ['e2fsck', 'tune2fs', ...(needsRoot ? LOOP_TOOLS : [])], needsRoot };
}

/**
 * @param fileSystem as it is on the place now
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `ABORTED`
 */
export async function setUuidByProgram(
  fileSystem: Pick<FileSystem, 'kind' | 'warnings'>,
  place: VolumePlace,
  uuid: string,
  signal: AbortSignal,
): Promise<void> {
  if (fileSystem.kind === 'xfs') {
    await withLoopDevice(place, signal, async (device) => {
      // its program wants a log in which nothing waits
      if (isDirty(fileSystem)) await withMountedDevice('xfs', device, signal, async () => {});
      // as xfs_admin has it done
      await runTool('xfs_db', ['-x', '-p', 'xfs_admin', '-c', `uuid ${uuid}`, device], { signal });
    });
    return;
  }
  const set = async (volume: string, descriptors: readonly number[]) => {
    const run = { signal, descriptors, deadlineMs: DEADLINE_MS };
    // replays the journal; tune2fs wants to have it checked before it writes checksums anew
    await runTool('e2fsck', ['-f', '-p', volume], { ...run, goodCodes: SOUND });
    await runTool('tune2fs', ['-U', uuid, volume], run);
  };
  const { needsRoot } = needsForUuid(fileSystem, place.isDevice);
  if (needsRoot) return withLoopDevice(place, signal, (device) => set(device, []));
  await set(`${HANDED}?offset=${place.offsetBytes}`, [place.descriptor]);
}
