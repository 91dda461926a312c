/**
 * `npm test [-- STAGE...] [-- --changed[=REVISION]]`: installs what the tests need, runs all stages or those named, ends with the totals.
 * `--changed`: those test files alone that import what differs from the last commit, or from the revision.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ended, start } from './child.mjs';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';
import { ensureSystemPackages } from './system-packages.mjs';
import { matrixDifferences } from './matrix.mjs';
import { countPlaywright, countVitest, failedLines, inWords, skippedLines, sum } from './totals.mjs';

/** What takes longer hangs. */
const STAGE_TIMEOUT_MS = 60 * 60 * 1000;
const CACHE = join(root, '.cache');
const REPORTS = join(CACHE, 'reports');
const ALL_PROCESSORS = `--maxWorkers=${availableParallelism()}`;
/** Tests of real programs wait for disks and for each other: one more than there are processors keeps these busy. */
const ONE_MORE = `--maxWorkers=${availableParallelism() + 1}`;
/** Of each kind, every day: `npm run attack` makes a thousand and more. */
const FEW_MUTATIONS = '250';
/** Hundreds of programs of ours are started: each reads what the one before has compiled. */
const COMPILED = { NODE_COMPILE_CACHE: join(CACHE, 'compiled') };
/**
 * Scratch of tests lies in memory where there is plenty: nothing in it has to outlive them, and a disk takes milliseconds for each of many
 * thousand syncs. Who names a folder in TMPDIR has it there.
 */
const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 12 * 1024 ** 3;
function scratchInMemory() {
  if (process.env.TMPDIR !== undefined || !existsSync(MEMORY) || !existsSync('/proc/meminfo')) return {};
  const { bavail, bsize } = statfsSync(MEMORY);
  const availableBytes = Number(/MemAvailable:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0) * 1024;
  return Math.min(bavail * bsize, availableBytes) >= ENOUGH_BYTES ? { TMPDIR: MEMORY } : {};
}
/** Of stages that need a few gigabytes, and nothing of what file systems on disks alone can. */
const SCRATCH = scratchInMemory();
const modules = (...path) => join(root, 'node_modules', ...path);

/** Runs a program of node_modules under the application's Node. @returns whether it succeeded */
async function run(script, args, env = {}) {
  const child = start(node24, [script, ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...appEnvironment(), UV_THREADPOOL_SIZE: '8', ...COMPILED, ...env },
    timeout: STAGE_TIMEOUT_MS,
  });
  return (await ended(child)) === 0;
}

const one = (isPassed) => ({ passed: isPassed ? 1 : 0, failed: isPassed ? 0 : 1, skipped: 0 });

/** Counts a runner's report. A runner that failed without a failed test crashed: that counts too. */
function counted(isSuccess, count, path) {
  try {
    const counts = count(path);
    return isSuccess || counts.failed > 0 ? counts : { ...counts, failed: 1 };
  } catch {
    return one(false);
  }
}

/** @param more options of Vitest @param environment more than what every stage gets */
async function vitest(project, more, environment = {}) {
  if (!ensureBuilt()) return one(false);
  const report = join(REPORTS, `${project}.json`);
  const options = [
    'run',
    '--project',
    project,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...more,
  ];
  // threads run as they are built: see engine-thread.ts
  const env = { DISKPRESS_WORKERS: join(root, 'out', 'main'), ...environment };
  const isSuccess = await run(modules('vitest', 'vitest.mjs'), [...options, ...changed], env);
  // where nothing that changed is of this stage, no report is written
  if (isSuccess && changed.length > 0 && !existsSync(report)) return { passed: 0, failed: 0, skipped: 0 };
  return counted(isSuccess, countVitest, report);
}

const STAGES = {
  async lint() {
    const eslint = ['--max-warnings', '0', '--cache', '--cache-location', join(CACHE, 'eslint'), '.'];
    const prettier = ['--check', '--log-level', 'warn', '--cache', '--cache-location', join(CACHE, 'prettier'), '.'];
    const isLinted = await run(modules('eslint', 'bin', 'eslint.js'), eslint);
    return one((await run(modules('prettier', 'bin', 'prettier.cjs'), prettier)) && isLinted);
  },
  async types() {
    let isTyped = true;
    for (const project of ['.', 'src-renderer', join('test', 'e2e')]) {
      const cache = join(CACHE, `${project.replace(/\W/g, '-')}.tsbuildinfo`);
      const options = ['--noEmit', '-p', join(project, 'tsconfig.json'), '--incremental', '--tsBuildInfoFile', cache];
      isTyped = (await run(modules('vue-tsc', 'bin', 'vue-tsc.js'), options)) && isTyped;
    }
    return one(isTyped);
  },
  unit: () => vitest('unit', [ALL_PROCESSORS], SCRATCH),
  integ: () => vitest('integ', [ONE_MORE]),
  long: () => vitest('long', [ONE_MORE]),
  hostile: () =>
    vitest('hostile', [ALL_PROCESSORS], { DISKPRESS_MUTATIONS: process.env.DISKPRESS_MUTATIONS ?? FEW_MUTATIONS }),
  /** docs/FORMATS.md says what the two stages before have proven. */
  matrix() {
    const differences = matrixDifferences();
    if (differences === null) {
      console.log('docs/FORMATS.md is compared where integ and hostile run');
      return { passed: 0, failed: 0, skipped: 1, skips: { 'docs/FORMATS.md': 1 } };
    }
    if (differences.length === 0) return one(true);
    console.log(`${differences.join('\n')}\nThe tests prove something else than docs/FORMATS.md says: npm run matrix`);
    return { ...one(false), failures: [`docs/FORMATS.md: ${differences.length} lines differ: ${differences[0]}`] };
  },
  build: () => one(ensureBuilt()),
  async e2e() {
    if (!ensureBuilt()) return one(false);
    const report = join(REPORTS, 'e2e.json');
    const isSuccess = await run(modules('@playwright', 'test', 'cli.js'), ['test', '--reporter=list,json'], {
      PLAYWRIGHT_JSON_OUTPUT_FILE: report,
      ...SCRATCH,
    });
    return counted(isSuccess, countPlaywright, report);
  },
  attack: () => vitest('attack', [ALL_PROCESSORS]),
  /** Some wait for one machine, others have one for each processor. */
  boot: () => vitest('boot', [ALL_PROCESSORS]),
  machines: () => vitest('machines', []),
};
/** Many minutes: run where they are named. */
const WHERE_NAMED = ['long', 'machines'];
/** What says in seconds or a few minutes whether a change is right. */
const WHERE_CHANGED = ['unit', 'integ', 'hostile'];

const args = process.argv.slice(2);
const names = args.filter((arg) => !/^--changed(=|$)/.test(arg));
/** @type {readonly string[]} */
const changed = args.filter((arg) => !names.includes(arg)).flatMap((arg) => [arg, '--passWithNoTests']);
const unknown = names.filter((name) => !Object.hasOwn(STAGES, name));
if (unknown.length > 0) {
  console.error(`No such stage: ${unknown.join(', ')}. There are: ${Object.keys(STAGES).join(', ')}`);
  process.exit(2);
}

ensureInstalled();
ensureSystemPackages();
rmSync(REPORTS, { recursive: true, force: true });
mkdirSync(REPORTS, { recursive: true });

const all = {};
const lines = [];
const ofEveryDay = Object.keys(STAGES).filter((name) => !WHERE_NAMED.includes(name));
const chosen = names.length > 0 ? names : changed.length > 0 ? WHERE_CHANGED : ofEveryDay;
/** Each of them takes one processor: they run together. */
const TOGETHER = ['lint', 'types'];
const begun = new Map();
const stage = (name) => {
  const others = TOGETHER.includes(name) ? TOGETHER.filter((other) => chosen.includes(other)) : [name];
  for (const other of others) if (!begun.has(other)) begun.set(other, STAGES[other]());
  return begun.get(name);
};
for (const name of chosen) {
  console.log(`\n── ${name}`);
  const startedAt = Date.now();
  all[name] = await stage(name);
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  lines.push(`${name.padEnd(8)} ${`${seconds} s`.padStart(9)}   ${inWords(all[name])}`);
  console.log(lines.at(-1));
}

const counts = Object.values(all);
const totals = sum(counts);
console.log(`\n${[...lines, ...skippedLines(counts), ...failedLines(counts)].join('\n')}\n\n${inWords(totals)}`);
process.exitCode = totals.failed > 0 ? 1 : 0;
