/** Customise: files of the guest become what was asked for, and everything else is found to be the template's. */
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { RENEWAL_REASONS, type ChangeReason } from '../../contract/deploy.contract.ts';
import type { FileTree } from '../../filesystems/file-tree.port.ts';
import { openVolumes } from '../../inspection/disk-inspection.ts';
import { impossible } from '../../writers/refusals.ts';
import { changeVolume } from '../../writers/write-volume.ts';
import type { Deployment } from './deployment.ts';
import { nothingElseChanged } from './nothing-else.ts';
import { openDisk } from './opened-disk.ts';
import { changesInside, planInside } from './plan-inside.ts';
import { targetView } from './target-view.ts';
import { placeOnDisk } from './volume-on-disk.ts';
import { writeHeld } from './write-held.ts';

/**
 * What is held back of a volume is written first: without its table it does not make a disk look finished.
 * @throws EngineError `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE` before anything inside is changed; `GUEST_DIFFERS`, `TOOL_FAILED`,
 *   `TOOL_MISSING`, `TOOL_TIMED_OUT`
 */
export async function customise(deployment: Deployment, context: JobContext): Promise<void> {
  const { plan, sink, target } = deployment;
  if (!changesInside(plan.request) && plan.copied.length === 0) return;
  const { signal } = context;
  context.phase('customising', 0);
  await sink.sync();
  const isAlone = deployment.diskCount === 1;
  const isDevice = plan.target.kind === 'device';
  const options = { isAlone, isDevice, idSeed: plan.idSeed, copied: plan.copied };
  const inside = await planInside(await openDisk(targetView(deployment)), plan.request, options, signal);
  const refused = inside.notes.find(({ isPossible, reason }) => !isPossible && !isIdentity(reason));
  if (refused) throw new EngineError('PLAN_BLOCKED', { check: 'SETTING_IMPOSSIBLE', setting: refused.reason });
  // and not the changes: their files are large, and are not needed once they are written
  const { identifiers, corePatches } = inside;
  deployment.identifiers = { identifiers, corePatches };
  if (inside.changes.length === 0) return;
  const places = inside.changes.map((volume) => {
    const place = placeOnDisk(inside.volumes, volume.ref);
    const { path } = volume.steps[0].change;
    if (!place) throw impossible(path, 'scattered');
    if (isDevice && place.startBytes === 0) throw impossible(path, 'whole-disk');
    return place;
  });
  for (const [i, volume] of inside.changes.entries()) {
    await writeHeld(deployment, places[i]);
    const { startBytes: offsetBytes, lengthBytes } = places[i];
    const place = { descriptor: target.fd, offsetBytes, lengthBytes, isDevice };
    await changeVolume(volume, place, () => reopened(deployment, volume.ref), signal);
  }
  deployment.inside = await nothingElseChanged(deployment, inside.changes, signal);
}

const isIdentity = (reason: ChangeReason) => (RENEWAL_REASONS as readonly string[]).includes(reason);

/** The volume's files as they are by now. */
async function reopened(deployment: Deployment, ref: string): Promise<FileTree> {
  await deployment.sink.sync();
  const volume = (await openVolumes(targetView(deployment))).find((one) => one.ref === ref);
  if (!volume?.fileSystem?.browse) throw volume?.refusal ?? new EngineError('NO_FILE_SYSTEM', { name: ref });
  return volume.fileSystem.browse();
}
