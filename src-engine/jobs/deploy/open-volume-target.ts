/** A volume that a hypervisor makes for a new machine, opened: the device that it is, and no other. */
import { EngineError } from '../../core/engine-error.ts';
import type { Machine } from '../../machines/machine.port.ts';
import type { DeployRecord } from '../plan-records.ts';
import { openDeviceSink, type Owner, type Target } from './open-target.ts';

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
  const { sink, fd } = await openDeviceSink(target, async (handle) => {
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
  });
  const publish = async () => {
    await sink.close();
    await owner.name([], async () => {});
  };
  return { path, sink, fd, publish, end: () => sink.close().catch(() => {}) };
}
