/**
 * Starts a virtual machine whose disks are read through this process: QEMU never sees the files, so nothing that they claim to be or to need
 * is believed, and nothing can be written to them. It ends with the thread that started it.
 */
import { chown, readFile, rm, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { EngineError } from '../../core/engine-error.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { serveConnection } from '../../nbd/server.ts';
import { spawnTool } from '../../tools/spawn-tool.ts';
import { FIRST_DISK_FD, MONITOR_FD, qemuArguments, type MachineShape } from './arguments.ts';
import { ConsoleLog } from './console-log.ts';
import { firmwareFiles } from './firmware.ts';
import { Monitor, type MonitorEvent } from './monitor.ts';
import { makeScratchFolder, type ScratchFolder } from './scratch-folder.ts';
import { MAX_PICTURE_BYTES, readPixmap, textOfMemory, type Picture } from './screen.ts';

/** VGA's text memory: 32 KiB, words of a letter and its colour. */
const SCREEN_MEMORY = 'xp /16384hx 0xb8000';
const MAX_SAID_CHARACTERS = 500;

export interface RunningMachine {
  readonly console: ConsoleLog;
  /** why disks could not be read, as it happened */
  readonly readFailures: readonly unknown[];
  /** null: it runs */
  readonly exitCode: number | null;
  /** what QEMU itself has complained about */
  readonly complaints: string;
  /** Writes to its serial console, as somebody who types. */
  type(text: string): void;
  /** @returns null where there is no picture just now */
  picture(): Promise<Picture | null>;
  /** The letters of a text screen. */
  letters(): Promise<string>;
  end(): Promise<void>;
}

/**
 * @param sources one for each disk of the shape; closed by the caller after the machine has ended
 * @param listen hears of resets, of the end and of faults
 * @throws EngineError `TOOL_MISSING`, `DISK_FULL`, `PERMISSION_DENIED`
 */
export async function startMachine(
  shape: MachineShape,
  sources: readonly BlockSource[],
  listen: (event: MonitorEvent) => void,
): Promise<RunningMachine> {
  return startMachineIn(await scratchFor(shape), shape, sources, listen);
}

/** Hardware acceleration is not for everybody. @throws EngineError as {@link makeScratchFolder} */
export const scratchFor = ({ accelerator }: Pick<MachineShape, 'accelerator'>): Promise<ScratchFolder> =>
  makeScratchFolder(accelerator === 'tcg');

/** As {@link startMachine}, in a folder in which files lie that it needs; it goes with the machine. */
export async function startMachineIn(
  scratch: ScratchFolder,
  shape: MachineShape,
  sources: readonly BlockSource[],
  listen: (event: MonitorEvent) => void,
): Promise<RunningMachine> {
  const { path: folder, user } = scratch;
  try {
    const firmware = shape.firmware === 'uefi' ? await firmwareFiles(shape.isSecureBoot, folder) : null;
    if (firmware && user) await chown(firmware.variables, user.uid, user.gid);
    return begin(shape, sources, listen, scratch, firmware);
  } catch (error) {
    await scratch.remove();
    throw error;
  }
}

function begin(
  shape: MachineShape,
  sources: readonly BlockSource[],
  listen: (event: MonitorEvent) => void,
  scratch: ScratchFolder,
  firmware: Parameters<typeof qemuArguments>[1],
): RunningMachine {
  const { path: folder, user } = scratch;
  const { child, kill } = spawnTool('qemu-system-x86_64', qemuArguments(shape, firmware), {
    stdio: ['pipe', 'pipe', 'pipe', ...Array.from({ length: 1 + sources.length }, () => 'pipe' as const)],
    // where it keeps what is written to the disks
    env: { TMPDIR: folder },
    isBound: true,
    ...(user && { user }),
  });
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    // it could not even be started: that is told by its exit code
    child.once('error', () => resolve());
  });
  const console = new ConsoleLog();
  let complaints = '';
  let isOver = false;
  child.stdin!.on('error', () => {});
  child.stdout!.on('data', (bytes: Buffer) => console.add(bytes));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-MAX_SAID_CHARACTERS);
  });
  void closed.then(() => (isOver = true));

  const readFailures: unknown[] = [];
  const abort = new AbortController();
  const disks = sources.map((source, i) => {
    const exported = {
      name: '',
      description: '',
      source,
      failed: (error: unknown) => {
        if (readFailures.length === 0) readFailures.push(error);
      },
    };
    return serveConnection(child.stdio[FIRST_DISK_FD + i] as Socket, exported, abort.signal);
  });
  const monitor = new Monitor(child.stdio[MONITOR_FD] as Socket, listen);
  void monitor.ask('qmp_capabilities');

  return {
    console,
    readFailures,
    get exitCode() {
      return isOver ? (child.exitCode ?? -1) : null;
    },
    get complaints() {
      return complaints;
    },
    type(text) {
      if (!isOver) child.stdin!.write(text);
    },
    async picture() {
      const file = join(folder, 'screen.ppm');
      if ((await monitor.ask('screendump', { filename: file })) === null) return null;
      try {
        if ((await stat(file)).size > MAX_PICTURE_BYTES) return null;
        return readPixmap(await readFile(file));
      } catch {
        return null;
      } finally {
        await rm(file, { force: true }).catch(() => {});
      }
    },
    async letters() {
      const dump = await monitor.ask('human-monitor-command', { 'command-line': SCREEN_MEMORY });
      return typeof dump === 'string' ? textOfMemory(dump) : '';
    },
    async end() {
      kill();
      await closed;
      abort.abort();
      for (const stream of child.stdio) stream?.destroy();
      await Promise.all(disks);
      await scratch.remove();
    },
  };
}

/** @throws EngineError `TOOL_FAILED` where QEMU has ended by itself */
export function refuseEnded({ exitCode, complaints }: RunningMachine): void {
  if (exitCode === null) return;
  throw new EngineError('TOOL_FAILED', { tool: 'qemu-system-x86_64', exitCode, said: complaints.trim() });
}
