/** What a deploy writes to: a device that is what the plan says, or a new file under a temporary name. */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename } from 'node:path';
import type { PlaceView } from '../../contract/disk.contract.ts';
import { ioError, toEngineError } from '../../core/engine-error.ts';
import { PartialOutput } from '../../core/partial-output.ts';
import type { BlockSink } from '../../disk/block-source.port.ts';
import { createFileSink } from '../../formats/raw/file-sink.ts';
import type { Machine } from '../../machines/machine.port.ts';
import { openExclusively } from '../../machines/open-exclusively.ts';
import type { DeployRecord } from '../plan-records.ts';
import { findPlannedDevice, hashOfEdges, refuseOther } from './planned-deploy.ts';
import { intoFormat, type WholeFile } from './target-format.ts';

export interface Target {
  readonly path: string;
  readonly sink: BlockSink;
  /** of what is written to, for programs that work on it before it is finished */
  readonly fd: number;
  /** Closes what is finished; a file gets its format and its name. @throws EngineError `OVERWRITE_REQUIRED`, `WRITE_FAILED`, `ABORTED` */
  publish(signal: AbortSignal): Promise<void>;
  /** Closes, and leaves nothing half made of a file that was not published. */
  end(): Promise<void>;
  /** Of one that lies over a template: what is over it, once it is finished. */
  readonly overBytes?: number | undefined;
}

/**
 * Has a file named that is whole. Who waits for others calls `give` when it is time for it.
 * @param files with the names that they will have
 */
export type Naming = (files: readonly WholeFile[], give: () => Promise<void>) => Promise<void>;

/** The machine that a target becomes a disk of. */
export interface Owner {
  readonly name: Naming;
  /** Makes the volume of a pool that the plan speaks of; it is nobody else's. @throws EngineError `PLAN_BLOCKED`, `TOOL_FAILED` */
  volume(path: string): Promise<void>;
}

type OpenedSink = Pick<Target, 'sink' | 'fd'>;

/**
 * Claims the target, so that no other Diskpress writes to it meanwhile, and opens it.
 * @throws EngineError `DEVICE_CHANGED`, `DEVICE_BUSY`, `PERMISSION_DENIED`, `NOT_FOUND`, `WRITE_FAILED`, `DISK_FULL`; `PLAN_BLOCKED` where another
 *   process has claimed it
 */
export async function openTarget(
  machine: Machine,
  plan: DeployRecord,
  catalogRoot: string,
  naming: Naming = (_, give) => give(),
): Promise<Target> {
  const claim = await machine.claim(plan.target, `deploy ${plan.templateName}`);
  try {
    const target = await openClaimed(machine, plan, catalogRoot, naming);
    return {
      ...target,
      publish: (signal) => target.publish(signal).finally(() => claim.release()),
      end: () => target.end().finally(() => claim.release()),
    };
  } catch (error) {
    await claim.release();
    throw error;
  }
}

async function openClaimed(machine: Machine, plan: DeployRecord, catalogRoot: string, naming: Naming): Promise<Target> {
  const { path } = plan.target;
  if (plan.target.kind !== 'file') {
    const { sink, fd } = await openDeviceTarget(machine, plan, catalogRoot);
    return { path, sink, fd, publish: () => sink.close(), end: () => sink.close().catch(() => {}) };
  }
  const output = await PartialOutput.begin(path, plan.planId);
  try {
    const { sink, fd } = await openFileTarget(plan.target, output);
    return {
      path,
      sink,
      fd,
      async publish(signal) {
        await sink.close();
        const files = await output.within(path, () =>
          intoFormat(output, path, plan.target.lengthBytes, plan.request.diskFormat, signal),
        );
        await naming(files, async () => {
          for (const file of files) await output.publish(plan.needsOverwrite, file.from, basename(file.path));
        });
      },
      async end() {
        await sink.close().catch(() => {});
        await output.end();
      },
    };
  } catch (error) {
    await output.end();
    throw error;
  }
}

/**
 * Opens a device exclusively and checks on the open handle that it is the planned one, holds what it held, and may still be written to.
 * @throws EngineError `DEVICE_CHANGED`, `DEVICE_BUSY`, `PERMISSION_DENIED`, `NOT_FOUND`
 */
async function openDeviceTarget(machine: Machine, plan: DeployRecord, catalogRoot: string): Promise<OpenedSink> {
  const { target } = plan;
  await findPlannedDevice(machine, plan, catalogRoot);
  return openDeviceSink(target, async (handle) => {
    const opened = await machine.identifyDevice(handle.fd);
    const edges = await hashOfEdges(opened.lengthBytes, (offsetBytes, into) => readWhole(handle, offsetBytes, into));
    refuseOther(target, opened, [plan.edges, edges]);
  });
}

/**
 * Opens a device exclusively; what lies there before is there still: nothing reads as zeros.
 * @param check looks whether it is the one that is meant, once both ways to it are open
 * @throws EngineError `DEVICE_BUSY`, `PERMISSION_DENIED`, `NOT_FOUND`, `WRITE_FAILED`; what `check` throws
 */
export async function openDeviceSink(
  target: PlaceView,
  check: (handle: FileHandle) => Promise<void>,
): Promise<OpenedSink> {
  // with O_EXCL the kernel refuses a device that is mounted or claimed by another driver
  const handle = await openExclusively(target.path, constants.O_RDWR, true).catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path: target.path });
  });
  let sink: BlockSink | null = null;
  try {
    sink = await createFileSink(handle, target.path, target, false);
    await check(handle);
    return { sink, fd: handle.fd };
  } catch (error) {
    await (sink ?? handle).close();
    throw toEngineError(error);
  }
}

async function readWhole(handle: FileHandle, offsetBytes: number, into: Uint8Array): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle.read(into, done, into.length - done, offsetBytes + done);
    if (bytesRead === 0) throw new RangeError('ended early');
    done += bytesRead;
  }
}

/** Makes a sparse file of the planned length in `output`. */
async function openFileTarget(planned: PlaceView, output: PartialOutput): Promise<OpenedSink> {
  const handle = await output.create();
  try {
    await handle.truncate(planned.lengthBytes);
    // what replaces a file is as readable as that was; rights that it would lend to whoever runs it are not passed on
    const replaced = await output.replaced();
    if (replaced) {
      await handle.chown(replaced.uid, replaced.gid).catch(() => {});
      await handle.chmod(replaced.mode & 0o777);
    }
    return { sink: await createFileSink(handle, planned.path, planned, true), fd: handle.fd };
  } catch (error) {
    await handle.close();
    throw ioError(error, 'WRITE_FAILED', { path: planned.path });
  }
}
