/**
 * Runs other people's programs on what is ours: no shell, arguments only, English, a deadline, capped output. A program that is missing,
 * hangs or fails is told by its name.
 */
import { EngineError } from '../core/engine-error.ts';
import { pathOf, spawnTool } from './spawn-tool.ts';
import type { Tool } from './tools.ts';

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
  /** is given what it says, piece by piece, as it says it */
  readonly hear?: (said: string) => void;
  /** further variables of its environment */
  readonly env?: Readonly<Record<string, string>>;
  /** open files that it finds as its descriptors 3, 4, … */
  readonly descriptors?: readonly number[];
  /** false: it starts services that outlive it, and that need rights of their own; it does not end with the thread that started it */
  readonly isBound?: boolean;
  /** runs in the mount and process namespaces that this one holds, see private-mounts.ts */
  readonly namespacesOf?: number;
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
  const {
    signal,
    input,
    deadlineMs = DEADLINE_MS,
    goodCodes = [0],
    descriptors = [],
    namespacesOf,
    isBound = true,
  } = options;
  signal.throwIfAborted();
  const stdio = ['pipe', 'pipe', 'pipe', ...descriptors] as const;
  const [program, own] =
    namespacesOf === undefined
      ? [tool, args]
      : (['nsenter', [...entering(namespacesOf), pathOf(tool), ...args]] as const);
  const { child, kill } = spawnTool(program, own, { stdio: [...stdio], env: options.env, isBound });
  let isLate = false;
  const deadline = setTimeout(() => {
    isLate = true;
    kill();
  }, deadlineMs);
  signal.addEventListener('abort', kill, { once: true });
  try {
    const stdout = collect(child.stdout!);
    const stderr = collect(child.stderr!);
    if (options.hear) child.stdout!.on('data', (piece: Buffer) => options.hear!(piece.toString('latin1')));
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

const entering = (pid: number) => [`--mount=/proc/${pid}/ns/mnt`, `--pid=/proc/${pid}/ns/pid_for_children`, '--'];

/** A program that goes on until it is told to end, or until this process has ended. */
export interface HeldTool {
  readonly pid: number;
  /** its first words */
  readonly said: string;
  /** Closes its input, and waits until it has ended. */
  end(): Promise<void>;
}

/**
 * Starts a program that says what it hears, as cat(1) does, and waits until it has said something: it is what it is to be by then.
 * @throws EngineError as {@link runTool}
 */
export async function holdTool(tool: Tool, args: readonly string[], { signal, env }: ToolRun): Promise<HeldTool> {
  signal.throwIfAborted();
  // Not bound: it ends by its input, and with it what it holds, in order. Were it killed with its thread, a program that serves a file system
  // (FUSE) could be the last in the mount namespace, and wait for itself when it is unmounted; and whoever syncs would wait for it.
  const { child, kill } = spawnTool(tool, args, { stdio: 'pipe', env });
  const [input, output, said] = [child.stdin!, child.stdout!, collect(child.stderr!)];
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', resolve);
  });
  const deadline = setTimeout(kill, DEADLINE_MS);
  let first: string | number;
  try {
    input.on('error', () => {});
    input.write('\n');
    first = await Promise.race([
      new Promise<string>((resolve) => output.once('data', (piece: Buffer) => resolve(piece.toString('utf8')))),
      ended.then((exitCode) => exitCode ?? -1),
    ]);
    if (typeof first === 'number') {
      const answer = { exitCode: first, stdout: Buffer.alloc(0), stderr: said() };
      throw new EngineError('TOOL_FAILED', { tool, exitCode: first, said: lastWords(answer) }, args.join(' '));
    }
  } finally {
    clearTimeout(deadline);
  }
  return {
    pid: child.pid!,
    said: first,
    async end() {
      input.end();
      await ended;
    },
  };
}

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

/** What it said at the end, in one line; of what it said for errors, where it said anything there. */
function lastWords({ stdout, stderr }: ToolAnswer): string {
  return inOneLine(stderr.toString('utf8').trim() || stdout.toString('utf8').trim(), -5);
}

/** @param count of lines, of the last if it is negative @returns them as a part of a sentence */
export function inOneLine(said: string, count: number): string {
  const lines = said.split('\n').flatMap((line) => line.trim() || []);
  const chosen = count < 0 ? lines.slice(count) : lines.slice(0, count);
  return chosen.join('; ').slice(-MAX_SAID_CHARACTERS);
}
