/**
 * `npm run attack [-- --share N] [--only TEXT] [NAME...]`: attacks everything as often as docs/RESILIENCE.md says, and writes that document from what came of
 * it. NAME: part of a file's name in test/attack, `mutations`, or `mutations/formats/vhd` for one of them. N: a share of the
 * attempts, 0.1 for a tenth. TEXT: part of a test's name, to attack one kind of file. What was not attacked this time keeps its rows.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format, resolveConfig } from 'prettier';
import { ended, start } from './child.mjs';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const DOCUMENT = join(root, 'docs', 'RESILIENCE.md');
const ROWS = join(root, 'docs', 'resilience.json');
const REPORTS = join(root, '.cache', 'attack');
/** Of each kind of metadata: more than 100,000 in all. */
const MUTATIONS = 4000;

const { values, positionals: names } = parseArgs({
  options: { share: { type: 'string', default: '1' }, only: { type: 'string' } },
  allowPositionals: true,
});

/** Runs a project of the tests. @returns the files of its report, and whether all passed */
async function run(project, report, filters, env) {
  const options = ['run', '--project', project, ...filters, '--reporter=default', '--reporter=json'];
  const child = start(
    node24,
    [
      join(root, 'node_modules', 'vitest', 'vitest.mjs'),
      ...options,
      `--outputFile.json=${report}`,
      `--maxWorkers=${cpus().length}`,
      ...(values.only ? ['-t', values.only] : []),
    ],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...appEnvironment(),
        DISKPRESS_WORKERS: join(root, 'out', 'main'),
        DISKPRESS_ATTACK: 'full',
        DISKPRESS_ATTACK_SHARE: values.share,
        ...env,
      },
    },
  );
  const isPassed = (await ended(child)) === 0;
  return { isPassed, files: JSON.parse(readFileSync(report, 'utf8')).testResults };
}

/** Rows that the attacks of test/attack have told themselves. */
const attackRows = (files) =>
  files.flatMap(({ assertionResults }) => assertionResults.flatMap(({ meta }) => meta?.attacks ?? []));

/** A row for each room whose input was mutated: a test that passes found bounds, codes and time kept. */
function mutationRows(files) {
  const rows = new Map();
  for (const { name, assertionResults } of files) {
    const subject = /hostile\/(.*)\.test\.ts$/.exec(name)[1];
    for (const { status, meta } of assertionResults) {
      if (!meta?.mutations) continue;
      const row = rows.get(subject) ?? {
        attack: 'Mutated bytes',
        subject,
        attempts: 0,
        outcomes: {},
        lost: 0,
        unfound: 0,
        internal: 0,
      };
      row.attempts += meta.mutations;
      row.outcomes['refused by name, or read in bounds'] = row.attempts;
      if (status !== 'passed') row.internal++;
      rows.set(subject, row);
    }
  }
  return [...rows.values()];
}

const number = (n) => n.toLocaleString('en-US');
const cell = (text) => text.replaceAll('|', '\\|');

function documentOf(rows) {
  const order = [...new Set(rows.map(({ attack }) => attack))].sort();
  const line = (cells) => `| ${cells.join(' | ')} |`;
  const sums = order.map((attack) => {
    const own = rows.filter((row) => row.attack === attack);
    const sum = (key) => own.reduce((total, row) => total + row[key], 0);
    return line([attack, ...['attempts', 'lost', 'unfound', 'internal'].map((key) => number(sum(key)))]);
  });
  const tables = order.flatMap((attack) => [
    `## ${attack}`,
    '',
    line(['What', 'Attempts', 'How they ended', 'Lost', 'Unfound', 'Faults']),
    '| --- | ---: | --- | ---: | ---: | ---: |',
    ...rows
      .filter((row) => row.attack === attack)
      .map(({ subject, attempts, outcomes, lost, unfound, internal }) => {
        const ends = Object.entries(outcomes).map(([outcome, count]) => `${outcome}: ${number(count)}`);
        return line([cell(subject), number(attempts), cell(ends.join('; ')), lost, unfound, internal]);
      }),
    '',
  ]);
  return [
    '# What was attacked, and what held',
    '',
    'Made by `npm run attack` from `test/attack` and `test/hostile`; a small round of each is part of `npm test`. *Lost*: data that was there before',
    'and is not any more. *Unfound*: wrong bytes that nothing told of, or a target that looks finished and is not. *Faults*: INTERNAL, a crash, a hang,',
    'something left behind.',
    '',
    line(['Attack', 'Attempts', 'Lost', 'Unfound', 'Faults']),
    '| --- | ---: | ---: | ---: | ---: |',
    ...sums,
    '',
    ...tables,
  ].join('\n');
}

ensureInstalled();
ensureSystemPackages();
if (!ensureBuilt()) process.exit(1);
mkdirSync(REPORTS, { recursive: true });

const started = Date.now();
let isPassed = true;
const found = [];
const isOfMutations = (name) => name.split('/')[0] === 'mutations';
const filters = names.filter((name) => !isOfMutations(name)).map((name) => `test/attack/${name}`);
if (names.length === 0 || filters.length > 0) {
  const attacked = await run('attack', join(REPORTS, 'attack.json'), filters, {});
  isPassed &&= attacked.isPassed;
  found.push(...attackRows(attacked.files));
}
if (names.length === 0 || names.some(isOfMutations)) {
  const rooms = names.filter(isOfMutations).map((name) => name.replace('mutations', 'test/hostile'));
  const mutated = await run('hostile', join(REPORTS, 'hostile.json'), rooms, {
    DISKPRESS_MUTATIONS: String(Math.ceil(MUTATIONS * Number(values.share))),
  });
  isPassed &&= mutated.isPassed;
  found.push(...mutationRows(mutated.files));
}

const keyOf = ({ attack, subject }) => `${attack}\0${subject}`;
const before = existsSync(ROWS) ? JSON.parse(readFileSync(ROWS, 'utf8')) : [];
const isPart = names.length > 0 || values.only !== undefined;
const rows = new Map([...(isPart ? before : []), ...found].map((row) => [keyOf(row), row]));
const all = [...rows.values()].sort((a, b) => keyOf(a).localeCompare(keyOf(b)));
writeFileSync(ROWS, `${JSON.stringify(all, null, 2)}\n`);
const style = await resolveConfig(DOCUMENT);
writeFileSync(DOCUMENT, await format(documentOf(all), { ...style, filepath: DOCUMENT }));
const minutes = ((Date.now() - started) / 60_000).toFixed(0);
console.log(`${DOCUMENT}: ${all.length} rows, ${minutes} minutes on ${cpus().length} processors`);
process.exitCode = isPassed ? 0 : 1;
