/** A physical volume of LVM2 that got more room: its group learns of it, logical volumes take it, and what is on them uses it. */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import type { FileSystem } from '../../filesystems/file-system.port.ts';
import { growMember } from '../../resizing/lvm.ts';
import { resizerOf } from '../../resizing/ways.ts';
import type { InnerVolume } from '../../volumes/group.port.ts';
import { toMembers } from '../../volumes/mapped-extents.ts';
import { mappedSource } from '../../volumes/mapped-source.ts';
import { copyExtent, copyMemories } from './copy-extent.ts';
import type { Deployment } from './deployment.ts';
import { isInner } from './plan-inner-volumes.ts';
import { groupOn, notResized } from './not-resized.ts';
import { expectResized, resizable, usedOrWhole, withVolume } from './resized-volume.ts';
import { pieceOf, reading, withScratch } from './scratch-volume.ts';
import { writeHeld } from './write-held.ts';

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `RESIZE_CONTRADICTED`, `VERIFY_MISMATCH`, `WRITE_FAILED`, `ABORTED` */
export async function growMemberInPlace(
  deployment: Deployment,
  member: VolumePlan,
  context: JobContext,
): Promise<void> {
  const { sink, target, plan } = deployment;
  const { startBytes, lengthBytes } = member;
  await withVolume(deployment, member, async (source) => {
    const group = await groupOn(source, member.volume);
    const growing = plan.volumes.filter(
      (volume) => isInner(volume) && volume.method !== 'kept' && volume.volume.startsWith(`${group.name}/`),
    );
    const nameOf = ({ volume }: VolumePlan) => volume.slice(group.name.length + 1);
    const allBytes = growing.reduce((sum, { beforeBytes }) => sum + beforeBytes, 0);
    const piece = { fd: target.fd, isScratch: false, startBytes, lengthBytes, sectorBytes: sink.sectorBytes };
    const shares = growing.map((volume) => ({ name: nameOf(volume), share: volume.beforeBytes / allBytes }));
    await growMember(piece, group.name, shares, context.signal);
    await sink.sync();
    const grown = await groupOn(source, member.volume);
    for (const volume of growing) {
      const inner = grown.volumes.find(({ name }) => name === nameOf(volume));
      if (!inner || inner.lengthBytes < volume.beforeBytes) throw notResized(volume.volume, 'length');
      await growInner(deployment, source, member, inner, context);
    }
  });
}

async function growInner(
  deployment: Deployment,
  source: BlockSource,
  member: VolumePlan,
  { name, lengthBytes, copies }: InnerVolume,
  context: JobContext,
): Promise<void> {
  const { target, sink } = deployment;
  const [runs] = copies;
  const volume = mappedSource([source], runs, lengthBytes);
  const before = await resizable(volume, name);
  const resizer = resizerOf(before.fileSystem.kind)!;
  if (runs.length === 1) {
    // it is one piece of the disk
    const startBytes = member.startBytes + runs[0].columns[0].startBytes;
    const piece = { fd: target.fd, isScratch: false, startBytes, lengthBytes, sectorBytes: sink.sectorBytes };
    await resizer.resize(piece, before.fileSystem, lengthBytes, context.signal);
    await sink.sync();
    await expectResized(volume, before, lengthBytes);
    return;
  }
  // nothing shows scattered pieces as one without device-mapper: it grows beside the catalog, and what it uses comes back
  await withScratch(deployment, lengthBytes, async (scratch) => {
    await copyUsed(before.fileSystem, volume, context, (bytes, at) => scratch.sink.write(at, bytes));
    await scratch.sink.sync();
    await resizer.resize(pieceOf(scratch), before.fileSystem, lengthBytes, context.signal);
    await scratch.restoreLength();
    await scratch.sink.sync();
    await reading(scratch, async (resized) => {
      const after = await expectResized(resized, before, lengthBytes);
      const memories = copyMemories();
      for await (const batch of usedOrWhole(after, context.signal)) {
        for (const extent of batch) {
          for (const { from, toBytes } of placesOn(runs, extent)) {
            const placeBytes = member.startBytes + toBytes - from.startBytes;
            await copyExtent(deployment, resized, from, placeBytes, memories, context);
          }
        }
      }
    });
    await writeHeld(deployment, member);
    await expectResized(volume, before, lengthBytes);
  });
}

/** Where pieces of a linear volume lie on its member, in their order. */
function placesOn(runs: InnerVolume['copies'][number], extent: Extent): { from: Extent; toBytes: number }[] {
  let at = extent.startBytes;
  return toMembers(runs, extent).map(({ startBytes, lengthBytes }) => {
    const from = { startBytes: at, lengthBytes };
    at += lengthBytes;
    return { from, toBytes: startBytes };
  });
}

const PIECE_BYTES = 4 * 1024 * 1024;

async function copyUsed(
  fileSystem: FileSystem,
  source: BlockSource,
  context: JobContext,
  write: (bytes: Uint8Array, offsetBytes: number) => Promise<void>,
): Promise<void> {
  for await (const batch of usedOrWhole(fileSystem, context.signal)) {
    for (const { startBytes, lengthBytes } of batch) {
      for (let done = 0; done < lengthBytes; done += PIECE_BYTES) {
        context.signal.throwIfAborted();
        const bytes = Buffer.alloc(Math.min(PIECE_BYTES, lengthBytes - done));
        await source.readInto(startBytes + done, bytes);
        await write(bytes, startBytes + done);
      }
    }
  }
}
