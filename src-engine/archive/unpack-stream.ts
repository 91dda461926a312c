/** One packed stream, wherever its bytes come from (a file, or pieces of one), unpacked. */
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { unpackLz4 } from './lz4.ts';
import { start } from './seven-zip.ts';

/** How a stream is packed. Told by {@link streamTypeOf}, never by a name. */
export type StreamType = 'gzip' | 'zstd' | 'xz' | 'bzip2' | 'lz4' | 'none';

const MAGICS: [StreamType, string][] = [
  ['gzip', '1f8b08'],
  ['zstd', '28b52ffd'],
  ['xz', 'fd377a585a00'],
  ['bzip2', '425a68'],
  ['lz4', '04224d18'],
  ['lz4', '02214c18'],
];

/** Known, and refused by their names. */
const REFUSED: [string, string][] = [
  ['lzop', '894c5a4f000d0a1a0a'],
  ['lzip', '4c5a4950'],
  ['lrzip', '4c525a49'],
];

/** @param head the first bytes of a stream, at least 16 where it has as many @throws EngineError `FORMAT_UNSUPPORTED` */
export function streamTypeOf(head: Buffer): StreamType {
  const begins = (hex: string) => head.subarray(0, hex.length / 2).equals(Buffer.from(hex, 'hex'));
  const refused = REFUSED.find(([, hex]) => begins(hex));
  if (refused) throw new EngineError('FORMAT_UNSUPPORTED', { feature: refused[0] });
  return MAGICS.find(([, hex]) => begins(hex))?.[0] ?? 'none';
}

/**
 * @param path names the source of the bytes in errors
 * @throws EngineError `FORMAT_INVALID` where the stream is damaged or cut off; what was yielded before is then worth nothing
 */
export async function* unpackStream(
  type: StreamType,
  input: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (type === 'none') return yield* input;
  if (type === 'lz4') return yield* unpackLz4(input);
  if (type === 'gzip') return yield* through(input, createGunzip(), path, signal);
  if (type === 'zstd') return yield* through(input, createZstdDecompress(), path, signal);
  const about = { path, type, password: null } as const;
  const { child, ended } = start(['x', '-si', '-so', `-t${type}`], about, signal, Readable.from(input));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    await ended;
  } finally {
    child.kill();
  }
}

async function* through(
  input: AsyncIterable<Uint8Array>,
  unpacker: NodeJS.ReadWriteStream & AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const fed = pipeline(input, unpacker, { signal, end: true });
  fed.catch(() => {});
  try {
    yield* unpacker;
    await fed;
  } catch (error) {
    signal.throwIfAborted();
    const known = toEngineError(error);
    if (known.code !== 'INTERNAL') throw known;
    throw new EngineError('FORMAT_INVALID', { path, field: 'packed stream', value: known.message }, '', {
      cause: error,
    });
  }
}
