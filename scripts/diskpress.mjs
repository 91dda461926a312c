/** `npm run -s diskpress -- ARGS`: the command line, from the sources. */
import { join } from 'node:path';
import { ended, start } from './child.mjs';
import { appEnvironment, ensureBuilt, ensureInstalled, node24, root } from './ensure.mjs';

const args = process.argv.slice(2);
ensureInstalled();
// the pages are needed as a build; everything else runs as it is written
if (args.includes('serve') && !ensureBuilt()) process.exit(1);

const child = start(node24, [join(root, 'src-main', 'cli', 'main.ts'), ...args], {
  // paths are meant from where the person is, not from where npm puts this script
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdio: 'inherit',
  env: appEnvironment(),
});
process.exitCode = await ended(child);
