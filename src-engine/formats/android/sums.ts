/**
 * Checksums of Android sparse images: CRC-32 of the disk from its beginning, with what nobody cares for as zeros. Android Open Source Project,
 * system/core, libsparse/sparse_format.h (image_checksum, CHUNK_TYPE_CRC32) and sparse_read.cpp.
 */
import { crc32 } from 'node:zlib';
import { EngineError } from '../../core/engine-error.ts';
import type { JobContext } from '../../core/job-context.ts';
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

export interface SparseSum {
  /** as the specification calls it, with the number of the chunk */
  readonly field: string;
  /** it is the sum of the disk up to here */
  readonly endBytes: number;
  readonly crc: number;
}

const PIECE_BYTES = 1024 * 1024;

/**
 * Reads the disk up to its last sum. Holes are not read: their zeros are reckoned.
 * @param sums ascending
 * @throws EngineError `FORMAT_INVALID` with {path, field, value} for the first sum that is another
 */
export async function checkSums(
  disk: BlockSource,
  sums: readonly SparseSum[],
  path: string,
  { signal, advance }: Pick<JobContext, 'signal' | 'advance'>,
): Promise<void> {
  let crc = 0;
  let at = 0;
  for (const { field, endBytes, crc: told } of sums) {
    const runs = disk.dataRuns!(at, endBytes - at, signal);
    for await (const batch of runs) {
      for (const { startBytes, lengthBytes } of batch) {
        crc = crcOfZeros(crc, startBytes - at);
        for (at = startBytes; at < startBytes + lengthBytes;) {
          signal.throwIfAborted();
          const piece = await readBytes(disk, at, Math.min(PIECE_BYTES, startBytes + lengthBytes - at));
          crc = crc32(piece, crc);
          advance(piece.length);
          at += piece.length;
        }
      }
    }
    crc = crcOfZeros(crc, endBytes - at);
    at = endBytes;
    if (crc !== told) throw new EngineError('FORMAT_INVALID', { path, field, value: `0x${told.toString(16)}` });
  }
}

/** What one step does to each bit of the register, as columns of a matrix. */
type Matrix = Uint32Array;

const POLYNOMIAL = 0xedb88320;

/** @returns the sum of what `crc` is the sum of, followed by so many zeros: by squaring, whatever their number */
export function crcOfZeros(crc: number, lengthBytes: number): number {
  // the register is kept inverted
  let register = ~crc >>> 0;
  let step: Matrix = Uint32Array.from({ length: 32 }, (_, bit) => oneByte((1 << bit) >>> 0));
  for (let left = lengthBytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) register = times(step, register);
    step = step.map((column) => times(step, column));
  }
  return ~register >>> 0;
}

function oneByte(register: number): number {
  let value = register;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value >>> 0;
}

function times(matrix: Matrix, vector: number): number {
  let sum = 0;
  for (let bit = 0, left = vector; left !== 0; bit++, left >>>= 1) if (left & 1) sum ^= matrix[bit];
  return sum >>> 0;
}
