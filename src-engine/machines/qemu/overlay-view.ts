/**
 * An overlay of QEMU (qcow2) over a disk that is served to us, shown as one raw file: programs that know disks only can change what is in
 * it, and only what they change comes to lie in the overlay. Source: qemu-storage-daemon(1), exports of type fuse.
 */
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { EngineError } from '../../core/engine-error.ts';
import { runTool } from '../../tools/run-tool.ts';
import { hasEnded, isRunning, pause } from './running-program.ts';

const END_MS = 60_000;
/** A disk of some terabytes takes hours; who waits can end it. */
const MERGE_MS = 24 * 3600 * 1000;

export interface OverlayView {
  /** the raw file, as long as the overlay's disk; a mount point */
  readonly path: string;
  /** Brings what was written to the overlay's disk, and takes the file away. @throws EngineError `TOOL_TIMED_OUT` */
  close(): Promise<void>;
}

/**
 * Makes an empty overlay.
 * @param path a file that is not there @param backing as QEMU is to find the disk below: 'nbd+unix:///…'; nobody opens it now
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED`
 */
export async function makeOverlay(
  path: string,
  lengthBytes: number,
  backing: string,
  signal: AbortSignal,
): Promise<void> {
  // -u: the disk below is served under that name only later
  await runTool('qemu-img', ['create', '-q', '-u', '-f', 'qcow2', '-F', 'raw', '-b', backing, path, `${lengthBytes}`], {
    signal,
  });
}

/**
 * @param path of the overlay, by an absolute path @param socketPath where the disk below is served @param exportName its name there
 * @param at a file that is not there: where it is shown
 * @throws EngineError `TOOL_MISSING`, `TOOL_FAILED` also where this machine has no FUSE
 */
export async function viewOverlay(
  path: string,
  { socketPath, exportName, at }: { socketPath: string; exportName: string; at: string },
  signal: AbortSignal,
): Promise<OverlayView> {
  const pidFile = `${at}.pid`;
  const node = (name: string, rest: object) => ['--blockdev', JSON.stringify({ 'node-name': name, ...rest })];
  await writeFile(at, '', { flag: 'wx', mode: 0o600 });
  const end = () => endProgram(pidFile, at);
  try {
    await runTool(
      'qemu-storage-daemon',
      [
        ...node('served', {
          driver: 'nbd',
          server: { type: 'unix', path: socketPath },
          export: exportName,
          'read-only': true,
        }),
        ...node('below', { driver: 'raw', file: 'served', 'read-only': true }),
        ...node('file', { driver: 'file', filename: path }),
        ...node('overlay', { driver: 'qcow2', file: 'file', backing: 'below' }),
        '--export',
        JSON.stringify({ type: 'fuse', id: 'view', 'node-name': 'overlay', mountpoint: at, writable: true }),
        '--pidfile',
        pidFile,
        '--daemonize',
      ],
      { signal },
    );
  } catch (error) {
    await end().catch(() => {});
    throw error;
  }
  return { path: at, close: end };
}

/** Whether an overlay needs anything below it still: also of a machine that runs. @throws EngineError `TOOL_FAILED` */
export async function hasBacking(path: string, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await runTool('qemu-img', ['info', '-U', '--output=json', alone(path)], { signal });
  const { 'backing-filename': backing } = JSON.parse(stdout.toString('utf8')) as Record<string, unknown>;
  return backing !== undefined;
}

/** What is below it is not opened. Source: qemu(1), `json:` names; blockdev options */
const alone = (path: string) =>
  `json:${JSON.stringify({ driver: 'qcow2', file: { driver: 'file', filename: path }, backing: null })}`;

/**
 * Copies what lies below into an overlay that nobody uses, and has it need that no more. What is ended early has lost nothing.
 * @param tell how many bytes of the disk are done
 * @throws EngineError `TOOL_FAILED` also where a machine uses it
 */
export async function mergeBacking(
  path: string,
  tell: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const { stdout } = await runTool('qemu-img', ['info', '--output=json', alone(path)], { signal });
  const { 'virtual-size': lengthBytes } = JSON.parse(stdout.toString('utf8')) as Record<string, number>;
  await runTool('qemu-img', ['rebase', '-p', '-f', 'qcow2', '-b', '', path], {
    signal,
    deadlineMs: MERGE_MS,
    hear: (said) => {
      const share = /\((\d+\.\d+)\/100%\)[^(]*$/.exec(said)?.[1];
      if (share !== undefined) tell(Math.floor((Number(share) / 100) * lengthBytes));
    },
  });
}

/** Of a process that died. @param at where it is shown */
export const endLostView = (at: string): Promise<void> => endProgram(`${at}.pid`, at);

/** Told to end, it writes what it holds and takes its mount away: it is never killed. */
async function endProgram(pidFile: string, at: string): Promise<void> {
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).trim());
  if (isRunning(pid, at)) {
    process.kill(pid, 'SIGTERM');
    await hasEnded(pid, at, END_MS);
    if (isRunning(pid, at)) {
      throw new EngineError('TOOL_TIMED_OUT', { tool: 'qemu-storage-daemon', seconds: END_MS / 1000 });
    }
  }
  // the mount goes after the program
  for (let i = 0; i < 50 && (await stat(at).catch(() => null))?.size !== 0; i++) await pause(20);
  await rm(at, { force: true });
  await rm(pidFile, { force: true });
}
