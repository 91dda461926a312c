/** Brings what a machine has of a served template into its own disks, while it runs or while it is off. Afterwards it needs nothing of the catalog. */
import type { JobResult } from '../../contract/job.contract.ts';
import type { ServedMachine } from '../../catalog/records/index.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import { streamsAt, vmAt } from '../../machines/hypervisors/hypervisors.ts';
import type { Streams } from '../../machines/hypervisors/streams.port.ts';
import { hasBacking, mergeBacking } from '../../machines/qemu/overlay-view.ts';

const LOOK_MS = 500;
/** A machine that is started and ended again and again never gets on. */
const MAX_TRIES = 20;

type Disk = ServedMachine['disks'][number];

/** @throws EngineError `VM_NOT_FOUND`; `STREAM_NOT_DONE` (place, disk) where it ended early again and again; `TOOL_FAILED`, `ABORTED` */
export async function runStream(machine: ServedMachine, context: JobContext): Promise<JobResult> {
  const { place, id, disks } = machine;
  const totalBytes = disks.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  context.phase('streaming', totalBytes);
  for (const disk of disks) await streamDisk(place, id, disk, context);
  const [{ templateId, versionNumber }] = disks;
  return {
    templateId,
    versionNumber,
    processedBytes: totalBytes,
    storedBytes: 0,
    verifiedBytes: 0,
    readBack: 'none',
    damagedTemplates: [],
  };
}

async function streamDisk(place: string, id: string, disk: Disk, context: JobContext): Promise<void> {
  const { signal } = context;
  const streams = streamsAt(place);
  let told = 0;
  const tell = (doneBytes: number) => {
    const now = Math.min(doneBytes, disk.lengthBytes);
    if (now > told) context.advance(now - told);
    told = Math.max(told, now);
  };
  for (let tries = 0; await hasBacking(disk.path, signal); tries++) {
    if (tries >= MAX_TRIES) throw new EngineError('STREAM_NOT_DONE', { place, disk: disk.name });
    const { state } = await vmAt(place, signal);
    if (state === 'off' || state === 'crashed') {
      // a machine that is started meanwhile is told that its disk is in use
      await mergeBacking(disk.path, tell, signal);
    } else await pull(streams, id, disk, tell, signal);
  }
  tell(disk.lengthBytes);
}

async function pull(
  streams: Streams,
  id: string,
  { name }: Disk,
  tell: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  let progress = await streams.pull(id, name, signal);
  while (progress) {
    tell(progress.doneBytes);
    await pause(LOOK_MS, signal);
    // a machine that was shut down meanwhile has no work any more
    progress = await streams.progress(id, name, signal).catch((error) => {
      if (signal.aborted) throw error;
      return null;
    });
  }
  await pause(LOOK_MS, signal);
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  signal.throwIfAborted();
}
