/** The helper's reading: one attached disk is served to whoever asked, read-only, for as long as they listen. */
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { PlaceView } from '../../contract/disk.contract.ts';
import { EngineError } from '../../core/engine-error.ts';
import { openFileSource } from '../../formats/raw/file-source.ts';
import { refuseOther } from '../../jobs/deploy/planned-deploy.ts';
import { thisMachine } from '../../machines/this-machine.ts';
import { serveConnection } from '../../nbd/server.ts';
import { withheld, type Say } from './helper-protocol.ts';

/** Its standard output, which the engine has made a socket of. */
const CONNECTION = 1;

/**
 * @param asked as it was found without rights
 * @throws EngineError `RIGHTS_WITHHELD`; `DEVICE_CHANGED` where it is another disk by now; `DEVICE_BUSY` where it is mounted, in use, or the
 *   running system's; what opening a disk throws
 */
export async function serveDisk(asked: PlaceView, say: Say, signal: AbortSignal): Promise<void> {
  if (asked.kind !== 'device') throw withheld('plan', asked.kind, asked.path);
  if (!fstatSync(CONNECTION).isSocket()) throw withheld('request', 'no socket');
  const machine = thisMachine();
  // a path of a disk is the kernel's: whatever has it is a disk
  const { path } = await machine.placeOf(asked.path);
  const device = await machine.deviceAt(path, '/');
  if (!device) throw new EngineError('DEVICE_CHANGED', { path: asked.path });
  // who may read the system's disk may read everybody's files
  const refusal = [...device.captureRefusals, ...device.deployRefusals.filter(({ code }) => code === 'SYSTEM_DISK')][0];
  if (refusal) throw new EngineError('DEVICE_BUSY', { path, reason: refusal.code, details: refusal.details });
  refuseOther(asked, device);
  const source = await openFileSource(path, device);
  try {
    // what was opened by its path is the disk that had it before and after
    refuseOther(device, await machine.placeOf(path));
    say({ say: 'begun' });
    const socket = new Socket({ fd: CONNECTION, readable: true, writable: true });
    const end = () => socket.destroy();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    await serveConnection(socket, { name: 'disk', description: path, source }, signal);
  } finally {
    await source.close();
  }
}
