/** Starts what was deployed, where that was asked for. The target is finished by then, opened read-only, and not changed any more. */
import type { BootChoice } from '../../contract/boot.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { openFileSource } from '../../formats/raw/file-source.ts';
import { bootFactsOf, busOf } from '../../judgement/boot-facts.ts';
import { proveBoot } from '../../machines/qemu/prove-boot.ts';
import type { FoundDisk } from '../../versions/found-disk.ts';
import { evidenceOf, refuseUnprovable } from '../prove-version.ts';
import type { Deployment } from './deployment.ts';

/** @throws EngineError `BOOT_…` where it does not come up; `TOOL_FAILED`, `DISK_FULL` where that could not be tried */
export async function prove(deployment: Deployment, context: JobContext): Promise<void> {
  const { plan, parts, target } = deployment;
  const choice = plan.request.bootProof;
  if (!choice) return;
  context.phase('booting', 0);
  const { version } = parts.templates.find(`${plan.templateId}@${plan.versionNumber}`);
  const source = await openFileSource(target.path, plan.target);
  try {
    const disks = [{ source, bus: busOf(version.disks[plan.disk - 1].bus) }];
    const proof = await proveBoot({ ...bootFactsOf(version), name: target.path, disks }, choice, context.signal);
    await deployment.tell(evidenceOf(proof));
    if (proof.error) throw proof.error;
    if (proof.sight) deployment.sight = proof.sight;
  } finally {
    await source.close();
  }
}

/** @throws EngineError `TOOL_MISSING`; `BAD_REQUEST` for one of several disks, which is no machine */
export function refuseUnprovableDeploy({ version }: FoundDisk, choice: BootChoice): void {
  if (version.disks.length > 1) {
    throw new EngineError('BAD_REQUEST', { field: 'bootProof', reason: 'one of several disks is not started alone' });
  }
  refuseUnprovable(choice);
}
