/** `npm run boot-matrix [-- [--missing] TEXT...]`: see test/boot-matrix/main.ts. Installs and builds what it needs first. */
import { join } from 'node:path';
import { ended, start } from './child.mjs';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

ensureInstalled();
ensureSystemPackages();
if (!ensureBuilt()) process.exit(1);
const run = (script, ...args) =>
  ended(
    start(node24, [join(root, ...script), ...args], {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...appEnvironment(), DISKPRESS_WORKERS: join(root, 'out', 'main') },
    }),
  );
// npm hands what stands behind `--` to the last program of a script: this is the only one
process.exitCode = await run(['test', 'boot-matrix', 'main.ts'], ...process.argv.slice(2));
const documents = ['BOOT.md', 'boot.json'].map((name) => join('docs', name));
await run(['node_modules', 'prettier', 'bin', 'prettier.cjs'], '--write', '--log-level', 'warn', ...documents);
