/** Starts what was deployed, where that was asked for. The target is finished by then, opened read-only, and not changed any more. */
import type { BootChoice } from '../../contract/boot.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { openDeployed } from './open-deployed.ts';
import { bootFactsOf, busOf } from '../../judgement/boot-facts.ts';
import { proveBoot, type BootProof } from '../../machines/qemu/prove-boot.ts';
import type { FoundDisk } from '../../versions/found-disk.ts';
import { attempt, evidenceOf, refuseUnprovable } from '../prove-version.ts';
import type { Deployment } from './deployment.ts';

/** Whatever comes of it, also where it could not be tried or was cancelled, the target is what was to be written. */
export async function prove(deployment: Deployment, context: JobContext): Promise<void> {
  const { plan, target } = deployment;
  const choice = plan.request.bootProof;
  if (!choice) return;
  context.phase('booting', 0);
  const { sight, error } = await attempt(() => start(deployment, choice, context));
  if (sight) deployment.sight = sight;
  if (!error) return;
  deployment.notProven = error.toView();
  context.warn({ code: 'DEPLOY_NOT_PROVEN', data: { path: target.path } });
}

async function start(
  { plan, parts, target, tell }: Deployment,
  choice: BootChoice,
  context: JobContext,
): Promise<BootProof> {
  const { version } = parts.templates.find(`${plan.templateId}@${plan.versionNumber}`);
  const source = await openDeployed(target.path, plan.target, plan.request.diskFormat, context.signal);
  try {
    const disks = [{ source, bus: busOf(version.disks[plan.disk - 1].bus) }];
    const proof = await proveBoot({ ...bootFactsOf(version), name: target.path, disks }, choice, context.signal);
    await tell(evidenceOf(proof));
    return proof;
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
