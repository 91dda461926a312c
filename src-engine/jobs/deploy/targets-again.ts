/** Looks at targets again between their plans and the first write: what was shown must be what is there. */
import { lstat } from 'node:fs/promises';
import { EngineError } from '../../core/engine-error.ts';
import { refuseBlockedCheck } from '../../judgement/overrides.ts';
import { checkFile } from '../../judgement/target-checks.ts';
import type { Machine } from '../../machines/machine.port.ts';
import type { EngineParts } from '../engine-parts.ts';
import type { DeployRecord } from '../plan-records.ts';
import { ofTarget } from './of-target.ts';
import { findPlannedDevice } from './planned-deploy.ts';
import { isFileTarget, takenVolumeChecks, volumeOf } from './volume-target.ts';

/**
 * @param targets as they were named
 * @throws EngineError `TARGET_TWICE` where two are the same, by whatever names
 */
export async function refuseTwice(machine: Machine, targets: readonly string[]): Promise<void> {
  const taken = new Map<string, string>();
  for (const asked of targets) {
    const bytes = await machine.bytesAt(asked);
    const other = bytes.map((name) => taken.get(name)).find((path) => path !== undefined);
    if (other !== undefined) {
      const place = await machine.placeOf(asked).catch(() => null);
      throw new EngineError('TARGET_TWICE', { path: asked, other, target: place?.path ?? asked });
    }
    for (const name of bytes) taken.set(name, asked);
  }
}

/**
 * Looks at the targets of several plans before the first of them is written to.
 * @throws EngineError `TARGET_TWICE` where two are the same, by whatever names; `DEVICE_CHANGED`, `DEVICE_BUSY`, `OVERWRITE_REQUIRED`, `PLAN_BLOCKED`
 */
export async function checkTogether(parts: EngineParts, plans: readonly DeployRecord[]): Promise<void> {
  await refuseTwice(
    parts.machine,
    plans.map(({ asked }) => asked),
  );
  for (const plan of plans) {
    await ofTarget(plan, async () => {
      if (isFileTarget(plan)) await checkFileAgain(parts, plan, plan.writeBytes);
      // pools are asked when the volume is made
      else if (volumeOf(plan)) refuseBlockedCheck(await takenVolumeChecks(plan.vm!, plan.target.path, []));
      else await findPlannedDevice(parts.machine, plan, parts.layout.root);
    });
  }
}

/**
 * A file that became somebody else's matter since the plan was made is left alone. Devices are checked when they are opened.
 * @throws EngineError `OVERWRITE_REQUIRED`, `PLAN_BLOCKED`
 */
export async function checkFileAgain(parts: EngineParts, plan: DeployRecord, usedBytes: number): Promise<void> {
  const target = { place: plan.target, exists: await exists(plan.target.path) };
  if (target.exists && !plan.needsOverwrite) throw new EngineError('OVERWRITE_REQUIRED', { path: plan.target.path });
  const checks = await checkFile(parts.machine, target, usedBytes, parts.layout.root);
  refuseBlockedCheck(checks);
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
