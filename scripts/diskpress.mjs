/** `npm run -s diskpress -- ARGS`: the command line, built when sources changed. */
import { join } from 'node:path';
import { ended, start } from './child.mjs';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';

const args = process.argv.slice(2);
ensureInstalled();
if (!ensureBuilt()) process.exit(1);

const child = start(node24, [join(root, 'out', 'main', 'cli.js'), ...args], {
  // paths are meant from where the person is, not from where npm puts this script
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdio: 'inherit',
  env: appEnvironment(),
});
process.exitCode = await ended(child);
