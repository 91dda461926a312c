import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobView } from '../contract/job.contract.ts';
import { partialNameOf, removePartial } from '../core/partial-output.ts';
import { removeLostClaim } from '../machines/linux/claimed-files.ts';
import { isRelaying, relayFolderOf, VIEW_NAME } from '../machines/qemu/disk-relay.ts';
import { endLostView } from '../machines/qemu/overlay-view.ts';
import { detachLostLoops } from '../resizing/lost-loops.ts';

/** Removes what a deploy or an export whose process died has left unfinished, of all targets that it had. */
export async function removeLostTarget(job: JobView): Promise<void> {
  if (job.kind !== 'deploy' && job.kind !== 'export') return;
  // what older versions wrote has no parts
  const parts = job.parts.length > 0 ? job.parts : [{ path: job.path, planId: job.id }];
  const targets = parts.map(({ path, planId = job.id }) => ({ path, planId, partial: partialNameOf(path, planId) }));
  if (job.kind === 'deploy') {
    await detachLostLoops((behind) =>
      targets.some(({ path, partial }) => behind === path || behind.includes(`/${partial}/`)),
    );
  }
  for (const { path, planId } of targets) {
    await removePartial(path, planId).catch(() => {});
    await removeLostClaim(path).catch(() => {});
    await removeLostServing(planId).catch(() => {});
  }
}

/** Of a deploy over what is served: its view, and its folder where no machine was made that uses it. */
async function removeLostServing(planId: string): Promise<void> {
  const folder = relayFolderOf(planId);
  if (!(await stat(folder).catch(() => null))?.isDirectory() || (await isRelaying(folder))) return;
  await endLostView(join(folder, VIEW_NAME));
  await rm(folder, { recursive: true, force: true });
}
