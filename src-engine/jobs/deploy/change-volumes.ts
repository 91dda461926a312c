/** Files of volumes of the target become what was asked for: no volume is touched before it is known of all that they can be. */
import { EngineError } from '../../core/engine-error.ts';
import type { FileTree } from '../../filesystems/file-tree.port.ts';
import { openVolumes, type OpenedVolume } from '../../inspection/disk-inspection.ts';
import { impossible } from '../../writers/refusals.ts';
import type { VolumeChanges } from '../../writers/steps.port.ts';
import { changeVolume } from '../../writers/write-volume.ts';
import type { Deployment } from './deployment.ts';
import { targetView } from './target-view.ts';
import { placeOnDisk } from './volume-on-disk.ts';
import { writeHeld } from './write-held.ts';
import { isFileTarget } from './volume-target.ts';

/**
 * What is held back of a volume is written first: without its table it does not make a disk look finished.
 * @param volumes of the target, where the changes are
 * @throws EngineError `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE`, `GUEST_DIFFERS`, `TOOL_FAILED`, `TOOL_MISSING`, `TOOL_TIMED_OUT`
 */
export async function changeVolumes(
  deployment: Deployment,
  volumes: readonly OpenedVolume[],
  changes: readonly VolumeChanges[],
  signal: AbortSignal,
): Promise<void> {
  const { plan, target } = deployment;
  const isDevice = !isFileTarget(plan);
  const places = changes.map(({ ref, steps }) => {
    const place = placeOnDisk(volumes, ref);
    const { path } = steps[0].change;
    if (!place) throw impossible(path, 'scattered');
    if (isDevice && place.startBytes === 0) throw impossible(path, 'whole-disk');
    return place;
  });
  for (const [i, volume] of changes.entries()) {
    await writeHeld(deployment, places[i]);
    const { startBytes: offsetBytes, lengthBytes } = places[i];
    const place = { descriptor: target.fd, offsetBytes, lengthBytes, isDevice };
    await changeVolume(volume, place, () => reopened(deployment, volume.ref), signal);
  }
}

/** The volume's files as they are by now. */
async function reopened(deployment: Deployment, ref: string): Promise<FileTree> {
  await deployment.sink.sync();
  const volume = (await openVolumes(targetView(deployment))).find((one) => one.ref === ref);
  if (!volume?.fileSystem?.browse) throw volume?.refusal ?? new EngineError('NO_FILE_SYSTEM', { name: ref });
  return volume.fileSystem.browse();
}
