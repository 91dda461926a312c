/** Identifiers of table, file systems and LVM become those that files of the guest name by now; the target goes on not looking finished. */
import type { JobContext } from '../../core/job-context.ts';
import { renameGroups, renew } from '../../identifiers/renew.ts';
import { setUuidByProgram } from '../../identifiers/uuid-programs.ts';
import { openVolumes } from '../../inspection/disk-inspection.ts';
import type { Patch } from '../../volumes/layout.port.ts';
import { impossible } from '../../writers/refusals.ts';
import type { Deployment } from './deployment.ts';
import { targetView } from './target-view.ts';
import { placeOnDisk } from './volume-on-disk.ts';
import { writeHeld, writeOthers } from './write-held.ts';
import { isFileTarget } from './volume-target.ts';

/**
 * What is held back is changed where it is held: tables get their new identifiers in memory.
 * @throws EngineError `GUEST_DIFFERS`, `GUEST_CHANGE_IMPOSSIBLE`, `VERIFY_MISMATCH`, `WRITE_FAILED`, `TOOL_MISSING`, `TOOL_FAILED`,
 *   `TOOL_TIMED_OUT`, `ABORTED`
 */
export async function renewIds(deployment: Deployment, context: JobContext): Promise<void> {
  const { sink, target, plan } = deployment;
  const { identifiers, corePatches } = deployment.identifiers;
  if (identifiers.length === 0) return;
  context.phase('customising', 0);
  const source = targetView(deployment);
  const disk = {
    source,
    write: (patches: readonly Patch[]) => writeOthers(deployment, patches),
    async byProgram(ref: string, fileSystem: Parameters<typeof setUuidByProgram>[0], uuid: string) {
      const place = placeOnDisk(await openVolumes(source), ref);
      if (!place) throw impossible(ref, 'scattered');
      await writeHeld(deployment, place);
      const { startBytes: offsetBytes, lengthBytes } = place;
      const isDevice = !isFileTarget(plan);
      await setUuidByProgram(
        fileSystem,
        { descriptor: target.fd, offsetBytes, lengthBytes, isDevice },
        uuid,
        context.signal,
      );
      await sink.sync();
    },
  };
  await renew(disk, identifiers);
  await disk.write(corePatches);
  const nothing = { changes: [], changedFiles: 0, sameFiles: 0, sameBytes: 0 };
  deployment.inside = { ...(deployment.inside ?? nothing), identifiers: [...identifiers] };
}

/**
 * Files call groups by their new names already. It comes last: the plan knows volumes by the old ones.
 * @throws EngineError as {@link renewIds}
 */
export async function nameGroups(deployment: Deployment): Promise<void> {
  const write = (patches: readonly Patch[]) => writeOthers(deployment, patches);
  await deployment.sink.sync();
  await renameGroups({ source: targetView(deployment), write }, deployment.identifiers.identifiers);
}
