/** A volume that a hypervisor makes for a new machine, opened: the device that it is, and no other. */
import { constants } from 'node:fs';
import { EngineError, ioError, toEngineError } from '../../core/engine-error.ts';
import type { BlockSink } from '../../disk/block-source.port.ts';
import { createFileSink } from '../../formats/raw/file-sink.ts';
import type { Machine } from '../../machines/machine.port.ts';
import { openExclusively } from '../../machines/open-exclusively.ts';
import type { DeployRecord } from '../plan-records.ts';
import type { Owner, Target } from './open-target.ts';

/**
 * Has the volume made and opens it exclusively. Who removes it where the deploy fails is the owner.
 * @throws EngineError `DEVICE_CHANGED` where it is not as long as planned, or the handle is of another device than the path; `PLAN_BLOCKED`, `TOOL_FAILED`, `PERMISSION_DENIED`
 */
export async function openVolumeTarget(
  machine: Machine,
  { target }: Pick<DeployRecord, 'target'>,
  owner: Owner,
): Promise<Target> {
  const { path } = target;
  await owner.volume(path);
  const found = await machine.placeOf(path, true);
  const handle = await openExclusively(path, constants.O_RDWR, true).catch((error) => {
    throw ioError(error, 'WRITE_FAILED', { path });
  });
  let sink: BlockSink | null = null;
  try {
    // what lay there before is there still: nothing reads as zeros
    sink = await createFileSink(handle, path, target, false);
    const opened = await machine.identifyDevice(handle.fd, true);
    const differs: Record<string, boolean> = {
      size: opened.lengthBytes !== target.lengthBytes,
      number: opened.identity?.number !== found.identity?.number,
      generation: opened.identity?.generation !== found.identity?.generation,
    };
    const changed = Object.keys(differs).filter((fact) => differs[fact]);
    if (changed.length > 0) {
      const { lengthBytes } = opened;
      throw new EngineError('DEVICE_CHANGED', { path, changed, plannedSerial: '', serial: '', lengthBytes });
    }
    const open = sink;
    const publish = async () => {
      await open.close();
      await owner.name([], async () => {});
    };
    return { path, sink: open, fd: handle.fd, publish, end: () => open.close().catch(() => {}) };
  } catch (error) {
    await (sink ?? handle).close();
    throw toEngineError(error);
  }
}
