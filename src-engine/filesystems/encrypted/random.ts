/**
 * Tells bytes that look random from the first sector on, as in a volume of VeraCrypt or one that was wiped with noise: nothing
 * else about such a volume can be known.
 */
import type { BlockSource } from '../../disk/block-source.port.ts';
import { readBytes } from '../../disk/read.ts';

const SAMPLE_BYTES = 4096;
/** Spread evenly, the first and the last piece of the volume among them. */
const SAMPLES = 64;
const MIN_BYTES = SAMPLES * SAMPLE_BYTES;

/**
 * The chi-square statistic over 256 values has a mean of 255 and a standard deviation of 22.6 where bytes are random: these
 * limits are six deviations off. All samples together show a bias of two in a hundred, as compressed data has, too.
 */
const MIN_CHI_SQUARE = 255 - 6 * 22.6;
const MAX_CHI_SQUARE = 255 + 6 * 22.6;

/** @throws EngineError `READ_FAILED` */
export async function looksRandom(volume: BlockSource): Promise<boolean> {
  if (volume.lengthBytes < MIN_BYTES) return false;
  const all = new Uint32Array(256);
  const last = Math.floor((volume.lengthBytes - SAMPLE_BYTES) / SAMPLE_BYTES);
  for (let i = 0; i < SAMPLES; i++) {
    const sample = await readBytes(volume, Math.floor((last * i) / (SAMPLES - 1)) * SAMPLE_BYTES, SAMPLE_BYTES);
    const counts = new Uint32Array(256);
    for (const byte of sample) counts[byte]++;
    if (!isRandom(counts, SAMPLE_BYTES)) return false;
    counts.forEach((count, value) => (all[value] += count));
  }
  return isRandom(all, MIN_BYTES);
}

function isRandom(counts: Uint32Array, total: number): boolean {
  const expected = total / 256;
  let chiSquare = 0;
  for (const count of counts) chiSquare += (count - expected) ** 2 / expected;
  return chiSquare > MIN_CHI_SQUARE && chiSquare < MAX_CHI_SQUARE;
}
