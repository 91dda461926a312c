/**
 * Runs other people's programs on what is ours: no shell, arguments only, English, a deadline, capped output. A program that is missing,
 * hangs or fails is told by its name.
 */
import { spawn } from 'node:child_process';
import { EngineError } from '../core/engine-error.ts';
import { findTool, TOOL_PACKAGES, toolFolders, type Tool } from './tools.ts';

/** Most of them are done in a second; whoever may take longer says so. */
const DEADLINE_MS = 60_000;
const MAX_OUTPUT_BYTES = 1024 * 1024;
const MAX_SAID_CHARACTERS = 500;

export interface ToolRun {
  readonly signal: AbortSignal;
  /** what it reads from standard input; nothing where it is not given */
  readonly input?: string | Uint8Array;
  readonly deadlineMs?: number;
  /** exit codes that are no failure; 0 where they are not given */
  readonly goodCodes?: readonly number[];
  /** further variables of its environment */
  readonly env?: Readonly<Record<string, string>>;
  /** open files that it finds as its descriptors 3, 4, … */
  readonly descriptors?: readonly number[];
  /** runs where only that process's mounts are seen, see private-mounts.ts */
  readonly mountsOf?: number;
}

export interface ToolAnswer {
  readonly exitCode: number;
  /** at most 1 MiB each; what came after is dropped */
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/**
 * @throws EngineError `TOOL_MISSING` (data: tool, package); `TOOL_TIMED_OUT` (tool, seconds); `TOOL_FAILED` (tool, exitCode, said: its
 *   last words); `ABORTED`
 */
export async function runTool(tool: Tool, args: readonly string[], options: ToolRun): Promise<ToolAnswer> {
  const { signal, input, deadlineMs = DEADLINE_MS, goodCodes = [0], descriptors = [] } = options;
  signal.throwIfAborted();
  const words = [pathOf(tool), ...args];
  if (options.mountsOf !== undefined)
    words.unshift(pathOf('nsenter'), `--mount=/proc/${options.mountsOf}/ns/mnt`, '--');
  const [program, ...own] = endingWithUs(words);
  // nothing of the caller's environment: many tools take options from there
  const env = { ...toolEnvironment(), ...options.env };
  const child = spawn(program, own, {
    stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
    env,
    cwd: '/',
    windowsHide: true,
    // a group of its own: what it started ends with it
    detached: true,
  });
  const kill = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // it was never started, or has ended
    }
  };
  let isLate = false;
  const deadline = setTimeout(() => {
    isLate = true;
    kill();
  }, deadlineMs);
  signal.addEventListener('abort', kill, { once: true });
  try {
    const stdout = collect(child.stdout!);
    const stderr = collect(child.stderr!);
    // whoever has heard enough closes its input
    child.stdin!.on('error', () => {});
    child.stdin!.end(input ?? '');
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    signal.throwIfAborted();
    if (isLate) throw new EngineError('TOOL_TIMED_OUT', { tool, seconds: Math.round(deadlineMs / 1000) });
    const answer = { exitCode: exitCode ?? -1, stdout: stdout(), stderr: stderr() };
    if (!goodCodes.includes(answer.exitCode)) {
      throw new EngineError(
        'TOOL_FAILED',
        { tool, exitCode: answer.exitCode, said: lastWords(answer) },
        args.join(' '),
      );
    }
    return answer;
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', kill);
  }
}

/**
 * A program that outlives whoever started it would go on writing to what the next one has begun to write: on Linux the kernel ends it
 * (prctl(2), PR_SET_PDEATHSIG).
 */
export function endingWithUs(words: readonly string[]): string[] {
  const setpriv = process.platform === 'linux' ? findTool('setpriv') : null;
  return setpriv ? [setpriv, '--pdeathsig', 'KILL', '--', ...words] : [...words];
}

/** @throws EngineError `TOOL_MISSING` */
export function pathOf(tool: Tool): string {
  const path = findTool(tool);
  if (!path) throw new EngineError('TOOL_MISSING', { tool, package: TOOL_PACKAGES[tool] });
  return path;
}

/** What every program finds: it speaks English, and takes no options from whoever started Diskpress. */
export const toolEnvironment = () => ({ PATH: toolFolders().join(':'), LC_ALL: 'C', TZ: 'UTC' });

function collect(stream: NodeJS.ReadableStream): () => Buffer {
  const pieces: Buffer[] = [];
  let lengthBytes = 0;
  stream.on('data', (piece: Buffer) => {
    const rest = piece.subarray(0, MAX_OUTPUT_BYTES - lengthBytes);
    lengthBytes += rest.length;
    if (rest.length > 0) pieces.push(rest);
  });
  return () => Buffer.concat(pieces);
}

/** What it said at the end; of what it said for errors, where it said anything there. */
function lastWords({ stdout, stderr }: ToolAnswer): string {
  const said = (stderr.toString('utf8').trim() || stdout.toString('utf8').trim()).split('\n');
  return said.slice(-5).join('\n').slice(-MAX_SAID_CHARACTERS);
}
