/** An attached disk that its person may not read, read through the helper: from then on it is looked at and captured as any other. */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { EngineError } from '../../core/engine-error.ts';
import { isLent, endLending, lendDisk, LENT_MS } from '../../machines/lent-disks.ts';
import type { Machine } from '../../machines/machine.port.ts';
import { openNbd } from '../../nbd/client.ts';
import { ownSocketPlace } from '../../nbd/socket-place.ts';
import { askForRights, type Helper } from './ask-for-rights.ts';

/**
 * @param path any path of the disk
 * @throws EngineError as {@link askForRights}; `BAD_REQUEST` for what is no disk; `DEVICE_CHANGED`, `DEVICE_BUSY`; `ABORTED`
 */
export async function lendWithRights(machine: Machine, path: string, signal: AbortSignal): Promise<void> {
  const place = await machine.placeOf(path);
  if (place.kind !== 'device') throw new EngineError('BAD_REQUEST', { path, reason: 'no attached disk' });
  if (isLent(place)) return;
  const over = new AbortController();
  const both = AbortSignal.any([signal, over.signal]);
  const socket = await ownSocketPlace();
  const server = createServer({ pauseOnConnect: true });
  let helper: Helper | null = null;
  try {
    server.listen(socket.listenPath);
    await once(server, 'listening');
    const accepted = once(server, 'connection', { signal: both }) as Promise<[Socket]>;
    const { sectorBytes } = place;
    const opening = openNbd({ socketPath: socket.path }, { signal: both, sectorBytes, handshakeMs: LENT_MS });
    opening.catch(() => {});
    const [connection] = await accepted;
    helper = askForRights({ task: 'read', place }, connection, () => {});
    // the helper has it
    connection.destroy();
    signal.addEventListener('abort', helper.takeBack, { once: true });
    const { ended, takeBack } = helper;
    // who ends without serving it says why
    const source = await opening.catch((error: unknown) => ended.then(() => Promise.reject(error)));
    signal.removeEventListener('abort', helper.takeBack);
    if (source.lengthBytes !== place.lengthBytes) {
      await source.close();
      throw new EngineError('DEVICE_CHANGED', { path, lengthBytes: source.lengthBytes });
    }
    lendDisk(place, source, () => {
      void source.close();
      takeBack();
    });
    ended.catch(() => {}).finally(() => endLending(place, source));
  } catch (error) {
    helper?.takeBack();
    signal.throwIfAborted();
    throw error;
  } finally {
    over.abort();
    server.close();
    await socket.remove();
  }
}
