/**
 * `npm run corpus [-- FILE...]`: runs the tests of `integ`, and has foreign tools judge what the template of every capture and import there
 * leaves out (test/support/every-input.ts). Says how many disks lost nothing, by how that is known.
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ended, start } from './child.mjs';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const LOG = join(root, '.cache', 'corpus.jsonl');

ensureInstalled();
ensureSystemPackages();
if (!ensureBuilt()) process.exit(1);
mkdirSync(dirname(LOG), { recursive: true });
rmSync(LOG, { force: true });
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const child = start(node24, [vitest, 'run', '--project', 'integ', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...appEnvironment(), DISKPRESS_WORKERS: join(root, 'out', 'main'), DISKPRESS_CORPUS: LOG },
});
const code = await ended(child);

const lines = existsSync(LOG) ? readFileSync(LOG, 'utf8').trimEnd().split('\n').map(JSON.parse) : [];
const counts = new Map();
for (const { outcome } of lines) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
console.log(`${lines.length} disks: what their templates leave out is`);
for (const [outcome, count] of [...counts].sort((a, b) => b[1] - a[1])) console.log(`${count} ${outcome}`);
process.exitCode = code;
