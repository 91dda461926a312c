/** Where a sparse file holds data: Node cannot ask the kernel (lseek(2), SEEK_DATA), filefrag(8) does. */
import type { FileHandle } from 'node:fs/promises';
import { ioError } from '../core/engine-error.ts';
import type { Extent } from '../disk/block-source.port.ts';
import { runTool } from '../tools/run-tool.ts';

const BLOCK_BYTES = 512;
/** A file of many pieces on a slow disk. */
const DEADLINE_MS = 10 * 60_000;
const PIECE_BYTES = 1024 * 1024;
const MAX_HEAD_CHARACTERS = 1000;

const HEAD = /^File size of .* is \d+ \(\d+ blocks of 512 bytes\)$/m;
const ROW = /^ *\d+: *(\d+)\.\. *(\d+): *\d+\.\. *\d+: *(\d+):.*$/;

/**
 * @param path for errors
 * @returns what may be other than zeros, ascending; a file system that does not tell has the whole file read
 * @throws EngineError `READ_FAILED`, `ABORTED`; the system's error where something that was written has not reached the medium
 */
export async function dataOfFile(
  handle: FileHandle,
  path: string,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<Extent[]> {
  // what was written here must have arrived: that it has not is told once
  await handle.sync();
  return (await toldDataOf(handle, signal)) ?? readThrough(handle, path, lengthBytes, signal);
}

/**
 * @returns what may be other than zeros, ascending; null where the file system does not tell
 * @throws EngineError `ABORTED`
 */
export async function toldDataOf(handle: FileHandle, signal: AbortSignal): Promise<Extent[] | null> {
  // what was written and has no place on the medium yet would be told as a hole
  const told = await handle
    .sync()
    .then(() => askedOf(handle, signal))
    .catch(() => null);
  signal.throwIfAborted();
  return told;
}

/** @returns null where it does not say all */
async function askedOf(handle: FileHandle, signal: AbortSignal): Promise<Extent[] | null> {
  const options = { signal, deadlineMs: DEADLINE_MS, descriptors: [handle.fd] };
  const { stdout } = await runTool('filefrag', ['-v', '-b512', '/proc/self/fd/3'], options);
  const text = stdout.toString('latin1');
  if (!HEAD.test(text.slice(0, MAX_HEAD_CHARACTERS))) return null;
  const extents: Extent[] = [];
  for (const line of text.split('\n')) {
    const [, first, last, count] = ROW.exec(line)?.map(Number) ?? [];
    if (first === undefined) continue;
    if (last - first + 1 !== count) return null;
    extents.push({ startBytes: first * BLOCK_BYTES, lengthBytes: count * BLOCK_BYTES });
  }
  // of very many pieces, not all is heard: the last line says how many there are
  const [, count] = /: (\d+) extents? found\s*$/.exec(text) ?? [];
  if (count === undefined || !isAll(extents.length, Number(count))) return null;
  const toldBytes = extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const { blocks } = await handle.stat();
  return toldBytes + unsaidBytes(toldBytes) >= blocks * BLOCK_BYTES ? extents : null;
}

/**
 * `stat` counts what a file takes by itself, and with it what the file system keeps of where that lies. Where it counts more than was told
 * and that, not all was told: a file system that is asked block by block (FIBMAP) answers 0 for what it has packed, as for a hole.
 */
const unsaidBytes = (toldBytes: number) => 1024 * 1024 + toldBytes / 64;

/** What lies one behind the other on the medium is counted as one: fewer may be told than there are rows, never more. */
const isAll = (rows: number, told: number) => rows >= told && (told > 0 || rows === 0);

async function readThrough(
  handle: FileHandle,
  path: string,
  lengthBytes: number,
  signal: AbortSignal,
): Promise<Extent[]> {
  const extents: Extent[] = [];
  const piece = Buffer.alloc(PIECE_BYTES);
  const zeros = Buffer.alloc(PIECE_BYTES);
  for (let at = 0; at < lengthBytes;) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES, at).catch((error) => {
      throw ioError(error, 'READ_FAILED', { path, offsetBytes: at });
    });
    if (bytesRead === 0) break;
    const isZero = piece.subarray(0, bytesRead).equals(zeros.subarray(0, bytesRead));
    const last = extents.at(-1);
    if (!isZero && last && last.startBytes + last.lengthBytes === at) {
      extents[extents.length - 1] = { ...last, lengthBytes: last.lengthBytes + bytesRead };
    } else if (!isZero) extents.push({ startBytes: at, lengthBytes: bytesRead });
    at += bytesRead;
  }
  return extents;
}
