/**
 * A served version against its own deploy and against qemu-nbd on a compressed qcow2 (zstd) of the same content; a second capture of a
 * running machine by what it wrote; and a machine that starts at once against one that is deployed first. Writes NBD.md beside itself.
 *
 *   npm run bench -- nbd [--rounds N] [--work FOLDER] [--part order|random|changes|start]… [--of FOLDER]…
 *
 * Needs root, libvirt with QEMU, qemu-utils, and 15 GB in FOLDER. With parts, or of other files than /usr's, it tells what it finds and writes nothing.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openNbd, type NbdSource } from '../../src-engine/nbd/client.ts';
import { measure, median } from './measure.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    work: { type: 'string', default: '/var/tmp/diskpress-bench-nbd' },
    part: { type: 'string', multiple: true, default: [] },
    of: { type: 'string', multiple: true, default: [] },
  },
  allowPositionals: true,
});
const rounds = Number(options.rounds);
const { work } = options;
const cli = join(import.meta.dirname, '../../out/main/cli.js');
const disk = join(work, 'disk.img');
const packed = join(work, 'packed.qcow2');
const catalog = join(work, 'catalog');
const POOL = 'diskpress-bench';
const pool = join(work, 'pool');
const signal = new AbortController().signal;
const RANDOM_SECONDS = 10;
const DEPTHS = [1, 4, 16];
const TIMES = [
  ['first', `the first ${RANDOM_SECONDS} s, nothing unpacked before`],
  ['second', `the next ${RANDOM_SECONDS} s`],
  ['later', 'all asked for once'],
] as const;

const run = (tool: string, ...args: string[]) => execFileSync(tool, args, { encoding: 'utf8', maxBuffer: 2 ** 26 });
const virsh = (...args: string[]) => run('virsh', '-q', '-c', 'qemu:///system', ...args);
const dropCaches = () => {
  run('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
};

/** What is in use on the machine that measures: programs, libraries, pictures. */
function makeDisk(path: string): void {
  run('truncate', '-s', '6G', path);
  run('mkfs.ext4', '-q', '-F', path);
  const point = join(work, 'mount');
  mkdirSync(point, { recursive: true });
  run('mount', '-o', 'loop', path, point);
  try {
    run('cp', '-a', ...(options.of.length > 0 ? options.of : ['/usr/lib', '/usr/share', '/usr/bin']), point);
  } finally {
    run('umount', point);
  }
}

interface Server {
  readonly socketPath: string;
  end(): Promise<void>;
}

async function serve(name: string, program: string, args: (socket: string) => string[]): Promise<Server> {
  const socketPath = join(work, `${name}.sock`);
  rmSync(socketPath, { force: true });
  const child: ChildProcess = spawn(program, args(socketPath), { stdio: 'ignore' });
  for (let tries = 0; !existsSync(socketPath); tries++) {
    if (tries > 600) throw new Error(`${program} does not listen`);
    await sleep(50);
  }
  await sleep(200);
  return {
    socketPath,
    async end() {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await gone;
    },
  };
}

const SERVERS = {
  ours: () =>
    serve('ours', process.execPath, (socket) => [cli, '--catalog', catalog, 'nbd', 'bench', '--socket', socket]),
  rival: () => serve('rival', 'qemu-nbd', (socket) => ['-r', '-t', '-e', '64', '-f', 'qcow2', '-k', socket, packed]),
};

async function dataOf(source: NbdSource): Promise<[start: number, length: number][]> {
  const runs: [number, number][] = [];
  for await (const batch of source.dataRuns!(0, source.lengthBytes, signal)) {
    for (const { startBytes, lengthBytes } of batch) runs.push([startBytes, lengthBytes]);
  }
  return runs;
}

/** All data once, four pieces at a time. @returns megabytes in a second */
async function sequential(server: Server): Promise<number> {
  const source = await openNbd(server, { signal });
  const PIECE = 2 * 1024 * 1024;
  const pieces = (await dataOf(source)).flatMap(([start, length]) =>
    Array.from({ length: Math.ceil(length / PIECE) }, (_, i) => [
      start + i * PIECE,
      Math.min(PIECE, length - i * PIECE),
    ]),
  );
  const began = performance.now();
  let bytes = 0;
  await Promise.all(
    Array.from({ length: 4 }, async () => {
      const memory = Buffer.alloc(PIECE);
      for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
        await source.readInto(piece[0], memory.subarray(0, piece[1]));
        bytes += piece[1];
      }
    }),
  );
  await source.close();
  return bytes / 1e3 / (performance.now() - began);
}

interface Rates {
  /** at the start: nothing is unpacked yet */
  readonly first: number;
  /** right behind it */
  readonly second: number;
  /** once a block of each MiB was asked for */
  readonly later: number;
}

/** 4 KiB anywhere in what is data: reads in a second. */
async function random(server: Server, depth: number, clients: number): Promise<Rates> {
  const sources = await Promise.all(Array.from({ length: clients }, () => openNbd(server, { signal })));
  const starts = (await dataOf(sources[0])).flatMap(([start, length]) =>
    Array.from({ length: Math.floor(length / 4096) }, (_, i) => start + i * 4096),
  );
  const readers = (next: () => number | undefined) =>
    Promise.all(
      Array.from({ length: depth }, async (_, i) => {
        const memory = Buffer.alloc(4096);
        for (let at = next(); at !== undefined; at = next()) await sources[i % clients].readInto(at, memory);
      }),
    );
  const rate = async () => {
    const end = performance.now() + RANDOM_SECONDS * 1000;
    let count = 0;
    await readers(() => {
      if (performance.now() >= end) return undefined;
      count++;
      return starts[Math.floor(Math.random() * starts.length)];
    });
    return count / RANDOM_SECONDS;
  };
  const first = await rate();
  const second = await rate();
  let asked = 0;
  await readers(() => starts[256 * asked++]);
  const later = await rate();
  await Promise.all(sources.map((source) => source.close()));
  return { first, second, later };
}

const diskpress = async (...args: string[]) => {
  const { seconds, output } = await measure(process.execPath, [cli, '--catalog', catalog, '--json', ...args]);
  return { seconds, value: JSON.parse(output.trim().split('\n').at(-1)!).value };
};

/** Read in order: a deploy, and both servers. @returns lines of a table */
async function order(): Promise<string[]> {
  const found = { deploy: [] as number[], ours: [] as number[], rival: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const target = join(work, 'deployed.img');
    rmSync(target, { force: true });
    found.deploy.push(usedBytes / 1e6 / (await diskpress('deploy', 'bench', target)).seconds);
    rmSync(target, { force: true });
    for (const name of ['ours', 'rival'] as const) {
      dropCaches();
      const server = await SERVERS[name]();
      found[name].push(await sequential(server));
      await server.end();
    }
  }
  const [deploy, ours, rival] = [found.deploy, found.ours, found.rival].map(median);
  return [
    `| deployed to a file, written and read back | ${deploy.toFixed(0)} MB |`,
    `| served by Diskpress | ${ours.toFixed(0)} MB |`,
    `| served by qemu-nbd, qcow2 compressed by zstd | ${rival.toFixed(0)} MB |`,
    `| served, against deployed (aim ≥ 0.8) | ${(ours / deploy).toFixed(2)} |`,
  ];
}

/** 4 KiB anywhere. @returns lines of a table */
async function anywhere(): Promise<string[]> {
  const lines: string[] = [];
  for (const depth of DEPTHS) {
    const rates = { ours: [] as Rates[], rival: [] as Rates[] };
    for (let round = 0; round < rounds; round++) {
      for (const name of ['ours', 'rival'] as const) {
        dropCaches();
        const server = await SERVERS[name]();
        rates[name].push(await random(server, depth, Math.min(depth, 4)));
        await server.end();
      }
    }
    for (const [when, times] of TIMES) {
      const [ours, rival] = [rates.ours, rates.rival].map((all) => median(all.map((one) => one[when])));
      lines.push(`| ${depth} | ${times} | ${rival.toFixed(0)} | ${ours.toFixed(0)} | ${(ours / rival).toFixed(1)} |`);
    }
  }
  return lines;
}

/** A running machine with this disk, of which one hundredth is written to between two captures. */
async function changes(): Promise<string[]> {
  const name = 'diskpress-bench';
  const own = join(work, 'machine.qcow2');
  run('qemu-img', 'convert', '-O', 'qcow2', disk, own);
  const xml = join(work, 'machine.xml');
  writeFileSync(
    xml,
    `<domain type='qemu'><name>${name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os><devices><disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='${own}'/><target dev='vda' bus='virtio'/></disk></devices></domain>`,
  );
  virsh('define', xml);
  virsh('start', name);
  try {
    const live = ['capture', `libvirt:${name}`, '--name', 'machine', '--outside', 'take', '--live', '--track-changes'];
    const first = await diskpress(...live);
    // files of some 256 KiB, here and there
    const count = Math.ceil(usedBytes / 100 / 262_144);
    for (let i = 0; i < count; i++) {
      const at = 262_144 * Math.floor(((i + 0.5) * 6 * 2 ** 30) / count / 262_144);
      virsh(
        'qemu-monitor-command',
        name,
        '--hmp',
        `qemu-io -d /machine/peripheral/virtio-disk0/virtio-backend "write -P ${1 + (i % 250)} ${at} 256k"`,
      );
    }
    const second = await diskpress(...live);
    const read = (one: { value: { result: { processedBytes: number } } }) =>
      Math.round(one.value.result.processedBytes / 1e6);
    return [
      `| first | ${first.seconds.toFixed(1)} s | ${read(first)} MB |`,
      `| second, ${count} × 256 KiB written | ${second.seconds.toFixed(1)} s | ${read(second)} MB |`,
      `| ratio (aim ≤ 0.1) | ${(second.seconds / first.seconds).toFixed(2)} | |`,
    ];
  } finally {
    virsh('destroy', name);
    for (const point of virsh('checkpoint-list', '--name', name).split('\n').filter(Boolean)) {
      virsh('checkpoint-delete', name, point.trim(), '--metadata');
    }
    virsh('undefine', name);
    rmSync(own);
  }
}

/** From the command to a machine whose processor runs. @returns seconds */
async function untilRunning(...how: string[]): Promise<number> {
  const name = 'diskpress-bench-new';
  const began = performance.now();
  const child = spawn(
    process.execPath,
    [cli, '--catalog', catalog, 'deploy', 'bench', `libvirt:${name}`, '--pool', POOL, '--start', ...how],
    { stdio: 'ignore' },
  );
  const gone = new Promise((resolve) => child.once('exit', resolve));
  try {
    for (;;) {
      if (virsh('list', '--name').split('\n').includes(name)) return (performance.now() - began) / 1000;
      if (child.exitCode !== null) throw new Error('no machine was made');
      await sleep(50);
    }
  } finally {
    virsh('destroy', name);
    virsh('undefine', name);
    rmSync(join(pool, `${name}.qcow2`), { force: true });
    child.kill();
    await gone;
    // nothing needs the template any more
    await diskpress('vm', 'served');
  }
}

/** A machine deployed first, and one over the template. @returns lines of a table */
async function starts(): Promise<string[]> {
  mkdirSync(pool, { recursive: true, mode: 0o711 });
  virsh('pool-create-as', POOL, 'dir', '--target', pool);
  const found = { full: [] as number[], instant: [] as number[] };
  try {
    for (let round = 0; round < rounds; round++) {
      dropCaches();
      found.full.push(await untilRunning());
      dropCaches();
      found.instant.push(await untilRunning('--instant'));
    }
  } finally {
    virsh('pool-destroy', POOL);
  }
  const [full, instant] = [found.full, found.instant].map(median);
  return [
    `| deployed first | ${full.toFixed(1)} s |`,
    `| over the template (--instant) | ${instant.toFixed(1)} s |`,
    `| ratio (aim ≤ 0.1) | ${(instant / full).toFixed(2)} |`,
  ];
}

/** Its daemons end by themselves when nobody needs them. */
async function startLibvirt(): Promise<void> {
  for (let tries = 0; spawnSync('virsh', ['-q', '-c', 'qemu:///system', 'version']).status !== 0; tries++) {
    if (tries === 50) throw new Error('libvirtd does not start');
    for (const daemon of ['virtlogd', 'libvirtd']) spawnSync(daemon, ['-d', '-t', '900']);
    await sleep(200);
  }
}

const PARTS = { order, random: anywhere, changes, start: starts };
const chosen = options.part.length > 0 ? options.part : Object.keys(PARTS);
const unknown = chosen.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) throw new Error(`no part ${unknown}: ${Object.keys(PARTS).join(', ')}`);

mkdirSync(work, { recursive: true });
run('chmod', 'a+x', work);
if (!existsSync(disk)) makeDisk(disk);
if (chosen.some((name) => name === 'changes' || name === 'start')) await startLibvirt();
if (!existsSync(packed) && chosen.some((name) => name === 'order' || name === 'random'))
  run('qemu-img', 'convert', '-c', '-O', 'qcow2', '-o', 'compression_type=zstd', disk, packed);
rmSync(catalog, { recursive: true, force: true });
const { value } = await diskpress('capture', disk, '--name', 'bench', '--outside', 'take');
const usedBytes: number = value.result.processedBytes;
const lines: Partial<Record<string, string>> = {};
for (const name of chosen) {
  lines[name] = (await PARTS[name as keyof typeof PARTS]()).join('\n');
  console.log(`${name}\n${lines[name]}`);
}

if (chosen.length === Object.keys(PARTS).length && options.of.length === 0)
  writeFileSync(
    join(import.meta.dirname, 'NBD.md'),
    `# A version served as a disk, and changed blocks: measured

Made by \`npm run bench -- nbd --rounds ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0].model}, Node ${process.version}. An ext4 with
${Math.round(usedBytes / 1e6)} MB of this machine's /usr. Page caches dropped before each; servers started anew, so that nothing is unpacked; alternating; medians.

## Read in order

| what | data in a second |
| --- | --- |
${lines.order}

## 4 KiB at random

| under way at once | when | qemu-nbd reads in a second | Diskpress reads in a second | ratio (aim ≥ 1) |
| --- | --- | --- | --- | --- |
${lines.random}

Packs unpack 4 MiB for the first 4 KiB of each, qcow2 64 KiB: on a disk of which nothing is unpacked yet qemu-nbd is faster by far, and
stays so until most of it was unpacked. Diskpress unpacks the rest as soon as somebody jumps about, in a file without a name, and is the
faster one then. Tried before 2026-11-30: smaller frames (64 KiB) cost 8.5 % of every template's size; unpacking a frame in steps, so that whoever
needs its beginning does not wait for its end, took 1.5 times the processor time and was no sooner.

## A running machine captured twice

| capture | takes | reads |
| --- | --- | --- |
${lines.changes}

Looked into on 2026-11-30: of the second some three seconds do not grow with the disk: the command, twenty-seven answers of virsh one after the other, the point in time
and its end, the look into the guest. The rest goes through the chunks of the version before.

## A new machine, until it runs

| its disks | takes |
| --- | --- |
${lines.start}
`,
  );
