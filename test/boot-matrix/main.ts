/**
 * `npm run boot-matrix [-- TEXT...]`: tries all combinations, or those alone whose line holds one of the texts, and writes docs/BOOT.md. What
 * was not tried this time keeps its row; a run that is ended early leaves those that it has. `DISKPRESS_KEEP_TARGETS=1` leaves deployed disks where they are named.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release } from 'node:os';
import { join } from 'node:path';
import { COMBINATIONS, titleOf } from './combinations.ts';
import { tryAll } from './matrix.ts';
import { documentOf, type Matrix } from './table.ts';
import type { Row } from './try-combination.ts';
import { untold, type Twins } from './twins.ts';

const DOCS = join(import.meta.dirname, '../../docs');
const ROWS = join(DOCS, 'boot.json');

const texts = process.argv.slice(2);
const chosen = COMBINATIONS.filter((one) => texts.length === 0 || texts.some((text) => titleOf(one).includes(text)));
const startedMs = Date.now();
const load = () => Number(loadavg()[0].toFixed(1));
const loadAtStart = load();
const before: Matrix = existsSync(ROWS) ? JSON.parse(readFileSync(ROWS, 'utf8')) : { rows: [], twins: [] };
const tried: Row[] = [];

const found = await tryAll(
  chosen,
  ({ layout, sectorBytes }) => sectorBytes === 512 && (layout === 'ext4' || layout === 'lvm'),
  (row) => {
    const { combination, bootSeconds, faults } = row;
    const outcome = faults.length === 0 ? `good, up after ${bootSeconds} s` : `FAILED: ${faults.join('; ')}`;
    tried.push(row);
    console.log(`${tried.length} of ${chosen.length}: ${titleOf(combination)}: ${outcome}`);
    // whoever ends it early keeps what was tried
    save([]);
  },
);
save(found.twins);

function save(twins: readonly Twins[]): void {
  const rows = new Map([...before.rows, ...tried].map((row) => [titleOf(row.combination), row]));
  const matrix: Matrix = {
    rows: COMBINATIONS.flatMap((one) => rows.get(titleOf(one)) ?? []),
    twins: [...new Map([...before.twins, ...twins].map((pair) => [pair.template, pair])).values()],
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
process.exitCode = failed === 0 && found.twins.every((pair) => untold(pair).length === 0) ? 0 : 1;
