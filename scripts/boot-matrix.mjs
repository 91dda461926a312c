/** `npm run boot-matrix [-- TEXT...]`: see test/boot-matrix/main.ts. Installs and builds what it needs first. */
import { join } from 'node:path';
import { ended, start } from './child.mjs';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

ensureInstalled();
ensureSystemPackages();
if (!ensureBuilt()) process.exit(1);
const child = start(node24, [join(root, 'test', 'boot-matrix', 'main.ts'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  env: { ...appEnvironment(), DISKPRESS_WORKERS: join(root, 'out', 'main') },
});
process.exitCode = await ended(child);
