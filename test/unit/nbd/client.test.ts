/** An NBD server that lies, stops or dies costs a named error: nothing outside of what was asked for is written, and nobody waits for ever. Its bytes are made by hand. */
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { openNbd, type NbdOptions } from '../../../src-engine/nbd/client.ts';
import { EngineError } from '../../../src-engine/core/engine-error.ts';

const signal = new AbortController().signal;
const u16 = (n: number) => Buffer.from([n >> 8, n & 255]);
const u32 = (n: number) => Buffer.from([n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255]);
const u64 = (n: bigint | number) => Buffer.from(BigInt(n).toString(16).padStart(16, '0'), 'hex');

const GREETING = Buffer.concat([Buffer.from('NBDMAGICIHAVEOPT'), u16(3)]);
const optionReply = (option: number, type: number, ...data: Buffer[]) => {
  const all = Buffer.concat(data);
  return Buffer.concat([Buffer.from('0003e889045565a9', 'hex'), u32(option), u32(type), u32(all.length), all]);
};
const ack = (option: number) => optionReply(option, 1);
const infoOf = (lengthBytes: bigint | number) => optionReply(7, 3, u16(0), u64(lengthBytes), u16(3));
const blocks = (min: number, max: number) => optionReply(7, 3, u16(3), u32(min), u32(min), u32(max));
const context = (number: number, name = 'base:allocation') => optionReply(10, 4, u32(number), Buffer.from(name));

const LENGTH = 64 * 1024 * 1024;
/** What an honest server says to each option. */
const HONEST: Record<number, Buffer[]> = {
  8: [ack(8)],
  10: [context(7), ack(10)],
  7: [infoOf(LENGTH), ack(7)],
};

const DONE = 1;
const chunk = (cookie: Buffer, type: number, flags: number, ...data: Buffer[]) => {
  const all = Buffer.concat(data);
  return Buffer.concat([u32(0x668e33ef), u16(flags), u16(type), cookie, u32(all.length), all]);
};
const simple = (cookie: Buffer, error: number, data = Buffer.alloc(0)) =>
  Buffer.concat([u32(0x67446698), u32(error), cookie, data]);

interface Asked {
  readonly cookie: Buffer;
  readonly command: number;
  readonly offset: number;
  readonly length: number;
  readonly socket: Socket;
}

const undo: (() => void)[] = [];
afterEach(() => undo.splice(0).forEach((step) => step()));

/** @param answer what to send to a request; nothing where it is null */
async function serve(
  answer: (asked: Asked) => Buffer | null,
  options = HONEST,
  greeting: Buffer = GREETING,
): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    undo.push(() => socket.destroy());
    socket.write(greeting);
    let bytes = Buffer.alloc(0);
    let at = 0;
    let isOpen = false;
    socket.on('data', (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece]);
      if (at === 0 && bytes.length >= 4) at = 4;
      while (at >= 4 && bytes.length - at >= (isOpen ? 28 : 16)) {
        if (isOpen) {
          const [command, cookie] = [bytes.readUInt16BE(at + 6), Buffer.from(bytes.subarray(at + 8, at + 16))];
          const offset = Number(bytes.readBigUInt64BE(at + 16));
          const said = answer({ cookie, command, offset, length: bytes.readUInt32BE(at + 24), socket });
          at += 28;
          if (said) socket.write(said);
          continue;
        }
        const [option, length] = [bytes.readUInt32BE(at + 8), bytes.readUInt32BE(at + 12)];
        if (bytes.length - at < 16 + length) return;
        at += 16 + length;
        if (option === 1) {
          isOpen = true;
          socket.write(Buffer.concat(HONEST_OLD));
          continue;
        }
        const said = Buffer.concat(options[option] ?? [optionReply(option, 0x80000001)]);
        socket.write(said);
        isOpen = option === 7 && said.equals(Buffer.concat([said.subarray(0, -20), ack(7)]));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => server.close());
  return (server.address() as { port: number }).port;
}
const HONEST_OLD = [u64(LENGTH), u16(3)];

const open = (port: number, options: Partial<NbdOptions> = {}) => openNbd({ port }, { signal, ...options });
const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it was to fail'),
    (error: unknown) => {
      expect(error).toBeInstanceOf(EngineError);
      return error as EngineError;
    },
  );

describe('a server of a disk', () => {
  /** A frame of 0xEE on both sides, which is to stay. */
  async function read(answer: (asked: Asked) => Buffer | null, options?: typeof HONEST) {
    const source = await open(await serve(answer, options), { silenceMs: 300 });
    const memory = Buffer.alloc(3 * 4096, 0xee);
    const end = await source.readInto(8192, memory.subarray(4096, 8192)).then(
      () => null,
      (error: EngineError) => error,
    );
    for (const frame of [memory.subarray(0, 4096), memory.subarray(8192)])
      expect(frame.every((b) => b === 0xee)).toBe(true);
    await source.close();
    return { end, bytes: memory.subarray(4096, 8192) };
  }
  const data = (from: number, length: number, fill = 1) => [u64(from), Buffer.alloc(length, fill)];

  test('may answer in pieces and holes, in any order', async () => {
    const { end, bytes } = await read(({ cookie }) =>
      Buffer.concat([
        chunk(cookie, 1, 0, ...data(8192 + 3072, 1024, 4)),
        chunk(cookie, 2, 0, u64(8192 + 1024), u32(2048)),
        chunk(cookie, 1, 0, ...data(8192, 1024, 9)),
        chunk(cookie, 0, DONE),
      ]),
    );
    expect(end).toBeNull();
    expect([...bytes]).toEqual([...Buffer.alloc(1024, 9), ...Buffer.alloc(2048), ...Buffer.alloc(1024, 4)]);
  });

  const LIES: [string, (asked: Asked) => Buffer | null][] = [
    ['is silent', () => null],
    ['goes away', ({ socket }) => (socket.destroy(), null)],
    [
      'goes away within its answer',
      ({ cookie, socket }) => (socket.end(chunk(cookie, 1, DONE, ...data(8192, 4096)).subarray(0, 3000)), null),
    ],
    ['gives data before what was asked for', ({ cookie }) => chunk(cookie, 1, DONE, ...data(4096, 4096))],
    ['gives data behind what was asked for', ({ cookie }) => chunk(cookie, 1, DONE, ...data(12288, 4096))],
    ['gives more than was asked for', ({ cookie }) => chunk(cookie, 1, DONE, ...data(8192, 8192))],
    ['gives less than was asked for', ({ cookie }) => chunk(cookie, 1, DONE, ...data(8192, 2048))],
    ['gives nothing and calls it done', ({ cookie }) => chunk(cookie, 0, DONE)],
    ['gives no data in a piece', ({ cookie }) => chunk(cookie, 1, 0, u64(8192))],
    [
      'gives the same twice instead of the rest',
      ({ cookie }) =>
        Buffer.concat([chunk(cookie, 1, 0, ...data(8192, 2048)), chunk(cookie, 1, DONE, ...data(8192, 2048))]),
    ],
    ['gives a hole of nothing', ({ cookie }) => chunk(cookie, 2, 0, u64(8192), u32(0))],
    ['gives a hole beyond all', ({ cookie }) => chunk(cookie, 2, DONE, u64(8192), u32(0xffffffff))],
    [
      'gives an offset beyond all numbers',
      ({ cookie }) => chunk(cookie, 1, DONE, u64(2n ** 64n - 1n), Buffer.alloc(4096)),
    ],
    [
      'promises four gigabytes',
      ({ cookie }) => Buffer.concat([u32(0x668e33ef), u16(1), u16(1), cookie, u32(0xffffffff)]),
    ],
    ['answers to what was not asked', () => chunk(u64(77n), 1, DONE, ...data(8192, 4096))],
    ['answers twice', ({ cookie }) => Buffer.concat([chunk(cookie, 0, 0), chunk(cookie, 0, 0)])],
    ['answers simply where it was to answer in chunks', ({ cookie }) => simple(cookie, 0, Buffer.alloc(4096))],
    ['answers with a status', ({ cookie }) => chunk(cookie, 5, DONE, u32(7), u32(4096), u32(0))],
    [
      'tells of errors without an end',
      ({ cookie }) => Buffer.concat(Array.from({ length: 100 }, () => chunk(cookie, 0x8001, 0, u32(5), u16(0)))),
    ],
    ['tells of an error in a long story', ({ cookie }) => chunk(cookie, 0x8001, DONE, u32(5), Buffer.alloc(100_000))],
    ['speaks another language', () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ];
  test.each(LIES)('that %s is left', async (_, answer) => {
    expect((await read(answer)).end).toMatchObject({
      code: 'DISK_SERVER_LOST',
      data: { place: expect.stringContaining('nbd://127.0.0.1:') },
    });
  });

  test('that cannot read something says so, and is asked for the rest', async () => {
    const source = await open(
      await serve(({ cookie, offset, length }) =>
        offset < 4096
          ? Buffer.concat([
              // by a kind that nobody knows yet, after a part of the data
              chunk(cookie, 1, 0, u64(offset), Buffer.alloc(512)),
              chunk(cookie, 0x9999, DONE, u32(offset === 0 ? 5 : 22), u16(3), Buffer.from('bad')),
            ])
          : chunk(cookie, 1, DONE, u64(offset), Buffer.alloc(length, 3)),
      ),
    );
    const memory = Buffer.alloc(1024);
    expect(await failure(source.readInto(0, memory))).toMatchObject({
      code: 'READ_FAILED',
      data: { offsetBytes: 0, reason: 'EIO' },
    });
    expect(await failure(source.readInto(1024, memory))).toMatchObject({
      code: 'READ_FAILED',
      data: { reason: 'EINVAL' },
    });
    await source.readInto(4096, memory);
    expect(memory.every((byte) => byte === 3)).toBe(true);
    await source.close();
  });

  test('that shuts down has not got a bad sector', async () => {
    expect((await read(({ cookie }) => simple(cookie, 108))).end).toMatchObject({ code: 'DISK_SERVER_LOST' });
  });

  test('that dies fails all that is under way and all that comes', async () => {
    const source = await open(await serve(({ socket }) => (socket.destroy(), null)));
    const many = Array.from({ length: 100 }, (_, i) => failure(source.readInto(i * 4096, Buffer.alloc(4096))));
    for (const { code } of await Promise.all(many)) expect(code).toBe('DISK_SERVER_LOST');
    expect((await failure(source.readInto(0, Buffer.alloc(1)))).code).toBe('DISK_SERVER_LOST');
    await source.close();
  });

  test('is not asked outside of its disk', async () => {
    const source = await open(await serve(() => expect.unreachable()));
    for (const at of [-1, LENGTH, LENGTH - 1]) {
      expect((await failure(source.readInto(at, Buffer.alloc(2)))).code).toBe('FORMAT_INVALID');
    }
    await source.close();
  });

  test('that gives whole blocks alone is asked for whole blocks', async () => {
    const asked: [number, number][] = [];
    const port = await serve(
      ({ cookie, offset, length }) => {
        asked.push([offset, length]);
        const bytes = Buffer.from(Uint8Array.from({ length }, (_, i) => (offset + i) % 251));
        return chunk(cookie, 1, DONE, u64(offset), bytes);
      },
      { ...HONEST, 7: [infoOf(LENGTH), blocks(4096, 65536), ack(7)] },
    );
    const source = await open(port);
    for (const [at, length] of [
      [5000, 200_000],
      [4096, 4096],
      [1, 2],
      [8191, 2],
    ]) {
      const memory = Buffer.alloc(length);
      await source.readInto(at, memory);
      expect(memory.every((byte, i) => byte === (at + i) % 251)).toBe(true);
    }
    for (const [offset, length] of asked) expect([offset % 4096, length % 4096, length <= 65536]).toEqual([0, 0, true]);
    await source.close();
  });

  test('without structured replies is read all the same, and tells no holes', async () => {
    const answer = ({ cookie, length, offset }: Asked) =>
      offset === 0 ? simple(cookie, 0, Buffer.alloc(length, 5)) : simple(cookie, 5);
    // nor does it know how to go on in the new way
    const source = await open(await serve(answer, { 7: [optionReply(7, 0x80000001)] }));
    expect(source).toMatchObject({ lengthBytes: LENGTH, contexts: [] });
    expect(source.dataRuns).toBeUndefined();
    const memory = Buffer.alloc(100_000);
    await source.readInto(0, memory);
    expect(memory.every((byte) => byte === 5)).toBe(true);
    expect((await failure(source.readInto(512, memory))).code).toBe('READ_FAILED');
    await source.close();
  });

  describe('tells runs', () => {
    const runsBy = async (...runs: [number, number][]) => {
      const source = await open(
        await serve(({ cookie }) => chunk(cookie, 5, DONE, u32(7), ...runs.flatMap(([l, f]) => [u32(l), u32(f)]))),
        { silenceMs: 300 },
      );
      const all: unknown[] = [];
      for await (const batch of source.dataRuns!(0, 65536, signal))
        all.push(...batch.map((r) => [r.startBytes, r.lengthBytes]));
      return all;
    };

    test('of which those that read as zeros need not be read, whatever else is said of them', async () => {
      expect(await runsBy([4096, 0], [4096, 1], [4096, 2], [4096, 3], [2 ** 31, 4])).toEqual([
        [0, 8192],
        [16384, 49152],
      ]);
    });

    test('that go on, are of nothing, or never end, and is left where it lies', async () => {
      for (const runs of [
        [[0, 0]],
        [
          [65536, 0],
          [65536, 0],
        ],
        [],
      ] as [number, number][][]) {
        expect((await failure(runsBy(...runs))).code).toBe('DISK_SERVER_LOST');
      }
    });

    test('of what it was not asked for, or not at all', async () => {
      for (const said of [
        (cookie: Buffer) => chunk(cookie, 5, DONE, u32(8), u32(65536), u32(0)),
        (cookie: Buffer) => chunk(cookie, 0, DONE),
        (cookie: Buffer) => chunk(cookie, 5, DONE, u32(7), Buffer.alloc(9)),
        (cookie: Buffer) => Buffer.concat([u32(0x668e33ef), u16(1), u16(5), cookie, u32(0xfffffffc)]),
      ]) {
        const source = await open(await serve(({ cookie }) => said(cookie)), { silenceMs: 300 });
        const runs = source.dataRuns!(0, 65536, signal)[Symbol.asyncIterator]();
        expect((await failure(runs.next())).code).toBe('DISK_SERVER_LOST');
      }
    });
  });
});

describe('a server that one does not come to terms with', () => {
  const refused = async (options: typeof HONEST, greeting?: Buffer) =>
    failure(open(await serve(() => null, options, greeting)));

  test.each<[string, RegExp, typeof HONEST, Buffer?]>([
    [
      'has no such export',
      /no such export/,
      { ...HONEST, 7: [optionReply(7, 0x80000006, Buffer.from('none\x1b[2J'))] },
    ],
    ['wants TLS', /TLS required/, { ...HONEST, 7: [optionReply(7, 0x80000005)] }],
    ['tells no length', /length/, { ...HONEST, 7: [ack(7)] }],
    ['has a disk beyond all numbers', /too long/, { ...HONEST, 7: [infoOf(2n ** 63n), ack(7)] }],
    ['has blocks of three bytes', /blocks/, { ...HONEST, 7: [infoOf(LENGTH), blocks(3, 65536), ack(7)] }],
    ['has blocks of no bytes', /blocks/, { ...HONEST, 7: [infoOf(LENGTH), blocks(0, 65536), ack(7)] }],
    ['takes less than a block', /blocks/, { ...HONEST, 7: [infoOf(LENGTH), blocks(4096, 512), ack(7)] }],
    ['gives a context that nobody asked for', /context/, { ...HONEST, 10: [context(1, 'x:y'), ack(10)] }],
    ['replies to another question', /not asked/, { ...HONEST, 8: [ack(9)] }],
    ['replies at length', /without an end/, { ...HONEST, 8: [optionReply(8, 3, Buffer.alloc(70_000))] }],
    ['never comes to an end', /without an end/, { ...HONEST, 7: Array.from({ length: 2000 }, () => infoOf(LENGTH)) }],
    ['is another kind of server', /not an NBD server/, HONEST, Buffer.from('SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n')],
    [
      'is of the old style',
      /oldstyle/,
      HONEST,
      Buffer.from('4e42444d414749430000420281861253' + '00'.repeat(136), 'hex'),
    ],
    ['is not of the fixed new style', /not fixed/, HONEST, Buffer.concat([Buffer.from('NBDMAGICIHAVEOPT'), u16(0)])],
  ])('because it %s is told', async (_, said, options, greeting) => {
    const error = await refused(options, greeting);
    expect(error).toMatchObject({ code: 'DISK_SERVER_REFUSED', data: { said: expect.stringMatching(said) } });
    expect(error.data.said).not.toMatch(/\p{Cc}/u);
  });

  test('because nobody is there, or it leaves at once, is told', async () => {
    expect(await failure(openNbd({ socketPath: '/nowhere/disk.sock' }, { signal }))).toMatchObject({
      code: 'DISK_SERVER_UNREACHABLE',
      data: { said: 'ENOENT' },
    });
    expect((await failure(openNbd({ socketPath: `/${'x'.repeat(200)}` }, { signal }))).code).toBe(
      'DISK_SERVER_UNREACHABLE',
    );
    const server = createServer((socket) => socket.end());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    undo.push(() => server.close());
    expect((await failure(open((server.address() as { port: number }).port))).code).toBe('DISK_SERVER_UNREACHABLE');
  });

  test('is left when that is asked for', async () => {
    const abort = new AbortController();
    const opening = open(await serve(() => null, {}, Buffer.alloc(0)), { signal: abort.signal });
    abort.abort();
    await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
  });
});
