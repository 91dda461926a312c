/** XXH64 with seed 0. Source: the xxHash repository, doc/xxhash_spec.md, "XXH64 algorithm description". */

const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;

/** Eight bytes for each of four accumulators. */
const STRIPE_BYTES = 32;

/** @param bytes of a length that is a multiple of 32, and not 0: what a node holds behind its checksum */
export function xxhash64(bytes: Buffer): bigint {
  if (bytes.length === 0 || bytes.length % STRIPE_BYTES !== 0) throw new RangeError('bytes are not whole stripes');
  const accumulators = [wrap(PRIME_1 + PRIME_2), PRIME_2, 0n, wrap(-PRIME_1)];
  for (let at = 0; at < bytes.length; at += 8) {
    const lane = (at >>> 3) & 3;
    accumulators[lane] = round(accumulators[lane], bytes.readBigUInt64LE(at));
  }
  let hash = wrap(accumulators.reduce((sum, value, i) => sum + rotated(value, [1n, 7n, 12n, 18n][i]), 0n));
  for (const value of accumulators) hash = wrap((hash ^ round(0n, value)) * PRIME_1 + PRIME_4);
  hash = wrap(hash + BigInt(bytes.length));
  hash = wrap((hash ^ (hash >> 33n)) * PRIME_2);
  hash = wrap((hash ^ (hash >> 29n)) * PRIME_3);
  return hash ^ (hash >> 32n);
}

const wrap = (value: bigint) => BigInt.asUintN(64, value);
const rotated = (value: bigint, bits: bigint) => wrap((value << bits) | (value >> (64n - bits)));
const round = (accumulator: bigint, input: bigint) => wrap(rotated(wrap(accumulator + input * PRIME_2), 31n) * PRIME_1);
