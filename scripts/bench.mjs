/** `npm run bench`: builds what is missing, then measures. See test/bench/bench.ts. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ensureBuild, ensureInstalled } from './ensure.mjs';

ensureInstalled();
const node = ensureBuild();
const bench = fileURLToPath(new URL('../test/bench/bench.ts', import.meta.url));
process.exitCode = spawnSync(node, [bench, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1;
