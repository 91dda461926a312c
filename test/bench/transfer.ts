/**
 * Import and export against `qemu-img convert -c` with zstd, on the bench disk in each format, alternating, medians. Writes
 * TRANSFER.md beside itself.
 *
 *   npm run bench -- transfer [--rounds N] [--work FOLDER] [--formats qcow2,vmdk]     needs root, 30 GB in FOLDER, qemu-utils, gdisk
 *
 * Page caches are dropped before each measured command, and each ends with its output synced. Beside the time that passed stands the
 * time that the processors were busy with it, which says more where a machine is shared.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Duel } from './duel.ts';
import { measure, type Measured } from './measure.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    work: { type: 'string', default: '/var/tmp/diskpress-bench' },
    formats: { type: 'string', default: 'qcow2,vmdk,vhdx,vdi' },
  },
});
const rounds = Number(options.rounds);
const { work } = options;
const here = import.meta.dirname;
const cli = join(here, '../../out/main/cli.js');

const AIMS = { seconds: 0.6 };

const disk = join(work, 'disk.img');
const input = join(work, 'transfer-input');
const rivalOutput = join(work, 'transfer-rival.qcow2');
const exported = join(work, 'transfer-exported.qcow2');
const catalog = join(work, 'transfer-catalog');
const remove = (...paths: string[]) => paths.forEach((path) => rmSync(path, { recursive: true, force: true }));
const diskpress = (...args: string[]) => measure(process.execPath, [cli, '--catalog', catalog, '--json', ...args]);

/** @param format of the input */
const rival = async (format: string): Promise<Measured> => {
  remove(rivalOutput);
  const from = format === 'raw' ? disk : input;
  const how = ['-c', '-f', format, '-O', 'qcow2', '-o', 'compression_type=zstd'];
  const measured = await measure('qemu-img', ['convert', ...how, from, rivalOutput]);
  const began = performance.now();
  execFileSync('sync', [rivalOutput]);
  return { ...measured, seconds: measured.seconds + (performance.now() - began) / 1000 };
};

mkdirSync(work, { recursive: true });
if (!existsSync(disk)) execFileSync(join(here, 'make-bench-disk.sh'), [disk], { stdio: 'inherit' });
const duels: Duel[] = [];
try {
  for (const format of options.formats.split(',').filter(Boolean)) {
    remove(input);
    execFileSync('qemu-img', ['convert', '-O', format, disk, input]);
    const duel = new Duel(`import of ${format}`, AIMS);
    duels.push(duel);
    for (let round = 0; round < rounds; round++) {
      const theirs = await rival(format);
      remove(catalog);
      duel.add(theirs, await diskpress('import', input, '--name', 'bench'));
    }
  }
  remove(input);
  // what is exported: the same disk, as it was captured
  remove(catalog);
  await diskpress('capture', disk, '--name', 'bench');
  const duel = new Duel('export of qcow2 (zstd)', AIMS);
  duels.push(duel);
  for (let round = 0; round < rounds; round++) {
    const theirs = await rival('raw');
    remove(exported);
    duel.add(theirs, await diskpress('export', 'bench', exported, '--format', 'qcow2'));
  }
  execFileSync('qemu-img', ['check', '-q', exported]);
} finally {
  remove(input, rivalOutput, exported, catalog);
}

const qemu = execFileSync('qemu-img', ['--version'], { encoding: 'utf8' }).split('\n')[0];
const text = `# Import and export: measured

Made by \`npm run bench -- transfer --rounds ${rounds}\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0].model}, Node ${process.version}, ${qemu}.

The disk is that of [results](results), put into each format by qemu-img. The rival:
\`qemu-img convert -c -O qcow2 -o compression_type=zstd\` of the same input, its output synced. Ours: the whole command, with the start of the
program and, for an import, the verification of everything that was stored. Page caches dropped before each; alternating; medians of ${rounds}, ratios pair by pair. Busy: the time
that all processors together spent on it. Peak memory: the highest of all rounds, to be below 400 MB.

${Duel.head}
${duels.map((duel) => duel.row()).join('\n')}
`;
const report = join(here, 'TRANSFER.md');
// what was found by profiling is written by hand, and stays
const [, profiles] = existsSync(report) ? readFileSync(report, 'utf8').split(/^(?=## )/m) : [];
writeFileSync(report, `${text}${profiles ? `\n${profiles}` : ''}`);
console.log(text);
