/**
 * Mounts that nobody else sees, and that are gone when whoever made them is, however they end: they are of a namespace (mount_namespaces(7))
 * that lives as long as one program, which ends when its input does.
 */
import { existsSync } from 'node:fs';
import { EngineError } from '../core/engine-error.ts';
import { runTool, type ToolAnswer, type ToolRun } from './run-tool.ts';
import { pathOf, spawnTool } from './spawn-tool.ts';
import { forgetCopiedMounts } from './copied-mounts.ts';
import type { Tool } from './tools.ts';

/** Programs without which there are none. */
export const PRIVATE_MOUNT_TOOLS = ['unshare', 'cat', 'nsenter', 'mount', 'umount'] as const satisfies readonly Tool[];

/** What comes from a template is nobody's to run, or to be root by. */
const SAFE_OPTIONS = 'nosuid,nodev,noexec';
const READY = 'ready\n';
/** One that is gone by itself meanwhile is no reason not to go on: umount(8), exit status. */
const ANYHOW = { goodCodes: [0, 32, 64] };

export interface PrivateMounts {
  /** a folder that is there on every machine; what is mounted over it is seen in here alone */
  readonly folder: string;
  /** @param options further ones of mount(8) @throws EngineError as {@link runTool} */
  mount(device: string, fileSystem: string, point: string, options?: readonly string[]): Promise<void>;
  unmount(point: string): Promise<void>;
  /** Runs a program that sees them. */
  run(tool: Tool, args: readonly string[], options?: Partial<ToolRun>): Promise<ToolAnswer>;
}

/** @throws EngineError `TOOL_MISSING`, `TOOL_FAILED` where this user may have no namespace, and what `work` throws */
export async function withPrivateMounts<T>(
  signal: AbortSignal,
  work: (mounts: PrivateMounts) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const args = ['--mount', '--propagation', 'private', '--', pathOf('cat')];
  const { child: holder } = spawnTool('unshare', args, { stdio: ['pipe', 'pipe', 'ignore'], isBound: true });
  const [input, output] = [holder.stdin!, holder.stdout!];
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  try {
    await new Promise<void>((resolve, reject) => {
      input.on('error', () => {});
      holder.once('error', reject);
      holder.once('close', (exitCode) =>
        reject(new EngineError('TOOL_FAILED', { tool: 'unshare', exitCode, said: '' })),
      );
      // what comes back was written in the namespace
      output.once('data', () => resolve());
      input.write(READY);
    });
    const run: PrivateMounts['run'] = (tool, own, options) =>
      runTool(tool, own, { signal, ...options, mountsOf: holder.pid! });
    await forgetCopiedMounts(holder.pid!, (points) => run('umount', ['--lazy', ...points], ANYHOW));
    return await work({
      folder: existsSync('/mnt') ? '/mnt' : '/tmp',
      run,
      async mount(device, fileSystem, point, options = []) {
        await run('mount', ['-t', fileSystem, '-o', [SAFE_OPTIONS, ...options].join(','), device, point]);
      },
      async unmount(point) {
        await run('umount', [point]);
      },
    });
  } finally {
    input.end();
    await ended;
  }
}
