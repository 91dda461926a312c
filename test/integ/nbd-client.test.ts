/** Disks that other people's servers serve, read by our client: qemu-nbd, qemu-storage-daemon and nbdkit say what is on them, and what goes wrong. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { sharedMemory } from '../../src-engine/core/aligned-memory.ts';
import { openNbd, type NbdOptions, type NbdSource } from '../../src-engine/nbd/client.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const signal = new AbortController().signal;
const raw = bench.path('raw.img');
const image = bench.path('disk.qcow2');
const LENGTH = 48 * MIB;

beforeAll(() => {
  // data, holes, zeros that were written, and a bitmap of what was written last
  run('qemu-img', 'create', '-q', '-f', 'qcow2', image, String(LENGTH));
  run('qemu-io', '-f', 'qcow2', '-c', 'write -P 7 0 10M', '-c', 'write -P 8 20M 100k', '-c', 'write -z 30M 1M', image);
  run('qemu-img', 'bitmap', '--add', image, 'since');
  run('qemu-io', '-f', 'qcow2', '-c', 'write -P 9 12M 64k', '-c', 'write -P 10 47M 1M', image);
  run('qemu-img', 'convert', '-O', 'raw', image, raw);
});

/** A socket is there before anybody listens to it. */
async function answers(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return isOpen;
}

let count = 0;
/** Starts a server that listens on the socket that it is given, and is ended with the bench. */
async function serve(
  program: string,
  args: (socket: string) => string[],
): Promise<{ socketPath: string; child: ChildProcess }> {
  const socketPath = bench.path(`${++count}.sock`);
  const child = spawn(program, args(socketPath), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr!.on('data', (piece) => (said += piece));
  bench.atEnd(() => child.kill());
  while (!(await answers(socketPath))) {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${said}`);
    await sleep(20);
  }
  return { socketPath, child };
}

const nbdkit = (...args: string[]) => serve('nbdkit', (socket) => ['-f', '-U', socket, '-r', ...args]);
const qemuNbd = (...args: string[]) => serve('qemu-nbd', (socket) => ['-r', '-t', '-e', '8', '-k', socket, ...args]);

async function open(server: { socketPath: string }, options: Partial<NbdOptions> = {}): Promise<NbdSource> {
  const source = await openNbd(server, { signal, ...options });
  bench.atEnd(() => source.close());
  return source;
}

/** All of it, by several readers of uneven pieces at once, into one memory. */
async function whole(source: NbdSource): Promise<Buffer> {
  const all = Buffer.from(sharedMemory(source.lengthBytes)).subarray(0, source.lengthBytes);
  let at = 0;
  const sizes = [3 * MIB + 17, 4096, 65536, 512, 777_777, 1];
  const reader = async () => {
    for (let i = 0; at < all.length; i++) {
      const from = at;
      at = Math.min(all.length, at + sizes[i % sizes.length]);
      await source.readInto(from, all.subarray(from, at));
    }
  };
  await Promise.all(Array.from({ length: 8 }, reader));
  return all;
}

async function runsOf(source: NbdSource, start = 0, length = source.lengthBytes): Promise<[number, number][]> {
  const runs: [number, number][] = [];
  for await (const batch of source.dataRuns!(start, length, signal)) {
    for (const { startBytes, lengthBytes } of batch) {
      const last = runs.at(-1);
      if (last && last[0] + last[1] === startBytes) last[1] += lengthBytes;
      else runs.push([startBytes, lengthBytes]);
    }
  }
  return runs;
}

const DATA: [number, number][] = [
  [0, 10 * MIB],
  [12 * MIB, 65536],
  [20 * MIB, 128 * 1024],
  [47 * MIB, MIB],
];

describe('a disk', () => {
  const SERVERS: Record<string, () => ReturnType<typeof serve>> = {
    'of qemu-nbd': () => qemuNbd('-f', 'qcow2', image),
    'of qemu-storage-daemon': () =>
      serve('qemu-storage-daemon', (socket) => [
        `--blockdev=driver=qcow2,node-name=disk,read-only=on,file.driver=file,file.filename=${image}`,
        `--nbd-server=addr.type=unix,addr.path=${socket}`,
        '--export=type=nbd,id=one,node-name=disk,name=disk',
      ]),
    'of nbdkit': () => nbdkit('file', raw),
    'without structured replies': () => nbdkit('--no-sr', 'file', raw),
    'of who knows the oldest way only': () => nbdkit('--mask-handshake=1', '--no-sr', 'file', raw),
    'of whole blocks': () =>
      nbdkit(
        '--filter=blocksize-policy',
        'file',
        raw,
        'blocksize-minimum=4096',
        'blocksize-maximum=64k',
        'blocksize-error-policy=error',
      ),
    'that is slow to answer, out of order': () => nbdkit('--filter=delay', 'file', raw, 'rdelay=20ms'),
    'of one request at a time': () => nbdkit('--filter=noparallel', 'file', raw, 'serialize=all-requests'),
  };
  test.each(Object.entries(SERVERS))('%s is read as it is', async (name, start) => {
    const source = await open(await start(), { exportName: name.includes('daemon') ? 'disk' : '' });
    expect(source.lengthBytes).toBe(LENGTH);
    expect((await whole(source)).equals(readFileSync(raw))).toBe(true);
    await source.close();
  });

  test('tells of its holes what its server tells', async () => {
    const source = await open(await qemuNbd('-f', 'qcow2', image));
    expect(await runsOf(source)).toEqual(DATA);
    expect(await runsOf(source, 5 * MIB + 1, 8 * MIB)).toEqual([
      [5 * MIB + 1, 5 * MIB - 1],
      [12 * MIB, 65536],
    ]);
    expect(await runsOf(source, 33 * MIB, MIB)).toEqual([]);
    // a megabyte in runs of 4 KiB, a few at a time
    const many = bench.file('many.img', 64 * MIB);
    run(
      'qemu-io',
      '-f',
      'raw',
      ...Array.from({ length: 128 }, (_, i) => ['-c', `write -P 1 ${i * 8}k 4k`]).flat(),
      many,
    );
    expect(await runsOf(await open(await nbdkit('file', many)))).toHaveLength(128);
  });

  test('tells what was written since a bitmap was made', async () => {
    const server = await qemuNbd('-f', 'qcow2', '-B', 'since', image);
    const source = await open(server, { contexts: ['qemu:dirty-bitmap:since', 'qemu:dirty-bitmap:other'] });
    expect(source.contexts).toEqual(['base:allocation', 'qemu:dirty-bitmap:since']);
    const dirty: [number, number][] = [];
    for await (const batch of source.status('qemu:dirty-bitmap:since', 0, LENGTH, signal)) {
      for (const run of batch) if (run.flags & 1) dirty.push([run.startBytes, run.lengthBytes]);
    }
    expect(dirty).toEqual([DATA[1], DATA[3]]);
    await expect(
      source.status('qemu:dirty-bitmap:other', 0, 1, signal)[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject({
      code: 'FORMAT_UNSUPPORTED',
    });
  });

  test('of several terabytes, and of nothing, has its length', async () => {
    const far = await open(await nbdkit('memory', '6T'));
    expect(far.lengthBytes).toBe(6 * 2 ** 40);
    expect(await runsOf(far)).toEqual([]);
    const end = Buffer.alloc(9, 1);
    await far.readInto(far.lengthBytes - 9, end);
    expect(end.every((byte) => byte === 0)).toBe(true);
    const nothing = await open(await nbdkit('null', '0'));
    expect([nothing.lengthBytes, await runsOf(nothing)]).toEqual([0, []]);
  });

  test('on a port of this machine is read as well', async () => {
    const port = 20_000 + Math.floor(Math.random() * 20_000);
    const child = spawn('nbdkit', ['-f', '-i', '127.0.0.1', '-p', String(port), '-r', 'file', raw]);
    bench.atEnd(() => child.kill());
    let source: NbdSource | null = null;
    while (!source) source = await openNbd({ port }, { signal }).catch(() => sleep(50, null));
    expect((await whole(source)).equals(readFileSync(raw))).toBe(true);
    await source.close();
  });
});

describe('a server', () => {
  test('that fails to read a part of the disk says where, and gives the rest', async () => {
    const trigger = bench.file('trigger', 1);
    const source = await open(
      await nbdkit(
        '--filter=error',
        'file',
        raw,
        'error-pread=EIO',
        'error-pread-rate=100%',
        `error-pread-file=${trigger}`,
      ),
    );
    await expect(source.readInto(4 * MIB, Buffer.alloc(2 * MIB))).rejects.toMatchObject({
      code: 'READ_FAILED',
      data: { offsetBytes: 4 * MIB, reason: 'EIO' },
    });
    run('rm', trigger);
    expect((await whole(source)).equals(readFileSync(raw))).toBe(true);
  });

  test('that fails to tell of its holes says so', async () => {
    const source = await open(
      await nbdkit('--filter=error', 'file', raw, 'error-extents=EIO', 'error-extents-rate=100%'),
    );
    await expect(runsOf(source)).rejects.toMatchObject({ code: 'READ_FAILED' });
  });

  test('that is killed ends all that is under way, and it is told whose it was', async () => {
    const server = await nbdkit('--filter=delay', 'file', raw, 'rdelay=60');
    const source = await open(server);
    const reads = [0, 1, 2].map((i) => source.readInto(i * MIB, Buffer.alloc(MIB)).catch((error) => error));
    server.child.kill('SIGKILL');
    for (const read of reads) {
      expect(await read).toMatchObject({
        code: 'DISK_SERVER_LOST',
        data: { place: expect.stringContaining(server.socketPath) },
      });
    }
    await once(server.child, 'exit').catch(() => {});
    await expect(openNbd(server, { signal })).rejects.toMatchObject({ code: 'DISK_SERVER_UNREACHABLE' });
  });

  test('that stands still is not waited for, while one that is slow is', async () => {
    const server = await nbdkit('file', raw);
    const source = await open(server, { silenceMs: 1000 });
    await source.readInto(0, Buffer.alloc(512));
    server.child.kill('SIGSTOP');
    // it may answer yet until it stands still: proc(5), /proc/PID/stat
    while (!/\) T /.test(readFileSync(`/proc/${server.child.pid}/stat`, 'utf8'))) await sleep(5);
    await expect(source.readInto(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'DISK_SERVER_LOST' });
    server.child.kill('SIGCONT');
    const slow = await open(await nbdkit('--filter=rate', 'file', raw, 'rate=80M'), { silenceMs: 5000 });
    await slow.readInto(0, Buffer.alloc(5 * MIB));
  });

  test('has exports, and says which it has not', async () => {
    const server = await qemuNbd('-f', 'raw', '-x', 'one', raw);
    expect((await open(server, { exportName: 'one' })).lengthBytes).toBe(LENGTH);
    await expect(openNbd(server, { signal, exportName: 'two' })).rejects.toMatchObject({
      code: 'DISK_SERVER_REFUSED',
      data: { said: expect.stringContaining('no such export') },
    });
    await expect(
      openNbd(await nbdkit('--tls=require', '--tls-psk=/dev/null', 'null', '1M'), { signal }),
    ).rejects.toMatchObject({
      code: 'DISK_SERVER_REFUSED',
      data: { said: expect.stringContaining('TLS') },
    });
  });
});
