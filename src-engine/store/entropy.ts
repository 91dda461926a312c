/** Tells what is not worth compressing: compressed, encrypted or random bytes. */

const SAMPLE_BYTES = 4096;
/** Bits for each byte of a sample of 4096 random bytes: 7.95. Text is near 5, machine code near 6.5. */
const INCOMPRESSIBLE_BITS = 7.9;

const counts = new Uint32Array(256);

/** @returns true where a sample from the middle of `bytes` looks random */
export function looksIncompressible(bytes: Uint8Array): boolean {
  if (bytes.length < SAMPLE_BYTES) return false;
  counts.fill(0);
  const from = (bytes.length - SAMPLE_BYTES) >>> 1;
  for (let i = from; i < from + SAMPLE_BYTES; i++) counts[bytes[i]]++;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / SAMPLE_BYTES) * Math.log2(count / SAMPLE_BYTES);
  return bits > INCOMPRESSIBLE_BITS;
}
