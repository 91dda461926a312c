/** `npm run bench [-- catalog | look | nbd | targets | transfer]`: builds what is missing, then measures. See test/bench: bench.ts, and files of these names. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';

ensureInstalled();
if (!ensureBuilt()) process.exit(1);
const [first, ...rest] = process.argv.slice(2);
const isNamed = ['catalog', 'look', 'nbd', 'targets', 'transfer'].includes(first);
const script = join(root, 'test', 'bench', `${isNamed ? first : 'bench'}.ts`);
// threads run as they are built: see start-engine.ts
const env = { ...appEnvironment(), DISKPRESS_WORKERS: join(root, 'out', 'main') };
const args = isNamed ? rest : process.argv.slice(2);
process.exitCode = spawnSync(node24, [script, ...args], { stdio: 'inherit', env }).status ?? 1;
