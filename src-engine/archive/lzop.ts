/**
 * lzop through the person's own program, where it is installed: nothing that unpacks LZO may be linked in. It checks the sums of headers and
 * blocks, and an end that is missing.
 */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { EngineError } from '../core/engine-error.ts';
import { damagedStream } from './stream-reader.ts';

/** Between two pieces; unpacking one takes milliseconds. */
const STALL_MS = 600_000;
const MAX_WORDS = 4096;
/** A block of no length ends a stream. */
const END_MARK = Buffer.alloc(4);

/**
 * @returns the content; where the generator ends, 0
 * @throws EngineError `FORMAT_INVALID` where the stream is damaged, cut off or followed by anything; `FORMAT_UNSUPPORTED` where there is no
 *   lzop; `ABORTED`
 */
export async function* unpackLzop(
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, number> {
  // its options may come from the environment, too
  const env = { PATH: process.env.PATH, LC_ALL: 'C' };
  const child = spawn('lzop', ['-d', '-c'], { stdio: 'pipe', windowsHide: true, signal, env });
  let words = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(0, MAX_WORDS)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  ended.catch(() => {});
  child.stdin.on('error', () => {});
  let inputError: Error | null = null;
  let last: Buffer = Buffer.alloc(0);
  async function* watched() {
    for await (const piece of input) {
      last = Buffer.concat([last, piece.subarray(-END_MARK.length)]).subarray(-END_MARK.length);
      yield piece;
    }
  }
  const source = Readable.from(watched());
  source.once('error', (error) => {
    // what could not be read is no input that ended
    inputError = error;
    child.kill('SIGKILL');
  });
  source.pipe(child.stdin);
  let stall: NodeJS.Timeout | undefined;
  const isAlive = () => {
    clearTimeout(stall);
    stall = setTimeout(() => child.kill('SIGKILL'), STALL_MS);
  };
  try {
    isAlive();
    for await (const piece of child.stdout as AsyncIterable<Buffer>) {
      clearTimeout(stall);
      yield piece;
      isAlive();
    }
    const code = await ended;
    if (inputError) throw inputError;
    if (code !== 0) throw damagedStream('lzop stream', reasonIn(words) ?? String(code));
    // a little behind the end is passed over without a word
    if (/trailing garbage/.test(words) || !last.equals(END_MARK))
      throw damagedStream('behind the lzop stream', 'other bytes');
    return 0;
  } catch (error) {
    if (inputError) throw inputError;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new EngineError('FORMAT_UNSUPPORTED', { feature: 'lzop where the program lzop is not installed' });
    throw error;
  } finally {
    clearTimeout(stall);
    child.kill('SIGKILL');
    source.destroy();
  }
}

/** What lzop says of its standard input. */
function reasonIn(words: string): string | null {
  return /<stdin>: ?([^\n]+)/.exec(words)?.[1].trim() ?? null;
}
