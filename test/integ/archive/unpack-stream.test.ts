/** Packed streams of every kind, packed by their own tools; cut, joined, changed and lengthened as the world does it. The tools say what is right. */
import { execFileSync, spawnSync } from 'node:child_process';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { streamTypeIn, type StreamType } from '../../../src-engine/archive/stream-type.ts';
import { unpackStream } from '../../../src-engine/archive/unpack-stream.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { noise } from '../../support/disks.ts';

const MIB = 1024 * 1024;
const signal = new AbortController().signal;
/** runs, noise, text that repeats near and far */
const CONTENT = Buffer.concat([
  Buffer.alloc(MIB),
  noise('a', MIB / 2),
  Buffer.alloc(MIB / 4, 'repeats at once '),
  noise('b', 60_000),
  noise('b', 60_000),
  Buffer.from('end'),
]);
const NOTE = Buffer.from('FWx0 metadata of the build');

type Command = readonly [string, ...string[]];
const pack = ([command, ...args]: Command, input: Buffer) =>
  execFileSync(command, args, { input, maxBuffer: 64 * MIB, stdio: ['pipe', 'pipe', 'ignore'] });

async function* pieces(bytes: Buffer, pieceBytes: number) {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

interface Outcome {
  readonly content: Buffer | null;
  readonly leftOutBytes: number;
  /** code and what was said */
  readonly error: string;
}

/** What comes of a stream; anything but an error with a name fails the test. */
async function unpack(packed: Buffer, pieceBytes = 70_001): Promise<Outcome> {
  const all: Buffer[] = [];
  let leftOutBytes = 0;
  try {
    const type = await streamTypeIn(memorySource(packed));
    if (type === null) return { content: null, leftOutBytes, error: 'not packed' };
    const about = { type, path: '/packed', leftOut: (bytes: number) => (leftOutBytes = bytes) };
    for await (const piece of unpackStream(about, pieces(packed, pieceBytes), signal)) all.push(Buffer.from(piece));
  } catch (error) {
    if (!(error instanceof EngineError) || !error.code.startsWith('FORMAT_')) throw error;
    return { content: null, leftOutBytes, error: error.message };
  }
  return { content: Buffer.concat(all), leftOutBytes, error: '' };
}

/** What the tool of a kind makes of it. gzip ends with 2 where it only warns. */
function judged([command, ...args]: Command, packed: Buffer): Buffer | null {
  const { status, stdout } = spawnSync(command, args, { input: packed, maxBuffer: 64 * MIB });
  return status === 0 || (command === 'gzip' && status === 2) ? stdout : null;
}

const PACKERS: readonly [string, StreamType, Command][] = [
  ['gzip', 'gzip', ['gzip', '-c']],
  ['pigz', 'gzip', ['pigz', '-c', '-b', '128']],
  ['zstd', 'zstd', ['zstd', '-c', '-q']],
  ['zstd without its checksum', 'zstd', ['zstd', '-c', '-q', '--no-check']],
  ['zstd with a window of 2 GiB', 'zstd', ['zstd', '-c', '-q', '-1', '--long=31']],
  ['pzstd', 'zstd', ['pzstd', '-c', '-q', '-p', '4']],
  ['xz', 'xz', ['xz', '-c', '-0']],
  ['xz of several blocks', 'xz', ['xz', '-c', '-0', '--block-size=1MiB', '--check=sha256']],
  ['pixz', 'xz', ['pixz', '-0', '-t']],
  ['lzma', 'lzma', ['xz', '-c', '-0', '--format=lzma']],
  ['lzma with other properties', 'lzma', ['xz', '-c', '--format=lzma', '--lzma1=preset=0,lc=1,lp=2,pb=0']],
  ['bzip2', 'bzip2', ['bzip2', '-c', '-1']],
  ['lbzip2', 'bzip2', ['lbzip2', '-c', '-1']],
  ['lzip', 'lzip', ['lzip', '-c', '-0']],
  ['lzop', 'lzop', ['lzop', '-c', '-1']],
  ['lzop with other sums', 'lzop', ['lzop', '-c', '-9', '--crc32']],
  ['lz4', 'lz4', ['lz4', '-c', '-q']],
  ['lz4 with linked blocks', 'lz4', ['lz4', '-c', '-q', '-BD', '-B4']],
  ['lz4 with sums of blocks', 'lz4', ['lz4', '-c', '-q', '-BX', '-B5', '--content-size']],
  ['lz4 of before frames', 'lz4', ['lz4', '-c', '-q', '-l']],
];

test.each(PACKERS)('%s unpacks to what was packed, in pieces of any size', async (_, type, packer) => {
  const packed = pack(packer, CONTENT);
  expect(await streamTypeIn(memorySource(packed))).toBe(type);
  for (const pieceBytes of [70_001, packed.length]) {
    const { content, leftOutBytes, error } = await unpack(packed, pieceBytes);
    expect(error).toBe('');
    expect(content!.equals(CONTENT)).toBe(true);
    expect(leftOutBytes).toBe(0);
  }
});

/** A frame that readers of zstd and lz4 pass over. */
const SKIPPED = Buffer.concat([Buffer.from('5a2a4d18', 'hex'), Buffer.from([6, 0, 0, 0]), Buffer.from('ignore')]);

const KINDS: readonly [string, Command, Command, Buffer[]][] = [
  ['gzip', ['gzip', '-c'], ['gzip', '-dc'], []],
  ['zstd', ['zstd', '-c', '-q'], ['zstd', '-dc', '-q'], [SKIPPED]],
  ['lz4', ['lz4', '-c', '-q'], ['lz4', '-dc', '-q'], [SKIPPED]],
  ['lz4 of before frames', ['lz4', '-c', '-q', '-l'], ['lz4', '-dc', '-q'], [SKIPPED]],
  ['lzip', ['lzip', '-c'], ['lzip', '-dc'], []],
  ['lzma', ['xz', '-c', '--format=lzma'], ['xz', '-dc', '--format=lzma'], []],
  ['xz', ['xz', '-c'], ['xz', '-dc'], [Buffer.alloc(4)]],
  ['bzip2', ['bzip2', '-c'], ['bzip2', '-dc'], []],
  ['lzop', ['lzop', '-c'], ['lzop', '-dc'], []],
];

/** Numbers below `limit`, the same ones in every run. */
function seeded(seed: string): (limit: number) => number {
  let state = crc32(seed);
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

describe.each(KINDS)('%s, member after member', (name, packer, judge, between) => {
  const contents = [noise('member', 700), Buffer.from('hello world '.repeat(100)), Buffer.alloc(0), Buffer.alloc(5000)];
  const members = contents.map((content) => pack(packer, content));

  test('joined, cut, changed and lengthened at random: the bytes of its own tool, or an error where the tool has one', async () => {
    const random = seeded(name);
    const pick = <T>(list: readonly T[]): T => list[random(list.length)];
    for (let round = 0; round < 40; round++) {
      const parts = Array.from({ length: 1 + random(3) }, () => pick([...members, ...members, ...between]));
      let packed: Buffer = Buffer.concat(parts);
      const kind = round % 4;
      // at boundaries of members, too: there a cut is none
      if (kind === 1) packed = packed.subarray(0, 1 + random(packed.length - 1));
      if (kind === 2)
        packed = Buffer.concat([packed, pick([Buffer.alloc(1), Buffer.alloc(4), Buffer.alloc(10_240), NOTE])]);
      if (kind === 3) {
        packed = Buffer.from(packed);
        // the first bytes say what it is
        packed[Math.min(packed.length - 1, 16 + random(packed.length))] ^= 1 << random(8);
      }
      const ours = await unpack(packed, 1 + random(3000));
      const theirs = judged(judge, packed);
      const where = `round ${round}, ${packed.length} bytes, ours: ${ours.error}`;
      if (ours.content !== null) expect(theirs?.equals(ours.content), where).toBe(true);
      // behind its end lzop takes anything, which is not known to be no second half
      else if (name === 'lzop' && kind === 2) continue;
      // lzip does not look at the last bits of a member, and nothing else is refused that its tool takes
      else if (!(name === 'lzip' && kind === 3)) expect(theirs, where).toBeNull();
    }
  });

  test('cut off at every byte of its end, and at many others: refused as its tool does', async () => {
    const packed = Buffer.concat([members[1], members[0]]);
    const lengths = Array.from({ length: 24 }, (_, i) => packed.length - 1 - i);
    for (let at = 1; at < packed.length - 24; at += 61) lengths.push(at);
    for (const length of [...lengths, members[1].length - 1, members[1].length + 1, members[1].length + 3]) {
      const cut = packed.subarray(0, length);
      const { content } = await unpack(cut);
      // a cut between members is none
      if (length === members[1].length) expect(content).toEqual(contents[1]);
      if (content !== null) expect(judged(judge, cut)?.equals(content), `${length} of ${packed.length}`).toBe(true);
    }
  });
});

describe('bytes behind the end', () => {
  test.each([
    ['gzip', ['gzip', '-c'], noise('before the note', 5000)],
    ['bzip2', ['bzip2', '-c'], noise('before the note', 5000)],
    ['bzip2 in several blocks', ['bzip2', '-c', '-1'], CONTENT],
    ['lbzip2', ['lbzip2', '-c'], CONTENT],
    ['lzip', ['lzip', '-c'], noise('before the note', 5000)],
  ] as [string, Command, Buffer][])(
    '%s: a note is left out and told, padding is nothing, a stream is refused',
    async (_, packer, content) => {
      const packed = pack(packer, content);
      const after = (...tail: Buffer[]) => unpack(Buffer.concat([packed, ...tail]));
      expect(await after(NOTE)).toEqual({ error: '', content, leftOutBytes: NOTE.length });
      expect(await after(Buffer.alloc(10_240))).toEqual({ error: '', content, leftOutBytes: 0 });
      expect(await after(Buffer.alloc(512), NOTE)).toEqual({ error: '', content, leftOutBytes: 512 + NOTE.length });
      // half of an image whose other half is damaged or lies behind padding is never taken for a whole one
      expect((await after(Buffer.alloc(512), packed)).error).toMatch(/behind the/);
      expect((await after(pack(['zstd', '-q', '-c'], NOTE))).error).toMatch(/behind the .* stream.*zstd/);
      expect((await after(noise('tail', 100_000))).error).toMatch(/behind the/);
    },
  );

  test.each([
    ['zstd', ['zstd', '-q', '-c']],
    ['lz4', ['lz4', '-q', '-c']],
    ['xz', ['xz', '-c']],
    ['lzma', ['xz', '-c', '--format=lzma']],
  ] as [string, Command][])('%s: refused, as its tool does', async (_, packer) => {
    for (const tail of [NOTE, Buffer.alloc(3)]) {
      const { content, error } = await unpack(Buffer.concat([pack(packer, NOTE), tail]));
      expect(content).toBeNull();
      expect(error).toMatch(/^FORMAT_INVALID/);
    }
  });
});

describe('zstd', () => {
  test('thousands of small frames', async () => {
    const frames = Array.from({ length: 3000 }, (_, i) => Buffer.from(`frame ${i}\n`));
    const packed = frames.map((content) => rawFrame(content));
    expect((await unpack(Buffer.concat(packed))).content?.equals(Buffer.concat(frames))).toBe(true);
    expect(judged(['zstd', '-dc', '-q'], Buffer.concat(packed))?.equals(Buffer.concat(frames))).toBe(true);
  });

  test('nothing but frames to skip is an empty file; one that is cut off is none', async () => {
    expect(await unpack(Buffer.concat([SKIPPED, SKIPPED]))).toMatchObject({ content: Buffer.alloc(0) });
    expect((await unpack(Buffer.concat([SKIPPED, SKIPPED.subarray(0, 10)]))).error).toMatch(/skippable frame/);
    expect((await unpack(Buffer.concat([SKIPPED, NOTE]))).error).toMatch(/^FORMAT_INVALID/);
  });

  test('what needs more memory than zstd can use, or a dictionary, is refused by name', async () => {
    // a window descriptor of 2^41 bytes
    expect((await unpack(Buffer.from('28b52ffd00f8010000', 'hex'))).error).toMatch(/zstd window of 2097152 MiB/);
    expect((await unpack(Buffer.from('28b52ffd2139300000ff', 'hex'))).error).toMatch(/zstd dictionary/);
  });
});

/** A frame of one segment with one block that is not packed. */
function rawFrame(content: Buffer): Buffer {
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, content.length, 0, 0, 0]);
  header.writeUIntLE((content.length << 3) | 1, 6, 3);
  return Buffer.concat([header, content]);
}

test('an input that cannot be read is no stream that ended', async () => {
  for (const [, type, packer] of PACKERS) {
    const packed = pack(packer, noise('read', 300_000));
    async function* failing() {
      yield packed.subarray(0, packed.length / 2);
      throw new EngineError('READ_FAILED', { path: '/packed' });
    }
    const all = async () => {
      for await (const _piece of unpackStream({ type, path: '/packed', leftOut() {} }, failing(), signal));
    };
    await expect(all(), type).rejects.toMatchObject({ code: 'READ_FAILED' });
  }
});

test('what is not packed is told as such', async () => {
  for (const content of [CONTENT, NOTE, Buffer.alloc(1), noise('x', 5000)]) {
    expect(await streamTypeIn(memorySource(content))).toBeNull();
  }
});

test('compress leaves nothing by which to tell whether it is whole: refused by name', async () => {
  expect((await unpack(pack(['compress', '-c', '-f'], CONTENT))).error).toMatch(/FORMAT_UNSUPPORTED.*compress/);
});

test('behind lzop: refused, where the program itself passes over it', async () => {
  const packed = pack(['lzop', '-c'], CONTENT);
  for (const tail of [NOTE, Buffer.from('x'), noise('tail', 100_000), pack(['zstd', '-q', '-c'], NOTE)]) {
    expect((await unpack(Buffer.concat([packed, tail]))).error).toMatch(/behind the lzop stream|lzop stream/);
  }
  // lzop itself cannot do members one behind the other from a pipe
  expect((await unpack(Buffer.concat([packed, packed]))).error).toMatch(/lzop stream/);
});

test('lzop where there is no such program', async () => {
  const packed = pack(['lzop', '-c'], CONTENT);
  const { PATH } = process.env;
  process.env.PATH = '/nonexistent';
  const { error } = await unpack(packed).finally(() => (process.env.PATH = PATH));
  expect(error).toMatch(/FORMAT_UNSUPPORTED.*lzop.*not installed/);
});

test.each([
  ['lrzip', '4c525a4900060000'],
  ['zstd before 0.8', '27b52ffd00000000'],
  ['zpaq', '7a50510201000000'],
])('%s is refused by name', async (name, head) => {
  expect((await unpack(Buffer.from(head, 'hex'))).error).toContain(name);
});
