/**
 * Mounts that nobody else sees, and that are gone when whoever made them is, however they end: they are of a mount and a process namespace
 * (namespaces(7)) that live as long as one program, which ends when its input does.
 */
import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { EngineError } from '../core/engine-error.ts';
import { forgetCopiedMounts } from './copied-mounts.ts';
import { holdTool, runTool, type ToolAnswer, type ToolRun } from './run-tool.ts';
import type { Tool } from './tools.ts';

/** Programs without which there are none. */
export const PRIVATE_MOUNT_TOOLS = [
  'unshare',
  'cat',
  'nsenter',
  'mount',
  'sync',
  'umount',
] as const satisfies readonly Tool[];

/** What comes from a template is nobody's to run, or to be root by. */
const SAFE_OPTIONS = 'nosuid,nodev,noexec';
/** A log that is replayed takes its time. */
const DEADLINE_MS = 10 * 60_000;
/** One that is gone by itself meanwhile is no reason not to go on: umount(8), exit status. */
const UNMOUNTED = [0, 32, 64];

export interface PrivateMounts {
  /** a folder that is there on every machine; what is mounted over it is seen in here alone */
  readonly folder: string;
  /** the same folder with what is mounted over it, for this process */
  readonly folderFromOutside: string;
  /**
   * @param options further ones of mount(8)
   * @throws EngineError as {@link runTool}; `DEVICE_BUSY` where the kernel mounted another file system of the same UUID instead
   */
  mount(device: string, fileSystem: string, point: string, options?: readonly string[]): Promise<void>;
  /** @throws EngineError as {@link runTool}, also where something that was written has not reached the device */
  unmount(point: string): Promise<void>;
  /** Runs a program that sees them. */
  run(tool: Tool, args: readonly string[], options?: Partial<ToolRun>): Promise<ToolAnswer>;
}

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED` where this user may have no namespace, and what `work` throws */
export async function withPrivateMounts<T>(
  signal: AbortSignal,
  work: (mounts: PrivateMounts) => Promise<T>,
): Promise<T> {
  const folder = await realpath(existsSync('/mnt') ? '/mnt' : '/tmp');
  // programs that stay, as that of NTFS does, end with the first of their process namespace
  const apart = ['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child'];
  const holder = await holdTool('unshare', [...apart, '--', 'cat'], { signal });
  const run: PrivateMounts['run'] = (tool, args, options) =>
    runTool(tool, args, { signal, ...options, namespacesOf: holder.pid });
  const patiently = (tool: Tool, args: readonly string[]) => run(tool, args, { deadlineMs: DEADLINE_MS });
  try {
    await forgetCopiedMounts(holder.pid, (points) => run('umount', ['--lazy', ...points], { goodCodes: UNMOUNTED }));
    return await work({
      folder,
      folderFromOutside: `/proc/${holder.pid}/root${folder}`,
      run,
      async mount(device, fileSystem, point, options = []) {
        const all = [SAFE_OPTIONS, ...options].join(',');
        await patiently('mount', ['-n', '-t', fileSystem, '-o', all, device, point]);
        const source = await mountedAt(holder.pid, point);
        // of two file systems of one UUID, btrfs may mount the other
        if (source === device) return;
        throw new EngineError('DEVICE_BUSY', {
          path: source,
          reason: 'another file system of the same UUID is mounted',
        });
      },
      async unmount(point) {
        // umount(8) says nothing of what could not be written, syncfs(2) does
        await patiently('sync', ['--file-system', point]);
        await patiently('umount', [point]);
      },
    });
  } finally {
    await holder.end();
  }
}

/** @returns what is mounted there last: proc(5), /proc/PID/mountinfo */
async function mountedAt(pid: number, point: string): Promise<string> {
  const lines = (await readFile(`/proc/${pid}/mountinfo`, 'utf8')).trim().split('\n');
  const fields = lines.map((line) => line.split(' ')).findLast((words) => words[4] === point) ?? [];
  return fields[fields.indexOf('-') + 2] ?? '';
}
