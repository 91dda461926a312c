/** Starts other people's programs: by their path, without a shell, with an environment of their own, in a group of processes of their own. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { EngineError } from '../core/engine-error.ts';
import { findTool, TOOL_PACKAGES, toolFolders, type Tool } from './tools.ts';

export interface SpawnOptions {
  readonly stdio: StdioOptions;
  /** further variables of its environment */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** it runs for long: it ends with the thread that started it, whatever ends that, and may gain no rights */
  readonly isBound?: boolean;
  /** of a bound program, where this process is root's: it runs as this user instead, and in this group */
  readonly user?: { readonly uid: number; readonly gid: number };
}

export interface Spawned {
  readonly child: ChildProcess;
  /** Ends it and what it has started. */
  kill(): void;
}

/** @throws EngineError `TOOL_MISSING` (data: tool, package) */
export function spawnTool(tool: Tool, args: readonly string[], options: SpawnOptions): Spawned {
  const path = pathOf(tool);
  const [program, all] = options.isBound ? bound(path, args, options) : [path, args];
  const env = { ...toolEnvironment(), ...options.env };
  // a group of its own: what it started ends with it
  const child = spawn(program, all, { stdio: options.stdio, env, cwd: '/', windowsHide: true, detached: true });
  return {
    child,
    kill() {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // it was never started, or has ended
      }
    },
  };
}

/** Where nobody can do that, it runs as it is. Source: setpriv(1), prctl(2) PR_SET_PDEATHSIG. */
function bound(path: string, args: readonly string[], { user }: SpawnOptions): [string, readonly string[]] {
  const setpriv = findTool('setpriv');
  if (!setpriv) return [path, args];
  const as = user ? ['--reuid', `${user.uid}`, '--regid', `${user.gid}`, '--clear-groups'] : [];
  return [setpriv, ['--pdeathsig', 'KILL', '--no-new-privs', ...as, '--', path, ...args]];
}

/** @throws EngineError `TOOL_MISSING` */
export function pathOf(tool: Tool): string {
  const path = findTool(tool);
  if (!path) throw new EngineError('TOOL_MISSING', { tool, package: TOOL_PACKAGES[tool] });
  return path;
}

/** What every program finds: it speaks English, and takes no options from whoever started Diskpress. */
const toolEnvironment = () => ({ PATH: toolFolders().join(':'), LC_ALL: 'C', TZ: 'UTC' });
