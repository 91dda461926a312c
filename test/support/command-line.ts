/** The command line as a script runs it: a process for each command, as it is built where the tests' threads are. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const built = process.env.DISKPRESS_WORKERS;
export const main = built ? join(built, 'cli.js') : join(import.meta.dirname, '../../src-main/cli/main.ts');

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** Root as an ordinary person is: what a file's rights forbid is forbidden. setpriv(1), capabilities(7). */
export const WITHOUT_OVERRIDE = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search,-fowner'];

/**
 * @param catalog the catalog's folder; null: where it is when nobody says
 * @param through a program that runs the command
 * @returns a way to run commands on it, in English unless they say otherwise
 */
export function commandLine(
  catalog: string | null,
  env: NodeJS.ProcessEnv = process.env,
  through: readonly string[] = [],
) {
  const place = catalog === null ? [] : ['--catalog', catalog];
  return (...args: string[]): Promise<Ended> & { interrupt(): void; kill(signal: NodeJS.Signals): void } => {
    const [program, ...all] = [...through, process.execPath, main, ...place, '--lang', 'en', ...args];
    const child = spawn(program, all, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended: Ended = { code: null, out: '', err: '' };
    child.stdout.on('data', (data) => (ended.out += data));
    child.stderr.on('data', (data) => (ended.err += data));
    const promise = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ ...ended, code })));
    return Object.assign(promise, {
      kill: (signal: NodeJS.Signals) => void child.kill(signal),
      /** Ctrl-C, once a job has begun. */
      interrupt: () => {
        const timer = setInterval(() => {
          // only a job that has begun can be cancelled
          if (!ended.out.includes('"progress"')) return;
          clearInterval(timer);
          child.kill('SIGINT');
        }, 20);
      },
    });
  };
}

/** The result of a command that was run with --json. */
export const lastLine = ({ out }: Ended) => JSON.parse(out.trim().split('\n').at(-1)!);
