/**
 * Volumes that become shorter do so on the way: never on the source, never in the store, and not on the target, which has no room for them
 * as they were. Each is made in scratch space, changed there, and what it then uses is copied to the target and read back.
 */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { slice } from '../../disk/slice.ts';
import { resizerOf } from '../../resizing/ways.ts';
import { copyExtent, copyMemories } from './copy-extent.ts';
import type { Deployment } from './deployment.ts';
import { Feeds } from './feed.ts';
import { fill } from './fill.ts';
import { HeldBack } from './held-back.ts';
import { Overlay } from './overlay.ts';
import { isFromScratch } from './plan-volumes.ts';
import { expectResized, resizable, usedOrWhole, type Resizable } from './resized-volume.ts';
import { pieceOf, reading, withScratch, type ScratchVolume } from './scratch-volume.ts';

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `DISK_FULL`, `VERIFY_MISMATCH`, and what {@link fill} throws */
export async function fillFromScratch(deployment: Deployment, context: JobContext): Promise<void> {
  for (const volume of deployment.plan.volumes) {
    if (isFromScratch(volume)) await fillVolume(deployment, volume, context);
  }
}

async function fillVolume(deployment: Deployment, volume: VolumePlan, context: JobContext): Promise<void> {
  const { beforeBytes, lengthBytes, method } = volume;
  // as it was; what is made anew is made beside it, maybe for other sectors
  const isRebuilt = method === 'rebuilt';
  const longestBytes = isRebuilt ? beforeBytes : Math.max(beforeBytes, lengthBytes);
  const sectorBytes = isRebuilt ? deployment.json.disk.layout.sectorBytes : deployment.sink.sectorBytes;
  const work = async (old: ScratchVolume) => {
    await fillScratch(deployment, volume, old.sink, context);
    await old.sink.sync();
    context.phase('resizing', 0);
    await reading(old, async (source) => {
      const before = await resizable(slice(source, 0, beforeBytes), volume.volume);
      const resizer = resizerOf(before.fileSystem.kind)!;
      if (!isRebuilt) {
        await resizer.resize(pieceOf(old), before.fileSystem, lengthBytes, context.signal);
        return copyResized(deployment, old, source, before, volume, context);
      }
      await withScratch(deployment, lengthBytes, async (made) => {
        await resizer.rebuild!(pieceOf(old), pieceOf(made), before.fileSystem, context.signal);
        await reading(made, (rebuilt) => copyResized(deployment, made, rebuilt, before, volume, context));
      });
    });
  };
  await withScratch(deployment, longestBytes, work, sectorBytes);
}

/** What the volume uses now goes to the target. */
async function copyResized(
  deployment: Deployment,
  scratch: ScratchVolume,
  source: BlockSource,
  before: Resizable,
  { lengthBytes, startBytes }: VolumePlan,
  context: JobContext,
): Promise<void> {
  // resize2fs cuts off what the file system does not need
  await scratch.restoreLength();
  await scratch.sink.sync();
  const resized = slice(source, 0, lengthBytes);
  const after = await expectResized(resized, before, lengthBytes);
  const memories = copyMemories();
  for await (const batch of usedOrWhole(after, context.signal)) {
    for (const extent of batch) await copyExtent(deployment, resized, extent, startBytes, memories, context);
  }
}

/** The volume as it was captured, and nothing else. */
async function fillScratch(
  deployment: Deployment,
  { beforeStartBytes, beforeBytes }: VolumePlan,
  scratch: Deployment['sink'],
  context: JobContext,
): Promise<void> {
  const regions = deployment.json.regions.map(({ startBytes }, i) => {
    return i > 0 && startBytes === beforeStartBytes ? { startBytes: 0, lengthBytes: beforeBytes } : null;
  });
  const filling = {
    ...deployment,
    plan: { readsFirst: false },
    feed: new Feeds(deployment.parts).of(deployment.plan, context.signal).expect(),
    sink: scratch,
    overlay: new Overlay([], []),
    held: new HeldBack([]),
    placement: { regions, taken: [] },
  };
  await fill(filling, context);
}
