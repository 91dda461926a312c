/**
 * Deploys to several disks at once, and to disks that hold an older version, each against a whole deploy to one disk in the same run;
 * alternating, medians. Writes TARGETS.md beside itself.
 *
 *   npm run bench -- targets [--rounds N] [--work FOLDER]     needs root, 4 GB in FOLDER, 8 GB of free memory, gdisk, e2fsprogs
 *
 * The disks are in memory (loop devices on a tmpfs): what is measured is what Diskpress takes, not how many disks a test machine has.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { measure, median } from './measure.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    work: { type: 'string', default: '/var/tmp/diskpress-targets' },
  },
});
const rounds = Number(options.rounds);
const { work } = options;
const cli = join(import.meta.dirname, '../../out/main/cli.js');
const catalog = join(work, 'catalog');
const disk = join(work, 'disk.img');
const memory = join(work, 'memory');
const mount = join(work, 'mount');
const PARTITION_START = 2048 * 512;
const DISK_BYTES = 3 * 1024 ** 3;
const LARGER_BYTES = 5 * 1024 ** 3;
const TARGETS = 8;

const run = (tool: string, ...args: string[]) => execFileSync(tool, args, { encoding: 'utf8' }).trim();

async function diskpress(...args: string[]) {
  const measured = await measure(process.execPath, [cli, '--catalog', catalog, '--json', ...args]);
  const { parts, startedAt, endedAt } = JSON.parse(measured.output.trim().split('\n').at(-1)!).value as JobView;
  const jobSeconds = (Date.parse(endedAt!) - Date.parse(startedAt!)) / 1000;
  return { ...measured, jobSeconds, results: parts.map(({ result }) => result!) };
}

/** By a whole command, and by the job in it: the rest is the start of the program, and what it tells a person before anything is written. */
type Taken = Pick<Awaited<ReturnType<typeof diskpress>>, 'seconds' | 'jobSeconds'>;

const deploy = (version: number, targets: readonly string[], ...more: string[]) => {
  const confirmed = targets.flatMap((target) => ['--confirm', target]);
  const identity = more.includes('--identity') || more.includes('--exact') ? [] : ['--identity', 'keep'];
  return diskpress('deploy', `disk@${version}`, ...targets, ...confirmed, ...identity, ...more);
};

function onDisk<T>(work: () => T): T {
  const loop = run(
    'losetup',
    '-f',
    '--show',
    '-o',
    String(PARTITION_START),
    '--sizelimit',
    String(PARTITION_BYTES),
    disk,
  );
  try {
    run('mount', loop, mount);
    try {
      return work();
    } finally {
      run('umount', mount);
    }
  } finally {
    run('losetup', '-d', loop);
  }
}
const PARTITION_BYTES = Math.floor((DISK_BYTES - 34 * 512 - PARTITION_START) / 4096) * 4096;

function makeDisk(): void {
  run('truncate', '-s', String(DISK_BYTES), disk);
  run('sgdisk', '-n1:2048:0', '-t1:8300', disk);
  run('mkfs.ext4', '-q', '-E', `offset=${PARTITION_START}`, disk, `${PARTITION_BYTES / 1024}k`);
  onDisk(() => {
    // with its configuration it is a Debian that can be customised
    run('cp', '-a', '/etc', mount);
    for (const name of ['dev', 'proc', 'sys', 'tmp', 'var', 'root', 'home']) mkdirSync(join(mount, name));
    for (const from of ['/usr/lib', '/usr/share', '/usr/bin']) {
      const room = 1000 - Number(run('du', '-sm', mount).split('\t')[0]);
      if (room <= 0) break;
      const script = `cd / && find ".$1" -xdev -type f -printf '%s %p\\n' | awk -v left=$(($2 * 1000000)) '{ left -= $1; if (left < 0) exit; sub(/^[0-9]+ /, ""); print }' | cpio -pdm --quiet "$3" 2>/dev/null || true`;
      execFileSync('bash', ['-c', script, 'copy', from, String(room), mount]);
    }
  });
}

/** Writes new content into files until about one hundredth of what is used has changed. @returns how much differs, in pages of 4 KiB */
function changeOnePercent(usedBytes: number): number {
  const before = join(work, 'before.img');
  run('cp', '--sparse=always', disk, before);
  onDisk(() => {
    const script = `
      left=$1
      find "$2" -xdev -type f -size +64k -size -4M | sort | awk 'NR % 11 == 5' | while read -r f; do
        [ "$left" -gt 0 ] || break
        size=$(stat -c %s "$f"); head -c "$size" /dev/urandom | dd of="$f" conv=notrunc status=none; left=$((left - size))
      done`;
    execFileSync('bash', ['-c', script, 'change', String(Math.floor(usedBytes / 100)), mount]);
  });
  const differing = run(
    'bash',
    '-c',
    `cmp -l "$1" "$2" | awk '{ p = int(($1 - 1) / 4096); if (p != last) { n++; last = p } } END { print n + 0 }'`,
    'cmp',
    before,
    disk,
  );
  rmSync(before);
  return Number(differing) * 4096;
}

/** What the kernel alone takes to write as much to each target past the cache, and to read it back. @returns seconds */
async function bareSeconds(targets: readonly string[]): Promise<number> {
  const count = `count=${Math.ceil(usedBytes / 1e6)}`;
  const dd = (...args: string[]) => promisify(execFile)('dd', ['bs=1000448', count, ...args]);
  const startedAt = performance.now();
  await Promise.all(
    targets.map(async (target) => {
      await dd('if=/dev/zero', `of=${target}`, 'oflag=direct');
      await dd(`if=${target}`, 'of=/dev/null', 'iflag=direct');
    }),
  );
  return (performance.now() - startedAt) / 1000;
}

const listed = (all: readonly Taken[]) => all.map(({ seconds }) => seconds.toFixed(1)).join(', ');

/** @returns medians of each, by itself */
const medians = (all: readonly Taken[]): Taken => ({
  seconds: median(all.map(({ seconds }) => seconds)),
  jobSeconds: median(all.map(({ jobSeconds }) => jobSeconds)),
});

mkdirSync(mount, { recursive: true });
mkdirSync(memory, { recursive: true });
rmSync(catalog, { recursive: true, force: true });
rmSync(disk, { force: true });
makeDisk();
const first = await diskpress('capture', disk, '--name', 'disk');
const usedBytes = first.results[0].processedBytes;
const differingBytes = changeOnePercent(usedBytes);
await diskpress('capture', disk, '--name', 'disk');

run('mount', '-t', 'tmpfs', '-o', 'size=14g', 'tmpfs', memory);
const loops: string[] = [];
const times = { one: [], four: [], whole: [], delta: [], large: [], grown: [], customised: [] } as Record<
  'one' | 'four' | 'whole' | 'delta' | 'large' | 'grown' | 'customised',
  Taken[]
>;
const CUSTOMISED = ['--identity', 'fresh', '--hostname', 'lab-01', '--domain', 'lab.example', '--user', 'ada'];
let eight: Awaited<ReturnType<typeof deploy>>;
let writtenBytes = 0;
const bare = { one: [] as number[], four: [] as number[] };
try {
  for (let i = 0; i < TARGETS; i++) {
    const image = join(memory, `${i}.img`);
    run('truncate', '-s', String(DISK_BYTES), image);
    loops.push(run('losetup', '-f', '--show', image));
  }
  run('truncate', '-s', String(LARGER_BYTES), join(memory, 'larger.img'));
  const larger = run('losetup', '-f', '--show', join(memory, 'larger.img'));
  loops.push(larger);
  // the pages of the tmpfs are there before anything is measured
  await deploy(1, [...loops.slice(0, 4), larger], '--delta', 'off');
  for (let round = 1; round <= rounds; round++) {
    bare.one.push(await bareSeconds(loops.slice(0, 1)));
    bare.four.push(await bareSeconds(loops.slice(0, 4)));
    times.one.push(await deploy(1, loops.slice(0, 1), '--delta', 'off'));
    times.four.push(await deploy(1, loops.slice(0, 4), '--delta', 'off'));
    // a disk that holds version 1 gets version 2, as a whole and by what differs
    times.whole.push(await deploy(2, loops.slice(0, 1), '--delta', 'off'));
    const delta = await deploy(2, loops.slice(1, 2));
    times.delta.push(delta);
    writtenBytes = delta.results[0].writtenBytes!;
    await deploy(1, loops.slice(1, 2));
    // a larger disk, as it was captured and grown; and one that gets a name, a user and an identity
    times.large.push(await deploy(1, [larger], '--delta', 'off', '--exact'));
    times.grown.push(await deploy(1, [larger], '--delta', 'off', '--identity', 'keep'));
    times.customised.push(await deploy(1, loops.slice(0, 1), '--delta', 'off', ...CUSTOMISED));
    console.log(
      `round ${round}: ${Object.entries(times)
        .map(([name, list]) => `${name} ${list.at(-1)!.seconds.toFixed(1)} s`)
        .join(', ')}`,
    );
  }
  eight = await deploy(1, loops.slice(0, TARGETS), '--delta', 'off');
} finally {
  for (const loop of loops) run('losetup', '-d', loop);
  run('umount', memory);
}

const { one, four, whole, delta, large, grown, customised } = Object.fromEntries(
  Object.entries(times).map(([name, list]) => [name, medians(list)]),
) as Record<keyof typeof times, Taken>;
const row = (what: string, taken: Taken, than?: Taken, aim = '') => {
  const ratio = (key: keyof Taken) => (than ? (taken[key] / than[key]).toFixed(2) : '');
  const cells = [taken.seconds.toFixed(1), ratio('seconds'), aim, taken.jobSeconds.toFixed(1), ratio('jobSeconds')];
  return `| ${[what, ...cells].join(' | ')} |`;
};
const bareOne = median(bare.one);
const bareFour = median(bare.four);
const more = (all: number, first: number, targets: number) => ((all - first) / (targets - 1)).toFixed(2);
const megabytes = (n: number) => `${(n / 1e6).toFixed(1)} MB`;
const report = `# Several targets, and targets that hold an older version

Made by \`npm run bench -- targets --rounds ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0].model}, Node ${process.version}.

The disk: 3 GiB, GPT, one ext4 with about ${Math.round(statSync(disk).blocks / 2 / 1000)} MB of programs, libraries and this machine’s /etc. The targets are loop devices in memory: what is measured is what Diskpress takes, not
how many disks the machine has. Times are those of whole commands, with the start of the program and the read-back of everything; medians of ${rounds}.

| | seconds | ratio | aim | of it the job | ratio |
|---|---|---|---|---|---|
${row('one target', one)}
${row('four targets at once, against one', four, one, '≤ 1.30')}
${row('a whole deploy of a version that differs in 1 %', whole)}
${row('what differs of it, against the whole', delta, whole, '≤ 0.33')}
${row('eight targets at once, against one', eight, one)}
${row('one larger target, as captured (`--exact`)', large)}

\`dd\` alone writes as many zeros to one of these targets, and reads them back, in ${bareOne.toFixed(2)} s, and to four at once in ${bareFour.toFixed(2)} s: each target more takes it ${more(bareFour, bareOne, 4)} s, and Diskpress
${more(four.seconds, one.seconds, 4)} s, in which it compares every byte as well. A machine with ${cpus().length} processors and targets in memory, which the kernel copies to and from, has nothing to wait for: processor time is all that this measures.

| | | aim |
|---|---|---|
| growing costs: the larger target grown, against as captured | ${(grown.seconds - large.seconds).toFixed(1)} s | ≤ 2 s |
| customising costs (\`${CUSTOMISED.join(' ')}\`), against one target | ${(customised.seconds - one.seconds).toFixed(1)} s | ≤ 3 s |
| written for the 1 %, against what differs (${megabytes(differingBytes)} in pages of 4 KiB) | ${megabytes(writtenBytes)}: ${(writtenBytes / differingBytes).toFixed(2)} | ≤ 1.20 |
| peak memory with eight targets | ${Math.round(eight.peakMegabytes)} MB | < 400 MB |

Each round, in seconds. One: ${listed(times.one)}; four: ${listed(times.four)}. Whole: ${listed(times.whole)}; what differs: ${listed(times.delta)}.
Larger: ${listed(times.large)}; grown: ${listed(times.grown)}; customised: ${listed(times.customised)}.
`;
writeFileSync(join(import.meta.dirname, 'TARGETS.md'), report);
console.log(report);
