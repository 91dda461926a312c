/** One packed stream, wherever its bytes come from (a file, or pieces of one), unpacked whole: as the tool that packs so would, or refused. */
import { Readable } from 'node:stream';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { unpackBzip2 } from './bzip2.ts';
import { unpackGzip } from './gzip.ts';
import { unpackLz4 } from './lz4.ts';
import { unpackLzip } from './lzip.ts';
import { unpackLzma } from './lzma.ts';
import { unpackLzop } from './lzop.ts';
import { start } from './seven-zip.ts';
import { StreamReader } from './stream-reader.ts';
import type { StreamType } from './stream-type.ts';
import { unpackZstd } from './zstd.ts';

/** Content, and at its end how many bytes that are no padding lie behind the stream. */
type Unpacking = AsyncGenerator<Uint8Array, number>;

const UNPACKERS: Partial<Record<StreamType, (reader: StreamReader) => Unpacking>> = {
  gzip: unpackGzip,
  zstd: unpackZstd,
  lz4: unpackLz4,
  lzma: unpackLzma,
  lzip: unpackLzip,
};

export interface StreamAbout {
  readonly type: StreamType;
  /** names the source of the bytes in errors */
  readonly path: string;
  /** Told of bytes behind the end of the stream that are no part of its content, where its own tool warns of them too. */
  leftOut(bytes: number): void;
}

/** @throws EngineError `FORMAT_INVALID` where the stream is damaged, cut off or goes on; what was yielded before is then worth nothing */
export async function* unpackStream(
  { type, path, leftOut }: StreamAbout,
  input: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  try {
    const tailBytes = yield* unpacking(type, input, path, signal);
    if (tailBytes > 0) leftOut(tailBytes);
  } catch (error) {
    signal.throwIfAborted();
    throw streamError(error, path);
  }
}

function unpacking(type: StreamType, input: AsyncIterable<Uint8Array>, path: string, signal: AbortSignal): Unpacking {
  const unpacker = UNPACKERS[type];
  if (unpacker) return unpacker(new StreamReader(input, type));
  if (type === 'lzop') return unpackLzop(input, signal);
  return type === 'bzip2' ? unpackBzip2(input, path, signal) : unpackXz(input, path, signal);
}

/** xz allows streams and padding of zeros behind the first, and nothing else; so does 7-Zip. */
async function* unpackXz(input: AsyncIterable<Uint8Array>, path: string, signal: AbortSignal): Unpacking {
  const about = { path, type: 'xz', password: null } as const;
  const { child, ended } = start(['x', '-si', '-so', '-txz'], about, signal, Readable.from(input));
  try {
    yield* child.stdout as AsyncIterable<Buffer>;
    await ended;
    return 0;
  } finally {
    child.kill();
  }
}

/** What zlib says is of the stream's content; every error says of which file. */
function streamError(error: unknown, path: string): EngineError {
  const code = String((error as NodeJS.ErrnoException).code ?? '');
  const { name, message } = error as Error;
  if (/^(Z|ZSTD)_/.test(code)) {
    return new EngineError('FORMAT_INVALID', { path, field: 'packed stream', value: message }, name, { cause: error });
  }
  const known = toEngineError(error);
  if (!known.code.startsWith('FORMAT_') || known.data.path !== undefined) return known;
  return new EngineError(known.code, { path, ...known.data }, known.hint, { cause: error });
}
