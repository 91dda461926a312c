/**
 * Requests to debugfs(8), which changes ext2, ext3 and ext4 without a mount. Its words are split as libss does it: quotes stand around
 * a word, and a quote in one is doubled. A script has a request in each line, so names with line ends go as arguments, one by one.
 */
import { EngineError } from '../../core/engine-error.ts';
import { bytesOfName } from '../../filesystems/names.ts';
import { inOneLine, runTool } from '../../tools/run-tool.ts';
import { unsafe } from '../refusals.ts';
import type { Names } from '../steps.port.ts';

/** One request: its name, and words that are quoted. */
export interface Request {
  readonly name: string;
  readonly words: readonly Buffer[];
  /** the path of the guest that it is for */
  readonly path: string;
}

/** debugfs reads lines into BUFSIZ bytes. */
const MAX_LINE_BYTES = 8000;
const BATCH = 2000;
/** Full file systems of large disks are read and written: bitmaps, descriptors. */
const DEADLINE_MS = 10 * 60_000;
const BANNER = /^debugfs \d/;

export interface DebugfsRun {
  /** the file system, as debugfs finds it */
  readonly volume: string;
  readonly descriptors: readonly number[];
  readonly writes: boolean;
  readonly signal: AbortSignal;
}

/**
 * @returns what it printed
 * @throws EngineError `GUEST_UNSAFE` for what cannot be told it; `TOOL_FAILED` with what it complained about: it goes on after a
 *   request that failed, and ends as if nothing had been wrong
 */
export async function debugfs(requests: readonly Request[], run: DebugfsRun): Promise<string> {
  const said: string[] = [];
  let batch: Buffer[] = [];
  const flush = async () => {
    if (batch.length === 0) return;
    said.push(await call(['-f', '-'], Buffer.concat(batch), run));
    batch = [];
  };
  for (const request of requests) {
    const line = lineOf(request);
    if (line.length > MAX_LINE_BYTES) throw unsafe(request.path, 'too-long');
    if (!line.some((byte) => byte === 0x0a || byte === 0x0d)) {
      batch.push(line, Buffer.from('\n'));
      if (batch.length >= 2 * BATCH) await flush();
      continue;
    }
    await flush();
    // arguments are text
    const text = line.toString('utf8');
    if (!Buffer.from(text).equals(line)) throw unsafe(request.path, 'name');
    said.push(await call(['-R', text], '', run));
  }
  await flush();
  return said.join('');
}

async function call(args: string[], input: string | Uint8Array, run: DebugfsRun): Promise<string> {
  const { volume, descriptors, writes, signal } = run;
  const { stdout, stderr } = await runTool('debugfs', [...(writes ? ['-w'] : []), ...args, volume], {
    signal,
    input,
    descriptors,
    deadlineMs: DEADLINE_MS,
  });
  const complaints = stderr
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '' && !BANNER.test(line));
  if (complaints.length > 0) {
    throw new EngineError('TOOL_FAILED', {
      tool: 'debugfs',
      exitCode: 0,
      said: inOneLine(complaints.join('\n'), 3),
    });
  }
  return stdout.toString('utf8');
}

const QUOTE = 0x22;

function lineOf({ name, words }: Request): Buffer {
  return Buffer.concat([Buffer.from(name), ...words.flatMap((word) => [Buffer.from(' '), quoted(word)])]);
}

function quoted(word: Buffer): Buffer {
  const bytes = [QUOTE];
  for (const byte of word) bytes.push(...(byte === QUOTE ? [QUOTE, QUOTE] : [byte]));
  return Buffer.from([...bytes, QUOTE]);
}

/** An absolute path: what stands in angle brackets would be taken for an inode's number, what begins with a hyphen for an option. */
export const pathOf = (names: Names): Buffer =>
  Buffer.concat([
    Buffer.from('/'),
    ...names.flatMap((name, i) => [...(i > 0 ? [Buffer.from('/')] : []), bytesOfName(name)]),
  ]);
