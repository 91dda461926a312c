/** Adjust: volumes that got more room use it. They are on the target already, and the target does not look finished. */
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { resizerOf } from '../../resizing/ways.ts';
import { openFileSource } from '../../formats/raw/file-source.ts';
import { slice } from '../../disk/slice.ts';
import { recogniseFileSystem } from '../../filesystems/recognise.ts';
import type { VolumePlan } from '../../contract/deploy.contract.ts';
import type { FileSystem } from '../../filesystems/file-system.port.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import type { Deployment } from './deployment.ts';
import { verifyPatch } from './read-back.ts';

type Adjusting = Pick<Deployment, 'plan' | 'held' | 'sink' | 'target' | 'verifiedBytes'>;

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`, `TOOL_TIMED_OUT`, `VERIFY_MISMATCH`, `WRITE_FAILED`, `ABORTED` */
export async function adjust(adjusting: Adjusting, context: JobContext): Promise<void> {
  for (const volume of adjusting.plan.volumes) {
    if (volume.method === 'in-place') await growInPlace(adjusting, volume, context);
  }
}

async function growInPlace(adjusting: Adjusting, volume: VolumePlan, context: JobContext): Promise<void> {
  const { held, sink, target } = adjusting;
  const { startBytes, lengthBytes } = volume;
  context.phase('resizing', 0);
  // what lies inside of a partition does not make a disk look finished without its table
  for (const patch of held.release({ startBytes, lengthBytes })) {
    await sink.write(patch.offsetBytes, patch.bytes);
    const equalBytes = await verifyPatch(sink, patch);
    adjusting.verifiedBytes += equalBytes;
  }
  await sink.sync();
  const { sectorBytes } = sink;
  await withVolume(adjusting, volume, async (source, before) => {
    const piece = { fd: target.fd, isScratch: false, startBytes, lengthBytes, sectorBytes };
    await resizerOf(before.kind)!.resize(piece, before, lengthBytes, context.signal);
    await sink.sync();
    await expectResized(source, before, lengthBytes);
  });
}

/** The volume as it is on the target now, opened once more for reading. */
async function withVolume(
  { target, sink }: Adjusting,
  { startBytes, lengthBytes, volume }: VolumePlan,
  work: (source: BlockSource, fileSystem: FileSystem) => Promise<void>,
): Promise<void> {
  const disk = await openFileSource(`/proc/self/fd/${target.fd}`, sink);
  try {
    const source = slice(disk, startBytes, lengthBytes);
    const fileSystem = await recogniseFileSystem(source);
    if (!fileSystem || !resizerOf(fileSystem.kind)) throw notResized(volume, 'file system');
    await work(source, fileSystem);
  } finally {
    await disk.close();
  }
}

/**
 * What a program has made is looked at by our own reader: it is the same file system, and as long as it was to be.
 * @throws EngineError `RESIZE_CONTRADICTED`
 */
export async function expectResized(source: BlockSource, before: FileSystem, lengthBytes: number): Promise<FileSystem> {
  const after = await recogniseFileSystem(source);
  if (!after || after.kind !== before.kind || after.uuid !== before.uuid) throw notResized(before.kind, 'file system');
  const missingBytes = lengthBytes - after.lengthBytes;
  if (missingBytes < 0 || missingBytes >= MAX_UNUSED_BYTES) throw notResized(before.kind, 'length');
  return after;
}

/** A last group of blocks that is too short for its own tables is left out: of ext up to 128 MiB, of XFS up to a group of 64 blocks. */
const MAX_UNUSED_BYTES = 256 * 1024 * 1024;

function notResized(volume: string, field: string): EngineError {
  return new EngineError('RESIZE_CONTRADICTED', { volume, field });
}
