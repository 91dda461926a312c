/**
 * `npm run boot-matrix [-- [--missing] TEXT...]`: tries all combinations, or those alone whose line holds one of the texts, and writes docs/BOOT.md. What
 * was not tried this time keeps its row; a run that is ended early leaves those that it has. `--missing`: only what has no good row yet, so a run that was
 * ended goes on where it was. `DISKPRESS_KEEP_TARGETS=1` leaves deployed disks where they are named.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { COMBINATIONS, titleOf } from './combinations.ts';
import { tryAll } from './matrix.ts';
import { nameOf, type GuestKind } from './guests.ts';
import { documentOf, type Matrix } from './table.ts';
import type { Row } from './try-combination.ts';
import { untold, type Twins } from './twins.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const ROWS = join(DOCS, 'boot.json');

const { values: options, positionals: texts } = parseArgs({
  options: { missing: { type: 'boolean', default: false } },
  allowPositionals: true,
});
/** Read anew each time: another run may have written rows meanwhile. */
const readRows = (): Matrix =>
  existsSync(ROWS) ? JSON.parse(readFileSync(ROWS, 'utf8')) : { circumstances: null, rows: [], twins: [] };
const before = readRows();
const good = new Set(
  before.rows.flatMap(({ combination, faults }) => (faults.length === 0 ? titleOf(combination) : [])),
);
const goodTwins = new Set(before.twins.flatMap((pair) => (untold(pair).length === 0 ? pair.template : [])));
const isAsked = (line: string) => texts.length === 0 || texts.some((text) => line.includes(text));
const chosen = COMBINATIONS.filter((one) => isAsked(titleOf(one)) && !(options.missing && good.has(titleOf(one))));
/** One Debian of each file system will do: they differ in what names it. */
const chosenTwins = (['ext4', 'xfs', 'btrfs', 'lvm'] as const)
  .map((layout): GuestKind => ({ layout, suite: 'bookworm', sectorBytes: 512 }))
  .filter((kind) => isAsked(`twins ${nameOf(kind)}`) && !(options.missing && goodTwins.has(nameOf(kind))));
console.log(`${chosen.length} of ${COMBINATIONS.length} combinations, ${chosenTwins.length} pairs of twins`);
const startedMs = Date.now();
const load = () => Number(loadavg()[0].toFixed(1));
const loadAtStart = load();
const tried: Row[] = [];
const triedTwins: Twins[] = [];

await tryAll(
  chosen,
  chosenTwins,
  (row) => {
    const { combination, bootSeconds, faults } = row;
    const outcome = faults.length === 0 ? `good, up after ${bootSeconds} s` : `FAILED: ${faults.join('; ')}`;
    tried.push(row);
    console.log(`${tried.length} of ${chosen.length}: ${titleOf(combination)}: ${outcome}`);
    // whoever ends it early keeps what was tried
    save();
  },
  (pair) => {
    triedTwins.push(pair);
    console.log(`twins ${pair.template}: both up after ${pair.seconds} s`);
    save();
  },
);

function save(): void {
  const others = readRows();
  const rows = new Map([...others.rows, ...tried].map((row) => [titleOf(row.combination), row]));
  const matrix: Matrix = {
    rows: COMBINATIONS.flatMap((one) => rows.get(titleOf(one)) ?? []),
    twins: [...new Map([...others.twins, ...triedTwins].map((pair) => [pair.template, pair])).values()],
    circumstances: {
      date: new Date().toISOString().slice(0, 10),
      machine: cpus()[0].model,
      processors: availableParallelism(),
      qemu: execFileSync('qemu-system-x86_64', ['--version'], { encoding: 'utf8' }).split(' ')[3],
      kernel: release(),
      minutes: Math.round((Date.now() - startedMs) / 60_000),
      combinations: tried.length,
      load: [loadAtStart, load()],
    },
  };
  writeFileSync(ROWS, `${JSON.stringify(matrix, null, 2)}\n`);
  writeFileSync(join(DOCS, 'BOOT.md'), documentOf(matrix));
}

const failed = tried.filter(({ faults }) => faults.length > 0).length;
console.log(`${DOCS}/BOOT.md: ${tried.length - failed} good, ${failed} failed`);
process.exitCode = failed === 0 && triedTwins.every((pair) => untold(pair).length === 0) ? 0 : 1;
