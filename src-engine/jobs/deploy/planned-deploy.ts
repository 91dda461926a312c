/** What a deploy is bound to: the target that was shown, by everything that is known of it. */
import { createHash } from 'node:crypto';
import type { DeviceView, PlaceView } from '../../contract/disk.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import type { Machine } from '../../machines/machine.port.ts';
import type { DeployRecord } from '../plan-records.ts';

/** Tables and the superblocks of most things lie in these. */
const EDGE_BYTES = 64 * 1024;

/** @returns a hash of the first and the last bytes of a device; '' where they cannot be read */
export async function hashOfEdges(
  lengthBytes: number,
  readInto: (offsetBytes: number, into: Uint8Array) => Promise<unknown>,
): Promise<string> {
  const bytes = Math.min(EDGE_BYTES, lengthBytes);
  const edges = Buffer.alloc(2 * bytes);
  try {
    await readInto(0, edges.subarray(0, bytes));
    await readInto(lengthBytes - bytes, edges.subarray(bytes));
  } catch {
    return '';
  }
  return createHash('sha256').update(edges).digest('hex');
}

/**
 * Finds a planned device again.
 * @throws EngineError `DEVICE_CHANGED` where the name that was given, or the path, is another device's by now; `DEVICE_BUSY`
 */
export async function findPlannedDevice(
  machine: Machine,
  { asked, target }: Pick<DeployRecord, 'asked' | 'target'>,
  catalogRoot: string,
): Promise<DeviceView> {
  const named = await machine.placeOf(asked).catch(() => null);
  if (named?.path !== target.path) throw changed(target, ['path'], named);
  const device = await machine.deviceAt(target.path, catalogRoot);
  if (!device) throw changed(target, ['path'], null);
  const refusal = device.deployRefusals[0];
  if (refusal) {
    throw new EngineError('DEVICE_BUSY', { path: target.path, reason: refusal.code, details: refusal.details });
  }
  refuseOther(target, device);
  return device;
}

/** @param edges of both, see {@link hashOfEdges} @throws EngineError `DEVICE_CHANGED` with what differs */
export function refuseOther(planned: PlaceView, found: PlaceView, edges: readonly [string, string] = ['', '']): void {
  const [before, now] = [planned.identity, found.identity];
  // udev may not have named a disk yet that was plugged in this moment
  const differs = (a: string | undefined, b: string | undefined) => a !== b && !!a && !!b;
  const facts: Record<string, boolean> = {
    serial: planned.serial !== found.serial,
    model: planned.model !== found.model,
    size: planned.lengthBytes !== found.lengthBytes,
    sectors: planned.sectorBytes !== found.sectorBytes,
    wwn: differs(before?.wwn, now?.wwn),
    ids: differs(before?.ids.join(), now?.ids.join()),
    number: differs(before?.number, now?.number),
    generation: differs(before?.generation, now?.generation),
    content: edges[0] !== '' && edges[0] !== edges[1],
  };
  const changes = Object.keys(facts).filter((fact) => facts[fact]);
  if (changes.length > 0) throw changed(planned, changes, found);
}

function changed(planned: PlaceView, changes: string[], found: PlaceView | null): EngineError {
  return new EngineError('DEVICE_CHANGED', {
    path: planned.path,
    changed: changes,
    plannedSerial: planned.serial,
    ...(found && { serial: found.serial, lengthBytes: found.lengthBytes }),
  });
}
