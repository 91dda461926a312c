/** Starts the engine in a worker thread: what every face calls first. */
import { join } from 'node:path';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { createClient, type EngineClient } from '../contract/client.ts';
import { CommandError } from '../contract/client.ts';
import type { ErrorView } from '../contract/errors.ts';
import { personalHome } from './person.ts';
import { takeEngineThread, workerEntry, type FaceOptions, type OpenEngine } from './engine-thread.ts';

export interface RunningEngine {
  /** A new connection. The other end is already served. */
  connect(): MessagePort;
  /** A typed client over a connection of its own. */
  client(): EngineClient;
  /** Cancels what runs, closes the catalog, ends the thread. */
  close(): Promise<void>;
}

/**
 * Where the catalog is when nobody says: the user's data folder, by the habit of each system. Who became root by sudo or pkexec keeps their
 * own.
 */
export function defaultCatalogPath(env: NodeJS.ProcessEnv = process.env): string {
  if (env.DISKPRESS_CATALOG) return env.DISKPRESS_CATALOG;
  const home = personalHome(env);
  if (process.platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'Diskpress', 'catalog');
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'Diskpress', 'catalog');
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'diskpress', 'catalog');
}

/**
 * @param catalogPath the catalog's folder
 * @throws CommandError `CATALOG_TOO_NEW`, `CATALOG_NOT_FOUND` for what cannot be one, `PERMISSION_DENIED`
 */
export async function startEngine(options: FaceOptions): Promise<RunningEngine> {
  const worker = takeEngineThread();
  const opened = new Promise<void>((resolve, reject) => {
    worker.once('message', ({ failed }: { failed?: ErrorView }) => {
      if (failed) reject(new CommandError(failed));
      else resolve();
    });
    worker.once('error', reject);
  });
  worker.postMessage({ ...options, pressUrl: workerEntry('./press-worker.ts', 'press.js').href } satisfies OpenEngine);
  await opened;
  const ports = new Set<MessagePort>();
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  let isEnded = false;
  void ended.then(() => {
    isEnded = true;
    ports.forEach((port) => port.close());
  });
  // the thread's own end is told by closed ports; an error event without a listener would end the process
  worker.on('error', (error) => console.error(error));

  const connect = () => {
    const { port1, port2 } = new MessageChannel();
    worker.postMessage({ connect: port1 }, [port1]);
    ports.add(port2);
    port2.once('close', () => ports.delete(port2));
    // nobody will ever answer: whoever connects is told at once
    if (isEnded) port2.close();
    return port2;
  };
  return {
    connect,
    client() {
      const port = connect();
      return createClient({
        send: (message) => port.postMessage(message),
        receive(listener) {
          port.on('message', listener);
          port.on('close', () => listener(null));
        },
      });
    },
    async close() {
      worker.postMessage({ close: true });
      await ended;
    },
  };
}
