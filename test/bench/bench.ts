/**
 * The benchmark: Diskpress against partclone and zstd on one disk, alternating, medians. Writes RESULTS.md beside itself.
 *
 *   npm run bench -- [--rounds N] [--work FOLDER]     needs root, 40 GB in FOLDER, partclone, zstd, gdisk, e2fsprogs
 *
 * Page caches are dropped before each measured command, and each ends with its output synced: the rival's by `sync FILE`,
 * ours by what the engine does anyway.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measure, median, type Measured } from './measure.ts';

const { values: options } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, work: { type: 'string', default: '/var/tmp/diskpress-bench' } },
});
const rounds = Number(options.rounds);
const work = options.work;
const here = import.meta.dirname;
const cli = join(here, '../../out/main/cli.js');
const PARTITION_START = 2048 * 512;

/** The rival: one more try where it fails, as partclone did once here on a disk that answered an fsync with EIO. */
async function shell(script: string): Promise<Measured> {
  const run = () => measure('bash', ['-o', 'pipefail', '-c', script]);
  return run().catch((error: Error) => {
    console.error(`${error.message}\nAgain:`);
    return run();
  });
}

/** Diskpress's command line, as it is built. @returns also the job of the last line */
async function diskpress(catalog: string, ...args: string[]) {
  const measured = await measure(process.execPath, [cli, '--catalog', catalog, '--json', ...args]);
  const last = measured.output.trim().split('\n').at(-1)!;
  return { ...measured, value: JSON.parse(last).value };
}

async function withLoop<T>(image: string, run: (loop: string) => T): Promise<Awaited<T>> {
  const length = Math.floor((statSync(image).size - 34 * 512 - PARTITION_START) / 4096) * 4096;
  const args = ['-f', '--show', '-o', String(PARTITION_START), '--sizelimit', String(length), image];
  const loop = execFileSync('losetup', args, { encoding: 'utf8' }).trim();
  try {
    return await run(loop);
  } finally {
    execFileSync('losetup', ['-d', loop]);
  }
}

const seconds = (n: number) => `${n.toFixed(1)} s`;
const ratio = (n: number) => n.toFixed(2);
const megabytes = (n: number) => `${Math.round(n / 1e6)} MB`;

/** Writes new content into files until about one hundredth of the used data has changed. @returns bytes written */
function changeOnePercent(image: string, usedBytes: number): Promise<number> {
  return withLoop(image, (loop) => {
    const mount = join(work, 'mount');
    mkdirSync(mount, { recursive: true });
    execFileSync('mount', [loop, mount]);
    try {
      const script = `
        left=$1; i=0; total=0
        find "$2" -xdev -type f -size +64k -size -4M | sort | awk 'NR % 11 == 5' | while read -r f; do
          [ "$left" -gt 0 ] || break
          size=$(stat -c %s "$f"); head -c "$size" /dev/urandom > "$f"; left=$((left - size)); total=$((total + size)); echo $total
        done | tail -n 1`;
      return Number(
        execFileSync('bash', ['-c', script, 'change', String(Math.floor(usedBytes / 100)), mount], {
          encoding: 'utf8',
        }),
      );
    } finally {
      execFileSync('umount', [mount]);
    }
  });
}

const disk = join(work, 'disk.img');
const packed = join(work, 'rival.zst');
const restored = join(work, 'restored.img');
const deployed = join(work, 'deployed.img');
const catalog = join(work, 'catalog');
mkdirSync(work, { recursive: true });
if (!existsSync(disk)) execFileSync(join(here, 'make-bench-disk.sh'), [disk], { stdio: 'inherit' });

const capture = { rival: [] as number[], ours: [] as number[] };
const deploy = { rival: [] as number[], ours: [] as number[] };
const again: number[] = [];
const peaks: number[] = [];
let rivalBytes = 0;
let oursBytes = 0;
let usedBytes = 0;

for (let round = 1; round <= rounds; round++) {
  rmSync(catalog, { recursive: true, force: true });
  rmSync(packed, { force: true });
  const { seconds: rivalCapture } = await withLoop(disk, (loop) =>
    shell(
      `partclone.ext4 -c -s ${loop} -o - -L /dev/null 2>/dev/null | zstd -T0 -3 -q -f -o ${packed} && sync ${packed}`,
    ),
  );
  capture.rival.push(rivalCapture);
  const first = await diskpress(catalog, 'capture', disk, '--name', 'bench');
  capture.ours.push(first.seconds);
  peaks.push(first.peakMegabytes);
  rivalBytes = statSync(packed).size;
  oursBytes = first.value.result.storedBytes;
  usedBytes = first.value.result.processedBytes;

  rmSync(restored, { force: true });
  deploy.rival.push(
    (
      await shell(
        `zstd -d -c -q ${packed} | partclone.restore -C --overwrite ${restored} -s - -L /dev/null 2>/dev/null && sync ${restored}`,
      )
    ).seconds,
  );
  rmSync(restored, { force: true });
  rmSync(deployed, { force: true });
  const written = await diskpress(catalog, 'deploy', 'bench', deployed, '--identity', 'keep');
  deploy.ours.push(written.seconds);
  peaks.push(written.peakMegabytes);
  rmSync(deployed, { force: true });
  console.log(
    `round ${round}: capture ${seconds(capture.rival.at(-1)!)} / ${seconds(capture.ours.at(-1)!)}, deploy ${seconds(deploy.rival.at(-1)!)} / ${seconds(deploy.ours.at(-1)!)}`,
  );
}

const changed = join(work, 'changed.img');
execFileSync('cp', ['--sparse=always', disk, changed]);
const changedBytes = await changeOnePercent(changed, usedBytes);
let addedBytes = 0;
for (let round = 1; round <= rounds; round++) {
  const copy = join(work, 'catalog-again');
  rmSync(copy, { recursive: true, force: true });
  execFileSync('cp', ['-a', '--reflink=auto', catalog, copy]);
  const second = await diskpress(copy, 'capture', changed, '--name', 'bench');
  again.push(second.seconds);
  peaks.push(second.peakMegabytes);
  addedBytes = second.value.result.storedBytes;
  rmSync(copy, { recursive: true, force: true });
}
rmSync(changed);

const huge = join(work, 'huge.img');
rmSync(huge, { force: true });
execFileSync('truncate', ['-s', '2T', huge]);
execFileSync('mkfs.ext4', ['-q', '-E', 'lazy_itable_init=1', huge]);
const hugeCatalog = join(work, 'catalog-huge');
rmSync(hugeCatalog, { recursive: true, force: true });
const hugeRun = await diskpress(hugeCatalog, 'capture', huge, '--name', 'huge');
rmSync(huge);
rmSync(hugeCatalog, { recursive: true });

const rows = [
  [
    'capture',
    seconds(median(capture.rival)),
    seconds(median(capture.ours)),
    ratio(median(capture.ours) / median(capture.rival)),
    '≤ 0.80',
  ],
  ['stored', megabytes(rivalBytes), megabytes(oursBytes), ratio(oursBytes / rivalBytes), '≤ 1.00'],
  [
    'deploy',
    seconds(median(deploy.rival)),
    seconds(median(deploy.ours)),
    ratio(median(deploy.ours) / median(deploy.rival)),
    '≤ 0.80',
  ],
  [
    'second capture, 1 % changed, against the first',
    '',
    seconds(median(again)),
    ratio(median(again) / median(capture.ours)),
    '≤ 0.20',
  ],
  [
    'added by it, against what changed',
    megabytes(changedBytes),
    megabytes(addedBytes),
    ratio(addedBytes / changedBytes),
    '≤ 1.50',
  ],
  ['peak memory', '', `${Math.round(Math.max(...peaks))} MB`, '', '< 400 MB'],
  ['capture of an empty 2 TiB ext4', '', seconds(hugeRun.seconds), '', ''],
  ['peak memory there', '', `${Math.round(hugeRun.peakMegabytes)} MB`, '', '< 400 MB'],
];
const text = `# Benchmark results

Made by \`npm run bench -- --rounds ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0].model}, Node ${process.version}.

The disk: 12 GiB, GPT, one ext4 with ${megabytes(usedBytes)} used by real files of a development machine (programs, libraries, documents,
compressed packages) and 1.5 GB of deleted random data. The rival: \`partclone.ext4 | zstd -T0 -3\` and \`zstd -d | partclone.restore\`,
its output synced. Ours: the whole command, with the start of the program, the verification of what was stored (capture) and the
read-back of everything that was written (deploy), neither of which the rival does. Page caches dropped before each; alternating;
medians of ${rounds}.

| | rival | Diskpress | ratio | aim |
|---|---|---|---|---|
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

Each round, in seconds. Capture: rival ${capture.rival.map((n) => n.toFixed(1)).join(', ')}; ours ${capture.ours.map((n) => n.toFixed(1)).join(', ')}.
Deploy: rival ${deploy.rival.map((n) => n.toFixed(1)).join(', ')}; ours ${deploy.ours.map((n) => n.toFixed(1)).join(', ')}. Second capture: ${again.map((n) => n.toFixed(1)).join(', ')}.
`;
writeFileSync(join(here, 'RESULTS.md'), text);
console.log(text);
