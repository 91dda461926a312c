import { createCipheriv } from 'node:crypto';
import { deflateRawSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { looksRandom } from '../../../src-engine/filesystems/encrypted/random.ts';
import { recogniseEncrypted } from '../../../src-engine/filesystems/encrypted/recognise-encrypted.ts';
import { recogniseSignature } from '../../../src-engine/filesystems/signatures.ts';
import { bitLocker, VOLUME_GUID, type BitLockerKind } from './bitlocker-image.ts';

const MIB = 1024 * 1024;
const KINDS: BitLockerKind[] = ['vista', 'windows7', 'used-space', 'to-go'];

describe('BitLocker', () => {
  test.each(KINDS)('of %s', async (kind) => {
    const volume = memorySource(bitLocker({ kind }));
    expect(await recogniseSignature(volume)).toBe('bitlocker');
    expect(await recogniseEncrypted(volume)).toEqual({
      name: kind === 'to-go' ? 'BitLocker To Go' : 'BitLocker',
      cipher: 'aes-xts-128',
      uuid: VOLUME_GUID,
      sectorBytes: 512,
      isSuspended: false,
      drive: 'C:',
    });
  });

  test.each([
    [[0x0100], false],
    [[0x0500, 0x0800], false],
    [[0x2000, 0x0200], false],
    [[0x0000], true],
    [[0x0100, 0x0800, 0x0000], true],
  ])('keys %j: suspended is %s', async (protections, isSuspended) => {
    for (const kind of KINDS) {
      expect(await recogniseEncrypted(memorySource(bitLocker({ kind, protections })))).toMatchObject({ isSuspended });
    }
  });

  test.each([
    ['SERVER-01 D: 1.2.2026', 'D:'],
    ['E: something', 'E:'],
    ['no letter here', ''],
    ['', ''],
  ])('the drive of “%s” is “%s”', async (description, drive) => {
    expect(await recogniseEncrypted(memorySource(bitLocker({ kind: 'windows7', description })))).toMatchObject({
      drive,
    });
  });

  test('a damaged copy of the metadata leaves two', async () => {
    for (const damaged of [[0], [0, 0x20000], [0, 0x20000, 0x40000]]) {
      const bytes = bitLocker({ kind: 'windows7', protections: [0] });
      for (const at of damaged) bytes.fill(0, MIB + at, MIB + at + 8);
      const isSuspended = damaged.length < 3;
      expect(await recogniseEncrypted(memorySource(bytes))).toMatchObject({ name: 'BitLocker', isSuspended });
    }
  });
});

describe('LUKS', () => {
  const header = (version: number) => {
    const bytes = Buffer.alloc(64 * 1024);
    bytes.write('LUKS\xba\xbe', 0, 'latin1');
    bytes.writeUInt16BE(version, 6);
    return bytes;
  };

  test.each([
    ['of a version to come', 3, 'LUKS'],
    ['2 without metadata', 2, 'LUKS2'],
  ])('%s is there, and no more is said', async (_what, version, name) => {
    const told = await recogniseEncrypted(memorySource(header(version)));
    expect(told).toMatchObject({ name, cipher: '', sectorBytes: null });
  });
});

/** Bytes that a cipher made: as random as any. */
const noise = (lengthBytes: number, seed = 7) =>
  createCipheriv('aes-256-ctr', Buffer.alloc(32, seed), Buffer.alloc(16)).update(Buffer.alloc(lengthBytes));

/** Text that shrinks to a third. */
const words = (lengthBytes: number) => {
  const list = 'disk image template capture deploy volume chunk pack manifest'.split(' ');
  const order = noise(lengthBytes / 4);
  return Buffer.from(Array.from(order, (byte) => `${list[byte % list.length]}${byte}`).join(' ')).subarray(
    0,
    lengthBytes,
  );
};

describe('what looks random', () => {
  test('noise does, at any length', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      expect(await looksRandom(memorySource(noise(256 * 1024 + 1000 * seed, seed)))).toBe(true);
    }
  });

  test('noise in too small a volume does not', async () => {
    expect(await looksRandom(memorySource(noise(100_000)))).toBe(false);
    expect(await looksRandom(memorySource(Buffer.alloc(0)))).toBe(false);
  });

  test.each([
    ['zeros', Buffer.alloc(2 * MIB)],
    ['ones', Buffer.alloc(2 * MIB, 0xff)],
    ['text', words(2 * MIB)],
    ['each value as often as any other', Buffer.alloc(2 * MIB, Buffer.from(Array.from({ length: 256 }, (_, i) => i)))],
    ['text in base64', Buffer.from(noise(2 * MIB).toString('base64'))],
    ['gzip', repeated(gzipSync(words(8 * MIB)))],
    ['deflate', repeated(deflateRawSync(words(8 * MIB)))],
    ['zstd', repeated(zstdCompressSync(words(8 * MIB)))],
    ['noise behind a first sector', Buffer.concat([Buffer.alloc(512), noise(2 * MIB)])],
    ['noise before zeros', Buffer.concat([noise(2 * MIB), Buffer.alloc(100_000)])],
    ['noise with a hole', Buffer.concat([noise(MIB), Buffer.alloc(100_000), noise(MIB)])],
  ])('%s does not', async (_what, bytes) => {
    expect(await looksRandom(memorySource(bytes))).toBe(false);
  });
});

function repeated(bytes: Buffer): Buffer {
  return Buffer.alloc(2 * MIB, bytes);
}
