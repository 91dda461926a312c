/**
 * Volumes that become shorter do so on the way: never on the source, never in the store, and not on the target, which has no room for them
 * as they were. Each is made in scratch space, changed there, and what it then uses is copied to the target and read back.
 */
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { slice } from '../../disk/slice.ts';
import { resizerOf } from '../../resizing/ways.ts';
import { copyExtent, copyMemories } from './copy-extent.ts';
import type { Deployment } from './deployment.ts';
import { Feeds } from './feed.ts';
import { fill } from './fill.ts';
import { HeldBack } from './held-back.ts';
import { Overlay } from './overlay.ts';
import type { PackedMember, PackedVolume } from './pack-member.ts';
import { isInner } from './plan-inner-volumes.ts';
import { isFromScratch } from './plan-volumes.ts';
import { expectResized, resizable, usedOrWhole, type Resizable } from './resized-volume.ts';
import { routedSink } from './routed-sink.ts';
import { openScratch, pieceOf, reading, whileRoom, withScratch, type ScratchVolume } from './scratch-volume.ts';

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `DISK_FULL`, `VERIFY_MISMATCH`, and what {@link fill} throws */
export async function fillFromScratch(deployment: Deployment, context: JobContext): Promise<void> {
  const { plan, placement } = deployment;
  for (const volume of plan.volumes) {
    if (!isFromScratch(volume) || isInner(volume)) continue;
    const work = async (old: ScratchVolume) => {
      await fillOther(deployment, volume, old.sink, [], context);
      await resizeOnto(deployment, volume, old, context);
    };
    await withScratch(deployment, scratchBytesOf(volume), work, scratchSectorsOf(deployment, volume));
  }
  for (const member of placement.packed) await fillPacked(deployment, member, context);
}

/** Volumes of a group that come to lie elsewhere in it: those that keep their length go there at once, the others by way of scratch space. */
async function fillPacked(deployment: Deployment, member: PackedMember, context: JobContext): Promise<void> {
  const scratches = new Map<PackedVolume, ScratchVolume>();
  try {
    for (const volume of member.volumes) {
      if (!isFromScratch(volume.plan)) continue;
      const sectorBytes = scratchSectorsOf(deployment, volume.plan);
      scratches.set(volume, await openScratch(deployment, scratchBytesOf(volume.plan), sectorBytes));
    }
    const { sink, leftOut } = routedSink(deployment, member, scratches);
    await fillOther(deployment, member.plan, sink, leftOut, context);
    for (const [volume, scratch] of scratches) {
      await resizeOnto(deployment, { ...volume.plan, ...volume.place }, scratch, context);
      scratches.delete(volume);
      await scratch.end();
    }
  } finally {
    for (const scratch of scratches.values()) await scratch.end();
  }
}

/** As it was; what is made anew is made beside it. */
const scratchBytesOf = ({ method, beforeBytes, lengthBytes }: VolumePlan) =>
  method === 'rebuilt' ? beforeBytes : Math.max(beforeBytes, lengthBytes);

/** What is made anew may have blocks that are too small for the target's sectors. */
const scratchSectorsOf = ({ json, sink }: Deployment, { method }: VolumePlan) =>
  method === 'rebuilt' ? json.disk.layout.sectorBytes : sink.sectorBytes;

/** Gives a volume that lies in scratch space its length, and copies it to its place on the target. */
async function resizeOnto(
  deployment: Deployment,
  volume: VolumePlan,
  old: ScratchVolume,
  context: JobContext,
): Promise<void> {
  const { beforeBytes, lengthBytes, method } = volume;
  await old.sink.sync();
  context.phase('resizing', 0);
  await reading(old, async (source) => {
    const before = await resizable(slice(source, 0, beforeBytes), volume.volume);
    const resizer = resizerOf(before.fileSystem.kind)!;
    if (method !== 'rebuilt') {
      return whileRoom(old, async () => {
        await resizer.resize(pieceOf(old), before.fileSystem, lengthBytes, context.signal);
        await copyResized(deployment, old, source, before, volume, context);
      });
    }
    const make = async (made: ScratchVolume) => {
      await resizer.rebuild!(pieceOf(old), pieceOf(made), before.fileSystem, context.signal);
      await reading(made, (rebuilt) => copyResized(deployment, made, rebuilt, before, volume, context));
    };
    await withScratch(deployment, lengthBytes, (made) => whileRoom(made, () => make(made)));
  });
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

/** A partition as it was captured, and nothing else, onto something that is not the target as it will be. */
async function fillOther(
  deployment: Deployment,
  { beforeStartBytes, beforeBytes }: VolumePlan,
  sink: Deployment['sink'],
  leftOut: readonly Extent[],
  context: JobContext,
): Promise<void> {
  const regions = deployment.json.regions.map(({ startBytes }, i) => {
    return i > 0 && startBytes === beforeStartBytes ? { startBytes: 0, lengthBytes: beforeBytes } : null;
  });
  const filling = {
    ...deployment,
    plan: { readsFirst: false },
    feed: new Feeds(deployment.parts).of(deployment.found, context.signal).expect(),
    sink,
    overlay: new Overlay([], leftOut),
    held: new HeldBack([]),
    placement: { regions, taken: [] },
  };
  await fill(filling, context);
}
