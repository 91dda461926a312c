/** What is unpacked, on its way to a file: zeros are not written, and bombs end early. */
import { open } from 'node:fs/promises';
import { EngineError } from '../core/engine-error.ts';

export interface UnpackLimits {
  /** of the unpacked file, holes included */
  readonly maxBytes: number;
  /** unpacked bytes that are not zeros, for each packed byte: an empty disk packs to nearly nothing and harms nobody */
  readonly maxRatio: number;
}
export const UNPACK_LIMITS: UnpackLimits = { maxBytes: 8 * 2 ** 40, maxRatio: 300 };

const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/**
 * Writes `pieces` to the new file `to`, which is left as it is where they fail.
 * @param packed what they are unpacked from: its path, for errors, and its length
 * @param advance told how many bytes came, zeros included
 * @returns length of the file in bytes
 * @throws EngineError `ARCHIVE_UNSAFE` over a limit; `DISK_FULL`; whatever `pieces` throws
 */
export async function writeSparseFile(
  pieces: AsyncIterable<Uint8Array>,
  to: string,
  packed: { readonly path: string; readonly lengthBytes: number },
  limits: UnpackLimits,
  advance: (bytes: number) => void = () => {},
): Promise<number> {
  const check = (isFine: boolean, reason: string, value: number) => {
    if (!isFine) throw new EngineError('ARCHIVE_UNSAFE', { path: packed.path, reason, value });
  };
  const file = await open(to, 'wx', 0o600);
  let lengthBytes = 0;
  let dataBytes = 0;
  try {
    for await (const bytes of pieces) {
      const piece = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (const run of dataRuns(piece, lengthBytes)) {
        await file.write(piece, run.start, run.length, lengthBytes + run.start);
        dataBytes += run.length;
      }
      lengthBytes += piece.length;
      advance(piece.length);
      check(lengthBytes <= limits.maxBytes, 'length', limits.maxBytes);
      check(dataBytes <= limits.maxRatio * Math.max(packed.lengthBytes, BLOCK_BYTES), 'ratio', limits.maxRatio);
    }
    await file.truncate(lengthBytes);
  } finally {
    await file.close();
  }
  return lengthBytes;
}

/** The runs of `piece`, which comes to `offsetBytes` of the file, that are not whole blocks of zeros. */
function* dataRuns(piece: Buffer, offsetBytes: number): Generator<{ start: number; length: number }> {
  let start = -1;
  for (let at = 0; at < piece.length;) {
    const end = Math.min(piece.length, at + BLOCK_BYTES - ((offsetBytes + at) % BLOCK_BYTES));
    const isZero = piece.compare(ZEROS, 0, end - at, at, end) === 0;
    if (!isZero && start < 0) start = at;
    if (isZero && start >= 0) {
      yield { start, length: at - start };
      start = -1;
    }
    at = end;
  }
  if (start >= 0) yield { start, length: piece.length - start };
}
