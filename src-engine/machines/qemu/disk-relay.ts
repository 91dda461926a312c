/**
 * Stands between a running machine and the engine that serves its disk: the machine's QEMU keeps one connection for as long as it runs, and
 * what it asks for while no engine is there waits, as for a disk that is slow, until the next engine serves the same disk at the same
 * place. It goes on when Diskpress ends. Source: qemu-storage-daemon(1); QEMU's NBD client, `reconnect-delay`.
 */
import { chmod, chown, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '../../tools/run-tool.ts';
import { makeEnterable, runtimeFolder } from '../runtime-folder.ts';
import { hasEnded, isRunning } from './running-program.ts';

/** What is asked for waits so long for an engine: a year. */
const RECONNECT_SECONDS = 31_536_000;
const END_MS = 10_000;

/** What lies in the folder of a relay. */
export interface RelayPlaces {
  /** where an engine serves the disk */
  readonly served: string;
  /** where the machine finds it */
  readonly machine: string;
  readonly pidFile: string;
}

export function relayPlaces(folder: string): RelayPlaces {
  return { served: join(folder, 'served'), machine: join(folder, 'machine'), pidFile: join(folder, 'pid') };
}

const relaysFolder = (): string => runtimeFolder() ?? join(tmpdir(), 'diskpress');

/** Each has a folder of its own, which is gone with this boot of the machine. @param id a UUID */
export const relayFolderOf = (id: string): string => join(relaysFolder(), id);

/** In its folder: where an overlay is shown while it is made. */
export const VIEW_NAME = 'view';

/** What every relay calls the disk. */
export const RELAYED_NAME = 'disk';

/** Makes the folder of a relay, which others may enter and not list. @throws EngineError as {@link makeEnterable} */
export function makeRelayFolder(folder: string): RelayPlaces {
  makeEnterable(relaysFolder());
  makeEnterable(folder);
  return relayPlaces(folder);
}

/**
 * Starts it, where it does not run already: the disk has to be served by then.
 * @param user whose programs may ask it: the machine's; this process' where it is null
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`
 */
export async function startRelay(
  folder: string,
  user: { uid: number; gid: number } | null,
  signal: AbortSignal,
): Promise<void> {
  const places = relayPlaces(folder);
  if (await isRelaying(folder)) return;
  await rm(places.machine, { force: true });
  const source = {
    'node-name': 'served',
    driver: 'nbd',
    server: { type: 'unix', path: places.served },
    // a server of one disk offers it under no name, too
    export: '',
    'read-only': true,
    'reconnect-delay': RECONNECT_SECONDS,
  };
  const server = { addr: { type: 'unix', path: places.machine } };
  await runTool(
    'qemu-storage-daemon',
    [
      '--blockdev',
      JSON.stringify(source),
      '--nbd-server',
      JSON.stringify(server),
      '--export',
      JSON.stringify({ type: 'nbd', id: 'relay', 'node-name': 'served', name: RELAYED_NAME, writable: false }),
      '--pidfile',
      places.pidFile,
      '--daemonize',
    ],
    { signal },
  );
  if (user) await chown(places.machine, user.uid, user.gid);
  await chmod(places.machine, 0o600);
}

export async function isRelaying(folder: string): Promise<boolean> {
  const { pidFile, served } = relayPlaces(folder);
  return isRunning(await pidOf(pidFile), served);
}

/** Ends it, and removes its folder. Nothing may need the disk any more. */
export async function endRelay(folder: string): Promise<void> {
  const { pidFile, served } = relayPlaces(folder);
  const pid = await pidOf(pidFile);
  if (isRunning(pid, served)) {
    process.kill(pid, 'SIGTERM');
    // it waits for an engine that may never come
    await hasEnded(pid, served, END_MS);
    if (isRunning(pid, served)) process.kill(pid, 'SIGKILL');
  }
  await rm(folder, { recursive: true, force: true });
}

const pidOf = async (pidFile: string) => Number((await readFile(pidFile, 'utf8').catch(() => '')).trim());
