/** Adjust: volumes that got more room use it. They are on the target already, and the target does not look finished. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { JobContext } from '../../core/job-context.ts';
import { resizerOf } from '../../resizing/ways.ts';
import type { Deployment } from './deployment.ts';
import { growMemberInPlace } from './grow-member.ts';
import { growMirror } from './grow-mirror.ts';
import { isInner } from './plan-inner-volumes.ts';
import { expectResized, resizable, withVolume } from './resized-volume.ts';
import { writeHeld } from './write-held.ts';

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `RESIZE_CONTRADICTED`, `VERIFY_MISMATCH`, `WRITE_FAILED`, `ABORTED` */
export async function adjust(deployment: Deployment, context: JobContext): Promise<void> {
  for (const volume of deployment.plan.volumes) {
    if (!isGrown(volume) || isMember(volume)) continue;
    context.phase('resizing', 0);
    await writeHeld(deployment, volume);
    await (volume.isMirror ? growMirror : growInPlace)(deployment, volume, context);
  }
}

/**
 * Physical volumes of LVM2 and what is on them. A logical volume with another behind it grows in pieces, which nobody here shows to a program as
 * one: so it grows after its files and its UUIDs have been changed.
 * @throws EngineError those of {@link adjust}
 */
export async function growMembers(deployment: Deployment, context: JobContext): Promise<void> {
  for (const volume of deployment.plan.volumes) {
    if (!isGrown(volume) || !isMember(volume)) continue;
    context.phase('resizing', 0);
    await writeHeld(deployment, volume);
    await growMemberInPlace(deployment, volume, context);
  }
}

const isGrown = (volume: VolumePlan) => volume.method === 'in-place' && !isInner(volume);
const isMember = ({ tools }: VolumePlan) => tools.includes('lvm');

async function growInPlace(deployment: Deployment, volume: VolumePlan, context: JobContext): Promise<void> {
  const { sink, target } = deployment;
  const { startBytes, lengthBytes } = volume;
  await withVolume(deployment, volume, async (source) => {
    const before = await resizable(source, volume.volume);
    const piece = { fd: target.fd, isScratch: false, startBytes, lengthBytes, sectorBytes: sink.sectorBytes };
    await resizerOf(before.fileSystem.kind)!.resize(piece, before.fileSystem, lengthBytes, context.signal);
    await sink.sync();
    await expectResized(source, before, lengthBytes);
  });
}
