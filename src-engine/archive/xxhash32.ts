/** The checksum of LZ4 frames. Source: xxHash, doc/xxhash_spec.md, "XXH32 Algorithm Description". */
const [PRIME_1, PRIME_2, PRIME_3, PRIME_4, PRIME_5] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f, 0x165667b1];
const STRIPE_BYTES = 16;

const rotate = (value: number, bits: number) => (value << bits) | (value >>> (32 - bits));

/** Takes bytes in pieces of any length. */
export class XxHash32 {
  readonly #lanes = Int32Array.of(PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1);
  #rest: Buffer = Buffer.alloc(0);
  #length = 0;

  update(bytes: Buffer): this {
    this.#length += bytes.length;
    const missing = this.#rest.length > 0 ? STRIPE_BYTES - this.#rest.length : 0;
    if (missing > 0) this.#rest = Buffer.concat([this.#rest, bytes.subarray(0, missing)]);
    if (this.#rest.length === STRIPE_BYTES) {
      this.#stripes(this.#rest);
      this.#rest = Buffer.alloc(0);
    }
    const whole = bytes.subarray(missing);
    if (this.#rest.length > 0 || whole.length === 0) return this;
    const end = whole.length - (whole.length % STRIPE_BYTES);
    this.#stripes(whole.subarray(0, end));
    this.#rest = Buffer.from(whole.subarray(end));
    return this;
  }

  digest(): number {
    const [a, b, c, d] = this.#lanes;
    let sum = this.#length < STRIPE_BYTES ? PRIME_5 : rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18);
    sum = (sum + this.#length) | 0;
    let at = 0;
    for (; at + 4 <= this.#rest.length; at += 4) {
      sum = Math.imul(rotate((sum + Math.imul(this.#rest.readInt32LE(at), PRIME_3)) | 0, 17), PRIME_4);
    }
    for (; at < this.#rest.length; at++) {
      sum = Math.imul(rotate((sum + Math.imul(this.#rest[at], PRIME_5)) | 0, 11), PRIME_1);
    }
    sum = Math.imul(sum ^ (sum >>> 15), PRIME_2);
    sum = Math.imul(sum ^ (sum >>> 13), PRIME_3);
    return (sum ^ (sum >>> 16)) >>> 0;
  }

  #stripes(bytes: Buffer): void {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let [a, b, c, d] = this.#lanes;
    for (let at = 0; at < bytes.length; at += STRIPE_BYTES) {
      a = Math.imul(rotate((a + Math.imul(words.getInt32(at, true), PRIME_2)) | 0, 13), PRIME_1);
      b = Math.imul(rotate((b + Math.imul(words.getInt32(at + 4, true), PRIME_2)) | 0, 13), PRIME_1);
      c = Math.imul(rotate((c + Math.imul(words.getInt32(at + 8, true), PRIME_2)) | 0, 13), PRIME_1);
      d = Math.imul(rotate((d + Math.imul(words.getInt32(at + 12, true), PRIME_2)) | 0, 13), PRIME_1);
    }
    this.#lanes.set([a, b, c, d]);
  }
}

export const xxHash32 = (bytes: Buffer) => new XxHash32().update(bytes).digest();
