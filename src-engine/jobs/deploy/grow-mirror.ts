/** A mirror's member that got more room: superblock and bitmap first, then what is on the array. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { JobContext } from '../../core/job-context.ts';
import { slice } from '../../disk/slice.ts';
import { resizerOf } from '../../resizing/ways.ts';
import { grownMember, mirrorOn } from '../../volumes/md/grow.ts';
import { patchesAt } from '../../volumes/patches.ts';
import type { Deployment } from './deployment.ts';
import { notResized } from './not-resized.ts';
import { expectResized, resizable, withVolume } from './resized-volume.ts';
import { writeOthers } from './write-held.ts';

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `RESIZE_CONTRADICTED`, `VERIFY_MISMATCH`, `WRITE_FAILED`, `ABORTED` */
export async function growMirror(deployment: Deployment, volume: VolumePlan, context: JobContext): Promise<void> {
  const { sink, target } = deployment;
  await withVolume(deployment, volume, async (source) => {
    const grown = await grownMember(source, volume.beforeBytes);
    if (!grown) throw notResized(volume.volume, 'array');
    const { data, patches } = grown;
    const array = slice(source, data.startBytes, data.lengthBytes);
    const before = await resizable(array, volume.volume);
    await writeOthers(deployment, patchesAt(volume.startBytes, patches));
    const now = await mirrorOn(source);
    if (now?.startBytes !== data.startBytes || now.lengthBytes !== data.lengthBytes)
      throw notResized(volume.volume, 'array');
    const piece = {
      fd: target.fd,
      isScratch: false,
      startBytes: volume.startBytes + data.startBytes,
      lengthBytes: data.lengthBytes,
      sectorBytes: sink.sectorBytes,
    };
    await resizerOf(before.fileSystem.kind)!.resize(piece, before.fileSystem, data.lengthBytes, context.signal);
    await sink.sync();
    await expectResized(array, before, data.lengthBytes);
  });
}
