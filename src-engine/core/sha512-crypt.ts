/**
 * The password hashes that systems keep in /etc/shadow, of the kind `$6$`: crypt(5).
 * Source: U. Drepper, "Unix crypt using SHA-256 and SHA-512", version 0.6 (2016).
 */
import { createHash, randomBytes } from 'node:crypto';

const ROUNDS = 5000;
const LETTERS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SALT_LENGTH = 16;
const DIGEST_BYTES = 64;

/**
 * @param password is hashed as UTF-8
 * @param salt at most 16 characters of those that crypt(5) allows; another one each time where it is left out
 * @returns as it stands in /etc/shadow
 */
export function sha512Crypt(password: string, salt: string = newSalt()): string {
  const key = Buffer.from(password, 'utf8');
  const saltBytes = Buffer.from(salt.slice(0, SALT_LENGTH), 'latin1');
  let digest = firstDigest(key, saltBytes);
  const p = repeated(hash([...Array<Buffer>(key.length).fill(key)]), key.length);
  const s = repeated(hash([...Array<Buffer>(16 + digest[0]).fill(saltBytes)]), saltBytes.length);
  for (let round = 0; round < ROUNDS; round++) {
    const isOdd = round % 2 === 1;
    digest = hash([isOdd ? p : digest, ...(round % 3 ? [s] : []), ...(round % 7 ? [p] : []), isOdd ? digest : p]);
  }
  return `$6$${saltBytes.toString('latin1')}$${encoded(digest)}`;
}

const hash = (parts: readonly Uint8Array[]) => {
  const sum = createHash('sha512');
  for (const part of parts) sum.update(part);
  return sum.digest();
};

function firstDigest(key: Buffer, salt: Buffer): Buffer {
  const other = hash([key, salt, key]);
  const parts: Uint8Array[] = [key, salt, repeated(other, key.length)];
  for (let bits = key.length; bits > 0; bits >>>= 1) parts.push(bits & 1 ? other : key);
  return hash(parts);
}

/** A digest as often as it takes to fill that many bytes. */
function repeated(digest: Buffer, lengthBytes: number): Buffer {
  return Buffer.alloc(lengthBytes, digest);
}

/** Three bytes at a time, in the order that the specification gives: each time turned by one. */
function encoded(digest: Buffer): string {
  let text = '';
  let [a, b, c] = [0, 21, 42];
  for (let i = 0; i < 21; i++) {
    text += letters((digest[a] << 16) | (digest[b] << 8) | digest[c], 4);
    [a, b, c] = [b + 1, c + 1, a + 1];
  }
  return text + letters(digest[DIGEST_BYTES - 1], 2);
}

function letters(value: number, count: number): string {
  return Array.from({ length: count }, (_, i) => LETTERS[(value >>> (6 * i)) & 0x3f]).join('');
}

const newSalt = () => Array.from(randomBytes(SALT_LENGTH), (byte) => LETTERS[byte & 0x3f]).join('');
