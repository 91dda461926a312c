/** Packs files into one 7z: stored as they are, since what Diskpress packs is compressed already; encrypted on demand. */
import { stat } from 'node:fs/promises';
import seven from 'node-7z';
import { EngineError } from '../core/engine-error.ts';
import { SEVEN_ZIP, start } from './seven-zip.ts';

const POLL_MS = 500;

/**
 * Makes the archive `to`. Files lie in it under their plain names, in the order given.
 * @param paths absolute
 * @param password null: not encrypted; otherwise AES-256, names too
 * @param advance told how many bytes came to be in the archive
 * @throws EngineError `DISK_FULL`, `WRITE_FAILED`, `ABORTED`; what there is of `to` is left then
 */
export async function packFiles(
  to: string,
  paths: readonly string[],
  password: string | null,
  signal: AbortSignal,
  advance: (bytes: number) => void,
): Promise<void> {
  // no compression, no wildcards, text as UTF-8, nothing asked; files in the order of the arguments
  const raw = [
    '-t7z',
    '-mx0',
    '-ms=off',
    '-spd',
    '-sccUTF-8',
    '-mqs=off',
    ...(password === null ? [] : ['-p', '-mhe=on']),
  ];
  const { _args: args } = seven.add(to, [...paths], { $bin: SEVEN_ZIP, $defer: true, $raw: raw }) as unknown as {
    _args: string[];
  };
  const { child, ended } = start(args, { path: to, type: '7z', password }, signal);
  child.stdout.resume();
  let seen = 0;
  const look = async () => {
    const { size } = await stat(to).catch(() => stat(`${to}.tmp`).catch(() => ({ size: seen })));
    if (size > seen) advance(size - seen);
    seen = Math.max(seen, size);
  };
  const timer = setInterval(() => void look(), POLL_MS);
  try {
    await ended;
    await look();
  } catch (error) {
    const words = error instanceof EngineError ? error.hint : '';
    if (/no space left|disk full|errno=28/i.test(words)) throw new EngineError('DISK_FULL', { path: to }, words);
    if (error instanceof EngineError && error.code === 'FORMAT_INVALID') {
      throw new EngineError('WRITE_FAILED', { path: to, offsetBytes: seen, reason: '7-Zip' }, words);
    }
    throw error;
  } finally {
    clearInterval(timer);
    child.kill();
  }
}
