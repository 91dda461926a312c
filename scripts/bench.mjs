/** `npm run bench`: builds what is missing, then measures. See test/bench/bench.ts. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureBuilt, ensureInstalled, node24 } from './ensure.mjs';

ensureInstalled();
if (!ensureBuilt()) process.exit(1);
const bench = fileURLToPath(new URL('../test/bench/bench.ts', import.meta.url));
process.exitCode = spawnSync(node24, [bench, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1;
