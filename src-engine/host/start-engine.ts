/** Starts the engine in a worker thread: what every face calls first. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { createClient, type EngineClient } from '../contract/client.ts';
import { CommandError } from '../contract/client.ts';
import type { ErrorView } from '../contract/errors.ts';
import type { IfNoCatalog } from './catalog-place.ts';

export interface RunningEngine {
  /** A new connection. The other end is already served. */
  connect(): MessagePort;
  /** A typed client over a connection of its own. */
  client(): EngineClient;
  /** Cancels what runs, closes the catalog, ends the thread. */
  close(): Promise<void>;
}

/** Where the catalog is when nobody says: the user's data folder, by the habit of each system. */
export function defaultCatalogPath(env: NodeJS.ProcessEnv = process.env): string {
  if (env.DISKPRESS_CATALOG) return env.DISKPRESS_CATALOG;
  const home = homedir();
  if (process.platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'Diskpress', 'catalog');
  if (process.platform === 'darwin') return join(home, 'Library', 'Application Support', 'Diskpress', 'catalog');
  return join(env.XDG_DATA_HOME || join(home, '.local', 'share'), 'diskpress', 'catalog');
}

/**
 * In a build the entries lie side by side; in the sources they stand where they are written. Tests run in the sources and name
 * the build's folder in DISKPRESS_WORKERS: Node strips types with WebAssembly code, and threads that come and go with it
 * rarely end the process (V8: Check failed: jit_page_->allocations_.erase). A build has no such code.
 */
function entry(source: string, built: string): URL {
  if (!import.meta.url.endsWith('.ts')) return new URL(`./${built}`, import.meta.url);
  const folder = process.env.DISKPRESS_WORKERS;
  return folder ? pathToFileURL(join(folder, built)) : new URL(source, import.meta.url);
}

/**
 * @param catalogPath the catalog's folder
 * @throws CommandError `CATALOG_TOO_NEW`, `CATALOG_NOT_FOUND` for what cannot be one, `PERMISSION_DENIED`
 */
export async function startEngine(options: {
  catalogPath: string;
  version: string;
  resourcesPath: string;
  ifNoCatalog?: IfNoCatalog;
  /** for a face that goes on until somebody ends it */
  stays?: boolean;
}): Promise<RunningEngine> {
  const worker = new Worker(entry('./worker.ts', 'engine.js'), {
    // small objects are soon gone: V8 would else let them grow to several times this
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
    workerData: {
      catalogPath: options.catalogPath,
      version: options.version,
      pressUrl: entry('./press-worker.ts', 'press.js').href,
      resourcesPath: options.resourcesPath,
      ifNoCatalog: options.ifNoCatalog,
      stays: options.stays,
    },
  });
  await new Promise<void>((resolve, reject) => {
    worker.once('message', ({ failed }: { failed?: ErrorView }) => {
      if (failed) reject(new CommandError(failed));
      else resolve();
    });
    worker.once('error', reject);
  });
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
