/**
 * Volumes that become shorter do so on the way: never on the source, never in the store, and not on the target, which has no room for them
 * as they were. Each is made in scratch space, changed there, and what it then uses is copied to the target and read back.
 */
import { alignedMemory } from '../../core/aligned-memory.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource, Extent } from '../../disk/block-source.port.ts';
import { slice } from '../../disk/slice.ts';
import type { FileSystem } from '../../filesystems/file-system.port.ts';
import { recogniseFileSystem } from '../../filesystems/recognise.ts';
import { openFileSource } from '../../formats/raw/file-source.ts';
import type { Piece } from '../../resizing/piece.ts';
import { resizerOf } from '../../resizing/ways.ts';
import { WINDOW_BYTES } from '../../store/chunking.ts';
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import { bytesOf } from '../../volumes/extents.ts';
import { expectResized } from './adjust.ts';
import type { Deployment } from './deployment.ts';
import { Feeds } from './feed.ts';
import { fill } from './fill.ts';
import { HeldBack } from './held-back.ts';
import { Overlay } from './overlay.ts';
import { compareBack, PAGE_BYTES, PIECE_BYTES } from './read-back.ts';
import { isFromScratch } from './plan-volumes.ts';
import { openScratchVolume, type ScratchVolume } from './scratch-volume.ts';

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `DISK_FULL`, `VERIFY_MISMATCH`, and what {@link fill} throws */
export async function fillFromScratch(deployment: Deployment, context: JobContext): Promise<void> {
  for (const volume of deployment.plan.volumes) {
    if (isFromScratch(volume)) await fillVolume(deployment, volume, context);
  }
}

async function fillVolume(deployment: Deployment, volume: VolumePlan, context: JobContext): Promise<void> {
  const { parts } = deployment;
  const { beforeBytes, lengthBytes, method } = volume;
  // as it was; what is made anew is made beside it
  const isRebuilt = method === 'rebuilt';
  await withScratch(isRebuilt ? beforeBytes : Math.max(beforeBytes, lengthBytes), async (old) => {
    await fillScratch(deployment, volume, old.sink, context);
    await old.sink.sync();
    context.phase('resizing', 0);
    await reading(old, async (source) => {
      const before = await recogniseFileSystem(slice(source, 0, beforeBytes));
      const resizer = before && resizerOf(before.kind);
      if (!resizer) throw new EngineError('RESIZE_CONTRADICTED', { volume: volume.volume, field: 'file system' });
      if (!isRebuilt) {
        await resizer.resize(pieceOf(old), before, lengthBytes, context.signal);
        return copyResized(deployment, old, source, before, volume, context);
      }
      await withScratch(lengthBytes, async (made) => {
        await resizer.rebuild!(pieceOf(old), pieceOf(made), before, context.signal);
        await reading(made, (rebuilt) => copyResized(deployment, made, rebuilt, before, volume, context));
      });
    });
  });

  async function withScratch(bytes: number, work: (scratch: ScratchVolume) => Promise<void>): Promise<void> {
    const { sectorBytes, physicalSectorBytes } = deployment.sink;
    const scratch = await openScratchVolume(parts.layout, { sectorBytes, physicalSectorBytes, lengthBytes: bytes });
    await work(scratch).finally(() => scratch.end());
  }
}

async function reading(scratch: ScratchVolume, work: (source: BlockSource) => Promise<void>): Promise<void> {
  const source = await openFileSource(scratch.path, scratch.sink);
  await work(source).finally(() => source.close());
}

const pieceOf = ({ fd, sink: { lengthBytes, sectorBytes } }: ScratchVolume): Piece => ({
  fd,
  isScratch: true,
  startBytes: 0,
  lengthBytes,
  sectorBytes,
});

/** What the volume uses now goes to the target. */
async function copyResized(
  deployment: Deployment,
  scratch: ScratchVolume,
  source: BlockSource,
  before: FileSystem,
  { lengthBytes, startBytes }: VolumePlan,
  context: JobContext,
): Promise<void> {
  // resize2fs cuts off what the file system does not need
  await scratch.restoreLength();
  await scratch.sink.sync();
  const resized = slice(source, 0, lengthBytes);
  const after = await expectResized(resized, before, lengthBytes);
  const memories = {
    memory: Buffer.from(alignedMemory(WINDOW_BYTES + 2 * PAGE_BYTES)),
    piece: Buffer.from(alignedMemory(PIECE_BYTES)),
  };
  for await (const batch of after.used(context.signal)) {
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

async function copyExtent(
  deployment: Deployment,
  from: BlockSource,
  { startBytes, lengthBytes }: Extent,
  placeBytes: number,
  { memory, piece }: { memory: Buffer; piece: Buffer },
  context: JobContext,
): Promise<void> {
  const { sink, overlay, held } = deployment;
  for (let done = 0; done < lengthBytes; done += WINDOW_BYTES) {
    context.signal.throwIfAborted();
    const pieceBytes = Math.min(WINDOW_BYTES, lengthBytes - done);
    const targetStart = placeBytes + startBytes + done;
    // pages of the target lie on pages of memory, so that they are written and read past the cache
    const base = targetStart % PAGE_BYTES;
    const bytes = memory.subarray(base, base + pieceBytes);
    await from.readInto(startBytes + done, bytes);
    const memoryStart = targetStart - base;
    const whole = [{ startBytes: targetStart, lengthBytes: pieceBytes }];
    const runs = held.keep(overlay.lay(whole, memoryStart, memory), memoryStart, memory);
    for (const run of runs) {
      const at = run.startBytes - memoryStart;
      const written = memory.subarray(at, at + run.lengthBytes);
      if (sink.isEmpty && written.every((byte) => byte === 0)) continue;
      await sink.write(run.startBytes, written);
      deployment.writtenBytes += written.length;
    }
    await compareBack(sink, runs, memoryStart, memory, piece);
    deployment.verifiedBytes += bytesOf(runs);
    context.advance(pieceBytes);
  }
}
