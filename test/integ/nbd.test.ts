/** Versions served over NBD: real clients read what a deploy would write, nobody can write, and who sends nonsense harms nobody but themselves. */
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { NbdView } from '../../src-engine/contract/nbd.contract.ts';
import { EngineError } from '../../src-engine/core/engine-error.ts';
import type { BlockSource } from '../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../src-engine/disk/memory-source.ts';
import { serveNbd } from '../../src-engine/nbd/server.ts';
import { openEngineThread, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const exec = promisify(execFile);
const bench = workbench();
const disk = bench.path('disk.img');
const deployed = bench.path('deployed.img');
let engine: TestEngine;
let served: NbdView;

/** A client's program, run while the server in this process answers. */
async function client(program: string, ...args: string[]): Promise<string> {
  const { stdout } = await exec(program, args, {
    timeout: 60_000,
    maxBuffer: 64 * MIB,
    env: { ...process.env, LC_ALL: 'C' },
  });
  return stdout;
}

/** What a program says that does not get what it wants. */
const complaint = (program: string, ...args: string[]) =>
  client(program, ...args).then(
    () => expect.unreachable('it was to fail'),
    ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}${stderr}`,
  );

/** A script for libnbd, the library behind these clients. Debian's own Python has it. */
const libnbd = (...lines: string[]) =>
  client('/usr/bin/python3', '-c', ['import nbd', 'h = nbd.NBD()', ...lines].join('\n'));
const connectTo = (socket: string) => `h.connect_unix(${JSON.stringify(socket)})`;

beforeAll(async () => {
  // two partitions, one used in part, and a gap between them
  bench.file('disk.img', 96 * MIB);
  run('sgdisk', '-n1:2048:+40M', '-n2:133120:+20M', disk);
  writeFileSync(bench.path('data'), randomBytes(9 * MIB));
  bench.file('one.img', 40 * MIB);
  run('mkfs.ext4', '-q', bench.path('one.img'));
  run('debugfs', '-w', '-R', `write ${bench.path('data')} data`, bench.path('one.img'));
  run('dd', `if=${bench.path('one.img')}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc', 'status=none');
  run('dd', `if=${bench.path('data')}`, `of=${disk}`, 'bs=1M', 'seek=65', 'conv=notrunc', 'status=none');
  engine = await openEngineThread(bench.path('catalog'));
  bench.atEnd(() => engine.close());
  resultOf(await engine.capture(disk, 'two parts'));
  resultOf(await engine.deploy('two parts', deployed));
  served = await engine.client.call('nbd.open', { template: 'two parts' });
});

describe('a served version', () => {
  test('is what a deploy of it would write, to every client', async () => {
    const copy = bench.path('copy.img');
    await client('nbdcopy', served.uri, copy);
    run('cmp', copy, deployed);
    expect(await client('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', served.uri, deployed)).toContain('identical');
    await client('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', served.uri, bench.path('copy.qcow2'));
    expect(await client('qemu-img', 'compare', bench.path('copy.qcow2'), deployed)).toContain('identical');
    // through another server, which is a client of this one
    const through = bench.path('through.img');
    await client('nbdkit', '-U', '-', 'nbd', `uri=${served.uri}`, '--run', `nbdcopy "$uri" ${through}`);
    run('cmp', through, deployed);
  });

  test('that somebody jumps about in is unpacked as a whole, and needs its packs no more', async () => {
    const data = bench.file('jumps.img', 0);
    writeFileSync(data, randomBytes(160 * MIB));
    resultOf(await engine.capture(data, 'jumps', { outside: 'take' }));
    const { uri, id } = await engine.client.call('nbd.open', { template: 'jumps' });
    const jumps = Array.from({ length: 28 }, (_, i) => `h.pread(4096, ${4 * MIB * ((7 * i) % 40)})`);
    await libnbd(`h.connect_uri(${JSON.stringify(uri)})`, ...jumps);
    // a file without a name, of 5 MiB for each frame that left memory: 28 of 40 were asked for
    const isUnpacked = () =>
      readdirSync('/proc/self/fd').some((fd) => {
        const path = `/proc/self/fd/${fd}`;
        const link = lstatSync(path, { throwIfNoEntry: false }) && readlinkSync(path);
        return link?.includes('/unpacked-') && statSync(path).size > 150 * MIB;
      });
    await expect.poll(isUnpacked, { timeout: 60_000 }).toBe(true);
    const packs = bench.path('catalog/packs');
    renameSync(packs, `${packs}-away`);
    try {
      const copy = bench.path('jumps-copy.img');
      await client('nbdcopy', uri, copy);
      run('cmp', copy, data);
    } finally {
      renameSync(`${packs}-away`, packs);
      await engine.client.call('nbd.close', { id });
    }
  });

  test('is listed by its name, is read-only, and may be read by several connections at once', async () => {
    const [about] = JSON.parse(await client('nbdinfo', '--json', served.uri)).exports;
    expect(await client('nbdinfo', '--list', served.uri)).toContain('export="two parts"');
    expect(about).toMatchObject({
      'export-name': 'two parts',
      description: 'two parts@1',
      'export-size': 96 * MIB,
      is_read_only: true,
      can_multi_conn: true,
      contexts: ['base:allocation'],
    });
    expect(JSON.parse(await client('qemu-img', 'info', '--output=json', '-f', 'raw', served.uri))['virtual-size']).toBe(
      96 * MIB,
    );
  });

  test('tells its holes: what it calls data covers all that is not zeros, and little else', async () => {
    const map = JSON.parse(await client('nbdinfo', '--map', '--json', served.uri)) as Piece[];
    const bytes = readFileSync(deployed);
    expect(map.reduce((at, { offset, length }) => (expect(offset).toBe(at), at + length), 0)).toBe(bytes.length);
    const holes = map.filter(({ type }) => type === 3);
    for (const { offset, length } of holes) {
      expect(bytes.subarray(offset, offset + length).every((byte) => byte === 0)).toBe(true);
    }
    expect(holes.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(60 * MIB);
    const totals = await client('nbdinfo', '--map', '--totals', served.uri);
    expect(totals).toMatch(/hole,zero/);
  });

  test('answers each command as the protocol says', async () => {
    const said = await libnbd(
      connectTo(served.socket!),
      'size = h.get_size()',
      'print(h.pread(512, 0)[510:512].hex())',
      'print(len(h.pread(32*1024*1024, 0)))',
      'print(h.pread(3, size - 3).hex())',
      'chunks = []',
      'h.pread_structured(1024*1024, 3*1024*1024, lambda data, at, kind, e: chunks.append(len(data)), nbd.CMD_FLAG_DF)',
      'print(chunks)',
      'h.flush()',
      'h.cache(4096, 0)',
    );
    const last = readFileSync(deployed).subarray(-3).toString('hex');
    expect(said.trim().split('\n')).toEqual(['55aa', String(32 * MIB), last, `[${MIB}]`]);
  });

  test('answers without structured replies, to who begins in the oldest way', async () => {
    await libnbd(
      'h.set_request_structured_replies(False)',
      // neither 'go' nor the zeros left out
      'h.set_handshake_flags(0)',
      connectTo(served.socket!),
      `copy = open(${JSON.stringify(bench.path('simple.img'))}, "wb")`,
      'for at in range(0, h.get_size(), 8*1024*1024): copy.write(h.pread(8*1024*1024, at))',
      'copy.close()',
    );
    run('cmp', bench.path('simple.img'), deployed);
  });

  test('cannot be written to, and a client that tries goes on reading', async () => {
    const said = await libnbd(
      'h.set_strict_mode(0)',
      connectTo(served.socket!),
      'def code(f):',
      '  try: f()',
      '  except nbd.Error as e: return e.errno',
      'size = h.get_size()',
      'print([code(f) for f in [lambda: h.pwrite(bytearray(100000), 0), lambda: h.trim(4096, 0), lambda: h.zero(4096, 0)]])',
      'print([code(f) for f in [lambda: h.pread(4096, size), lambda: h.pread(2, size - 1), lambda: h.pread(4096, 2**62)]])',
      'print(h.pread(512, 0)[510:512].hex())',
    );
    expect(said.trim().split('\n')).toEqual(["['EPERM', 'EPERM', 'EPERM']", "['EINVAL', 'EINVAL', 'EINVAL']", '55aa']);
    await complaint('qemu-io', '-f', 'raw', '-c', 'write 0 4096', served.uri);
  });

  test('is for its owner alone, and keeps its packs from a prune', async () => {
    const folder = served.socket!.slice(0, served.socket!.lastIndexOf('/'));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    // what was served is deleted for good meanwhile: who reads it goes on reading
    await engine.client.call('template.delete', { template: 'two parts' });
    resultOf(await engine.prune());
    const copy = bench.path('pruned.img');
    await client('nbdcopy', served.uri, copy);
    run('cmp', copy, deployed);
    await engine.client.call('nbd.close', { id: served.id });
    expect(existsSync(folder)).toBe(false);
    expect(await engine.client.call('nbd.list', {})).toEqual([]);
    resultOf(await engine.capture(disk, 'two parts'));
    served = await engine.client.call('nbd.open', { template: 'two parts' });
  });

  test('a chosen name is used as long as it is served, and nothing that has it is replaced', async () => {
    const socket = bench.path('chosen, name.sock');
    const own = await engine.client.call('nbd.open', { template: 'two parts', socket });
    expect(lstatSync(socket).isSocket()).toBe(true);
    expect(lstatSync(socket).mode & 0o777).toBe(0o600);
    expect(await client('nbdinfo', '--size', own.uri)).toBe(`${96 * MIB}\n`);
    const taken = await refusal(engine.client.call('nbd.open', { template: 'two parts', socket }));
    expect(taken.code).toBe('DESTINATION_EXISTS');
    await engine.client.call('nbd.close', { id: own.id });
    expect(readdirSync(bench.folder).filter((name) => name.includes('chosen'))).toEqual([]);
    const tooLong = bench.path('x'.repeat(200));
    writeFileSync(bench.path('file'), 'mine');
    const refusals = await Promise.all(
      [bench.path('file'), bench.path('nowhere', 'x.sock'), tooLong].map((path) =>
        engine.client.call('nbd.open', { template: 'two parts', socket: path }).then(
          async ({ id }) => (await engine.client.call('nbd.close', { id }), 'served'),
          ({ view }) => view.code as string,
        ),
      ),
    );
    expect(refusals).toEqual(['DESTINATION_EXISTS', 'NOT_FOUND', 'served']);
    expect(readFileSync(bench.path('file'), 'utf8')).toBe('mine');
  });

  test('a port that is taken is told', async () => {
    const first = await engine.client.call('nbd.open', { template: 'two parts', port: 0 });
    expect(await client('nbdinfo', '--size', first.uri)).toBe(`${96 * MIB}\n`);
    const error = await refusal(engine.client.call('nbd.open', { template: 'two parts', port: first.port! }));
    expect(error).toMatchObject({ code: 'DEVICE_BUSY', data: { path: `127.0.0.1:${first.port}` } });
    await engine.client.call('nbd.close', { id: first.id });
    expect((await refusal(engine.client.call('nbd.open', { template: 'nobody' }))).code).toBe('TEMPLATE_NOT_FOUND');
    // a repair replaces what is read
    expect((await refusal(engine.client.call('repair.start', {}))).code).toBe('CATALOG_BUSY');
  });
});

interface Piece {
  offset: number;
  length: number;
  type: number;
}

/** A connection of our own, for what no honest client sends. */
async function dial(path: string): Promise<Socket> {
  const socket = connect(path);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

const u32 = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value >>> 0, 4 * i));
  return bytes;
};
const option = (number: number, data: Buffer, length = data.length) =>
  Buffer.concat([Buffer.from('IHAVEOPT'), u32(number, length), data]);
const ask = (command: number, offset: bigint, length: number, magic = 0x25609513) => {
  const bytes = Buffer.alloc(28);
  bytes.writeUInt32BE(magic, 0);
  bytes.writeUInt16BE(command, 6);
  bytes.writeBigUInt64BE(offset, 16);
  bytes.writeUInt32BE(length, 24);
  return bytes;
};
const flags = u32(3);
const go = option(7, Buffer.concat([u32(0), Buffer.alloc(2)]));
const begun = Buffer.concat([flags, go]);

describe('a client', () => {
  const NONSENSE: [what: string, bytes: Buffer][] = [
    ['speaks another protocol', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['has flags that nobody knows', u32(0xffff)],
    ['sends an option of 4 GiB', Buffer.concat([flags, option(7, Buffer.alloc(64), 0xffff_ffff)])],
    ['names an export that is not there, in the oldest way', Buffer.concat([flags, option(1, Buffer.from('no'))])],
    ['sends no option where one must begin', Buffer.concat([flags, Buffer.alloc(64, 0x41)])],
    [
      'sends options without end',
      Buffer.concat([flags, ...Array.from({ length: 1001 }, () => option(99, Buffer.alloc(0)))]),
    ],
    ['sends a request without its magic', Buffer.concat([begun, ask(0, 0n, 512, 1)])],
    ['would write more than anybody may', Buffer.concat([begun, ask(1, 0n, 0xffff_ffff)])],
  ];

  test.each(NONSENSE)('that %s loses its connection', async (_, bytes) => {
    const socket = await dial(served.socket!);
    socket.resume().write(bytes);
    await once(socket, 'close');
  });

  test('whose options contradict themselves is told so, and may go on', async () => {
    const socket = await dial(served.socket!);
    let said = Buffer.alloc(0);
    socket.on('data', (piece: Buffer) => (said = Buffer.concat([said, piece])));
    const bad = [
      option(7, u32(0xffff_ffff)),
      option(6, Buffer.concat([u32(0), Buffer.from([0, 9])])),
      option(10, Buffer.concat([u32(0), u32(0xffff_ffff)])),
      option(9, Buffer.concat([u32(0), u32(1), u32(0x7fff_ffff)])),
      option(3, Buffer.alloc(4)),
      option(8, Buffer.alloc(1)),
      option(5, Buffer.alloc(0)),
      option(11, Buffer.alloc(0)),
      option(7, Buffer.alloc(100_000)),
      option(7, Buffer.concat([u32(2), Buffer.from('no'), Buffer.alloc(2)])),
    ];
    socket.write(Buffer.concat([flags, ...bad, option(2, Buffer.alloc(0))]));
    await once(socket, 'end');
    const types: number[] = [];
    for (let at = 18; at < said.length; at += 20 + said.readUInt32BE(at + 16)) types.push(said.readUInt32BE(at + 12));
    const error = (number: number) => 0x8000_0000 + number;
    expect(types).toEqual([...[3, 3, 3, 3, 3, 3, 2, 1, 9, 6].map(error), 1]);
  });

  test('that reads nothing of what it asked for holds up nobody, and takes no memory to speak of', async () => {
    const greedy = await Promise.all(Array.from({ length: 8 }, () => dial(served.socket!)));
    const before = process.memoryUsage().rss;
    for (const socket of greedy) {
      socket.pause();
      socket.write(Buffer.concat([begun, ...Array.from({ length: 400 }, () => ask(0, 0n, 32 * MIB))]));
    }
    const copy = bench.path('beside.img');
    await client('nbdcopy', served.uri, copy);
    run('cmp', copy, deployed);
    // 100 GiB were asked for
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * MIB);
    // the server ends with all of them
    await engine.client.call('nbd.close', { id: served.id });
    served = await engine.client.call('nbd.open', { template: 'two parts' });
    await Promise.all(greedy.map((socket) => once(socket.resume(), 'close')));
  });

  test('that connects too often is turned away, and has its places back when it leaves', async () => {
    const many = await Promise.all(Array.from({ length: 40 }, () => dial(served.socket!)));
    await sleep(50);
    expect(await complaint('nbdinfo', '--size', served.uri)).toMatch(/nbdinfo/);
    many.forEach((socket) => socket.destroy());
    await expect.poll(() => client('nbdinfo', '--size', served.uri).catch(() => '')).toBe(`${96 * MIB}\n`);
  });
});

describe('a source that cannot be read', () => {
  /** The second half of it is damaged. */
  const broken = (lengthBytes: number): BlockSource => ({
    ...memorySource(Buffer.alloc(lengthBytes, 7)),
    async readInto(offsetBytes, into) {
      if (offsetBytes + into.length > lengthBytes / 2) throw new EngineError('READ_FAILED', { offsetBytes });
      into.fill(7);
    },
  });

  test.each(['structured', 'simple'])(
    'is told as an error of reading (%s), with its reason to who serves it',
    async (kind) => {
      const socketPath = bench.path(`broken-${kind}.sock`);
      const failures: unknown[] = [];
      const source = broken(8 * MIB);
      const server = await serveNbd(
        { name: '', description: '', source, failed: (e) => failures.push(e) },
        { socketPath },
      );
      const said = await libnbd(
        `h.set_request_structured_replies(${kind === 'structured' ? 'True' : 'False'})`,
        connectTo(socketPath),
        'try: h.pread(65536, 6*1024*1024)',
        'except nbd.Error as e: print(e.errno)',
        'print(h.pread(4, 0).hex())',
      );
      expect(said.trim().split('\n')).toEqual(['EIO', '07070707']);
      expect(failures).toEqual([expect.objectContaining({ code: 'READ_FAILED' })]);
      await server.close();
      expect(existsSync(socketPath)).toBe(false);
    },
  );
});
