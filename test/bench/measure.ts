/** What a command takes: time, processors, memory. Page caches are dropped or filled before it, and its process is looked at until it ends. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** USER_HZ of Linux on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const LOOK_MS = 50;

export interface Measured {
  readonly seconds: number;
  /** of all processors, user and system, with all that it started and waited for */
  readonly busySeconds: number;
  /** of its process */
  readonly peakMegabytes: number;
}

export interface Beforehand {
  readonly env?: NodeJS.ProcessEnv;
  /** files and folders that lie in memory when it begins; everything else does not */
  readonly warm?: readonly string[];
}

/** Of the children that were waited for: proc(5), /proc/pid/stat, cutime and cstime. */
function ticksOfChildren(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return Number(fields[13]) + Number(fields[14]);
}

/** @throws Error where it does not end with 0 */
export async function measure(
  command: string,
  args: readonly string[],
  { env = {}, warm = [] }: Beforehand = {},
): Promise<Measured & { readonly output: string }> {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
  // of sparse files what they hold
  if (warm.length > 0)
    execFileSync('sh', ['-c', 'find "$@" -type f -exec cp --sparse=auto {} /dev/null \\;', 'warm', ...warm]);
  const ticksBefore = ticksOfChildren();
  const began = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  let peakMegabytes = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peakMegabytes = Math.max(peakMegabytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000);
    } catch {
      // it has ended
    }
  }, LOOK_MS);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${output.slice(-2000)}`);
  const seconds = (performance.now() - began) / 1000;
  const busySeconds = (ticksOfChildren() - ticksBefore) / TICKS_PER_SECOND;
  return { seconds, busySeconds, peakMegabytes, output };
}

export const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
