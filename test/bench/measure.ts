/** What a command takes: time, processors, memory. Page caches are dropped before it, and its processes are looked at until it ends. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** USER_HZ of Linux on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const LOOK_MS = 50;

export interface Measured {
  readonly seconds: number;
  /** of its process, user and system; a shell's children are not counted */
  readonly busySeconds: number;
  /** of its process */
  readonly peakMegabytes: number;
}

/** @throws Error where it does not end with 0 */
export async function measure(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Measured & { readonly output: string }> {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
  const began = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  let output = '';
  child.stdout.on('data', (data) => (output += data));
  let peakMegabytes = 0;
  let ticks = 0;
  const timer = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peakMegabytes = Math.max(peakMegabytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000);
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
      ticks = Number(fields[11]) + Number(fields[12]);
    } catch {
      // it has ended
    }
  }, LOOK_MS);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearInterval(timer);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}\n${output.slice(-2000)}`);
  const seconds = (performance.now() - began) / 1000;
  return { seconds, busySeconds: ticks / TICKS_PER_SECOND, peakMegabytes, output };
}

export const median = (numbers: readonly number[]) =>
  [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
