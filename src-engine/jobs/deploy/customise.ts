/** Customise: files of the guest become what was asked for, and everything else is found to be the template's. */
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { RENEWAL_REASONS, type ChangeReason } from '../../contract/deploy.contract.ts';
import { isRoot } from '../../core/is-root.ts';
import { changeVolumes } from './change-volumes.ts';
import type { Deployment } from './deployment.ts';
import { nothingElseChanged } from './nothing-else.ts';
import { openDisk } from './opened-disk.ts';
import { changesInside, planInside } from './plan-inside.ts';
import { driverChanges } from './put-in-drivers.ts';
import { targetView } from './target-view.ts';
import { isFileTarget } from './volume-target.ts';

/**
 * @throws EngineError `GUEST_UNSAFE`, `GUEST_CHANGE_IMPOSSIBLE` before anything inside is changed; `GUEST_DIFFERS`, `TOOL_FAILED`,
 *   `TOOL_MISSING`, `TOOL_TIMED_OUT`; as {@link driverChanges}
 */
export async function customise(deployment: Deployment, context: JobContext): Promise<void> {
  const { plan, sink } = deployment;
  if (!changesInside(plan.request) && plan.copied.length === 0) return;
  const { signal } = context;
  context.phase('customising', 0);
  await sink.sync();
  const isAlone = deployment.found.version.disks.length === 1;
  const isDevice = !isFileTarget(plan);
  const disk = await openDisk(targetView(deployment));
  const drivers = await driverChanges(deployment, disk, signal);
  const options = { isAlone, isDevice, hasRoot: isRoot(), idSeed: plan.idSeed, copied: plan.copied, drivers };
  const inside = await planInside(disk, plan.request, options, signal);
  const refused = inside.notes.find(({ isPossible, reason }) => !isPossible && !isIdentity(reason));
  if (refused) throw new EngineError('PLAN_BLOCKED', { check: 'SETTING_IMPOSSIBLE', setting: refused.reason });
  // and not the changes: their files are large, and are not needed once they are written
  const { identifiers, corePatches } = inside;
  deployment.identifiers = { identifiers, corePatches };
  if (inside.changes.length === 0) return;
  await changeVolumes(deployment, inside.volumes, inside.changes, signal);
  deployment.inside = await nothingElseChanged(deployment, inside.changes, signal);
}

const isIdentity = (reason: ChangeReason) => (RENEWAL_REASONS as readonly string[]).includes(reason);
