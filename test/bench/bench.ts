/**
 * The benchmark: Diskpress against the native tools and other programs, in turn, whole commands. Writes results/DATE-MACHINE.md beside itself.
 *
 *   npm run bench -- [PART…] [--rounds N] [--peer-rounds N] [--work FOLDER]
 *
 * Parts: cold, warm, peers, kinds, churn, second, growth, huge; all of them where none is named. Needs root, 60 GB in FOLDER, and Debian's partclone,
 * zstd, pigz, qemu-utils, restic, borgbackup, casync, fio, gdisk, mmdebstrap, ntfs-3g, xfsprogs, btrfs-progs. An idle machine: whatever else runs is measured too.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { made } from './capture/bench-disks.ts';
import { growth } from './capture/growth.ts';
import { huge } from './capture/huge.ts';
import { kinds } from './capture/kinds.ts';
import { native } from './capture/native.ts';
import { peers } from './capture/peers.ts';
import { machineInWords, reportName, writePart, type Bench } from './capture/report.ts';
import { churn, second } from './capture/versions.ts';

const PARTS: Readonly<Record<string, { heading: string; run(bench: Bench): Promise<string> }>> = {
  cold: { heading: 'Against partclone and zstd, caches cold', run: (bench) => native(bench, 'cold') },
  warm: { heading: 'Against partclone and zstd, caches warm', run: (bench) => native(bench, 'warm') },
  peers: { heading: 'Against other programs', run: peers },
  kinds: { heading: 'Other file systems, and media', run: kinds },
  churn: { heading: 'The same disk after it was used', run: churn },
  second: { heading: 'A second Debian', run: second },
  growth: { heading: 'How the cost grows', run: growth },
  huge: { heading: 'Memory, at a terabyte', run: huge },
};

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    'peer-rounds': { type: 'string', default: '2' },
    work: { type: 'string', default: '/var/tmp/diskpress-bench' },
  },
});
const unknown = positionals.filter((name) => !Object.hasOwn(PARTS, name));
if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(', ')}`);

const { work } = options;
mkdirSync(work, { recursive: true });
const makeMain = (path: string) =>
  execFileSync(join(import.meta.dirname, 'make-bench-disk.sh'), [path], { stdio: 'inherit' });
const bench: Bench = {
  work,
  rounds: Number(options.rounds),
  peerRounds: Number(options['peer-rounds']),
  mainDisk: () => made(join(work, 'disk.img'), makeMain),
};
// of the day on which it began
const report = join(import.meta.dirname, 'results', `${reportName()}.md`);
const head = `# Benchmark of ${new Date().toISOString().slice(0, 10)}

Made by \`npm run bench -- --rounds ${options.rounds} --peer-rounds ${options['peer-rounds']}\`. ${machineInWords(work)}

Ours and theirs in turn, whole commands, from start to end. Ratios are taken pair by pair: median (least to most). Busy: the time of all processors together. Peak memory: ours, the
highest of all rounds, to be below 400 MB. The disk is 12 GiB, GPT, one ext4 with real files of a development machine (programs, libraries, documents, compressed packages)
and 1.5 GB of deleted random data.`;
const order = Object.values(PARTS).map(({ heading }) => heading);
for (const name of positionals.length > 0 ? positionals : Object.keys(PARTS)) {
  const { heading, run } = PARTS[name];
  console.log(`── ${heading}`);
  const text = await run(bench);
  console.log(text);
  writePart(report, order, heading, text, head);
}
