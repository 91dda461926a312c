/** Unpacks one extent: zlib, LZO in pieces of a sector, zstd. Source: Linux, fs/btrfs/compression.c, lzo.c, zstd.c; btrfs documentation, "Compression". */
import { promisify } from 'node:util';
import { constants, inflate, zstdDecompress } from 'node:zlib';
import { checkRange, checkSpan } from '../../core/bounds.ts';
import { EngineError } from '../../core/engine-error.ts';
import { zstdFrameBytes } from '../../core/zstd-frame.ts';
import { unpackLzo } from './lzo.ts';

/** What one compressed extent holds at most (BTRFS_MAX_COMPRESSED). */
export const MAX_UNPACKED_BYTES = 128 * 1024;

/** The kernel allows no larger window either (ZSTD_BTRFS_MAX_WINDOWLOG), which is memory that a frame asks for. */
const ZSTD_OPTIONS = {
  maxOutputLength: MAX_UNPACKED_BYTES,
  params: { [constants.ZSTD_d_windowLogMax]: Math.log2(MAX_UNPACKED_BYTES) },
};

const inflated = promisify(inflate);
const zstd = promisify(zstdDecompress);

/**
 * @param kind 1 zlib, 2 LZO, 3 zstd
 * @param unpackedBytes at most {@link MAX_UNPACKED_BYTES}; what the packed bytes do not fill is zeros
 * @throws EngineError `FORMAT_INVALID`; `FORMAT_UNSUPPORTED` for other kinds
 */
export async function unpackExtent(
  kind: number,
  packed: Buffer,
  unpackedBytes: number,
  sectorBytes: number,
): Promise<Buffer> {
  checkRange('ram_bytes', unpackedBytes, 0, MAX_UNPACKED_BYTES);
  const out = Buffer.alloc(unpackedBytes);
  if (kind === 2) {
    unpackPieces(packed, out, sectorBytes);
    return out;
  }
  let bytes: Buffer;
  try {
    if (kind === 1) bytes = await inflated(packed, { maxOutputLength: MAX_UNPACKED_BYTES });
    else if (kind === 3) bytes = await zstd(packed.subarray(0, zstdFrameBytes(packed)), ZSTD_OPTIONS);
    else throw new EngineError('FORMAT_UNSUPPORTED', { feature: `btrfs compression ${kind}` });
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError('FORMAT_INVALID', { field: 'compressed extent', value: (error as Error).message }, '', {
      cause: error,
    });
  }
  bytes.copy(out);
  return out;
}

/**
 * A length of the whole, then pieces with a length each, of which every one unpacks to a sector; a length never lies across the
 * end of a sector.
 */
function unpackPieces(packed: Buffer, out: Buffer, sectorBytes: number): void {
  checkSpan('LZO', 0, 4, packed.length);
  const totalBytes = checkRange('LZO length', packed.readUInt32LE(0), 4, packed.length);
  let at = 4;
  for (let to = 0; at < totalBytes && to < out.length; to += sectorBytes) {
    const left = sectorBytes - (at % sectorBytes);
    if (left < 4) at += left;
    checkSpan('LZO piece', at, 4, totalBytes);
    const length = packed.readUInt32LE(at);
    checkSpan('LZO piece', at + 4, length, totalBytes);
    const piece = packed.subarray(at + 4, at + 4 + length);
    // the last sector of an inline extent is cut where the file ends
    const whole = Buffer.alloc(sectorBytes);
    unpackLzo(piece, whole);
    whole.copy(out, to);
    at += 4 + length;
  }
}
