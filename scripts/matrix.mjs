/**
 * `npm run matrix`: the tables of what is understood, from what the last `npm test` has proven. Tests say what they prove by
 * `proves(…)` (test/support/matrix.ts); only those that passed count.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './ensure.mjs';

const DOCUMENT = join(root, 'docs', 'FORMATS.md');
const REPORTS = join(root, '.cache', 'reports');
const STAGES = ['integ', 'hostile'];

/** Columns, in the words of `Proof.aspect`. */
const TABLES = [
  {
    title: 'File systems and volumes',
    aspects: ['used blocks', 'files', 'deploy', 'hostile'],
    heads: ['Used blocks', 'Files', 'Deployed and checked', 'Hostile input'],
  },
  {
    title: 'Image formats',
    aspects: ['read', 'write', 'hostile'],
    heads: ['Read', 'Written', 'Hostile input'],
  },
];

/** @returns {{ subject: string, feature: string, aspect: string, judge: string }[] | null} null where a stage has not run */
function proofs() {
  const paths = STAGES.map((stage) => join(REPORTS, `${stage}.json`));
  if (!paths.every((path) => existsSync(path))) return null;
  return paths.flatMap((path) =>
    JSON.parse(readFileSync(path, 'utf8')).testResults.flatMap((file) =>
      file.assertionResults.filter((test) => test.status === 'passed').flatMap((test) => test.meta?.proofs ?? []),
    ),
  );
}

function tableOf({ title, aspects, heads }, all) {
  const isFormat = (subject) => all.some((p) => p.subject === subject && (p.aspect === 'read' || p.aspect === 'write'));
  const wanted = all.filter((p) => isFormat(p.subject) === aspects.includes('read'));
  const rows = [...new Set(wanted.map((p) => `${p.subject}\0${p.feature}`))].sort((a, b) => a.localeCompare(b, 'en'));
  const lines = rows.map((row) => {
    const [subject, feature] = row.split('\0');
    const cells = aspects.map((aspect) => {
      const judges = wanted.filter((p) => p.subject === subject && p.feature === feature && p.aspect === aspect);
      return [...new Set(judges.map((p) => p.judge))].sort().join(', ');
    });
    return `| ${[subject, feature, ...cells].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return [
    `## ${title}`,
    '',
    `| What | Feature | ${heads.join(' | ')} |`,
    `| --- | --- | ${heads.map(() => '---').join(' | ')} |`,
    ...lines,
    '',
  ].join('\n');
}

/** @returns the document that the last run of the tests proves; null where there was none */
export function matrix() {
  const all = proofs();
  if (!all) return null;
  return [
    '# What Diskpress understands',
    '',
    'Made by `npm run matrix` from the tests that passed. A cell names whose word our reading or writing was compared with: the',
    "kernel's own driver, a file system's tools, partclone, qemu-img. An empty cell has no test. Of hostile input, the cell names who",
    'made the image that was mutated.',
    '',
    ...TABLES.map((table) => tableOf(table, all)),
  ].join('\n');
}

/** @returns lines of the document that the tests do not prove (`-`) and those that it lacks (`+`); null where the tests did not all run */
export function matrixDifferences() {
  const current = matrix();
  if (current === null) return null;
  const written = existsSync(DOCUMENT) ? squeezed(readFileSync(DOCUMENT, 'utf8')).split('\n') : [];
  const proven = squeezed(current).split('\n');
  return [
    ...written.filter((line) => !proven.includes(line)).map((line) => `- ${line}`),
    ...proven.filter((line) => !written.includes(line)).map((line) => `+ ${line}`),
  ];
}

/** The formatter lines columns up. */
const squeezed = (text) =>
  text
    .replace(/-{3,}/g, '---')
    .replace(/[ \t]+/g, ' ')
    .trim();

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const text = matrix();
  if (text === null) {
    console.error('The tests have not run: npm test -- integ hostile');
    process.exit(1);
  }
  mkdirSync(dirname(DOCUMENT), { recursive: true });
  writeFileSync(DOCUMENT, text);
  console.log(`${DOCUMENT}: ${text.split('\n').filter((line) => line.startsWith('| ')).length} lines`);
}
