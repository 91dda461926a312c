/** What V8 has compiled of Diskpress's code is kept for the next start: a sixth of the processor time of a short command went into compiling it. */
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Keeps it in the user's cache, for this thread and those that it starts. Where that cannot be, code is compiled as ever. */
export function keepCompiledCode(env: NodeJS.ProcessEnv = process.env): void {
  if (env.NODE_COMPILE_CACHE || env.NODE_DISABLE_COMPILE_CACHE) return;
  const folder = ownCacheFolder(env);
  if (folder === null) return;
  module.enableCompileCache(folder);
  // threads have their code from there too
  env.NODE_COMPILE_CACHE = folder;
}

/**
 * What is kept is run: it is read from nobody's home but one's own, also where `sudo` left HOME as it was.
 * @returns null where there is none, and none can be made
 */
function ownCacheFolder(env: NodeJS.ProcessEnv): string | null {
  const [parent, ...names] = env.XDG_CACHE_HOME
    ? [env.XDG_CACHE_HOME, 'diskpress', 'code']
    : [homedir(), '.cache', 'diskpress', 'code'];
  try {
    if (statSync(parent).uid !== process.getuid?.()) return null;
    const folder = names.reduce((above, name) => madeIn(above, name), parent);
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return null;
  }
}

/** One folder: where none can be made, Node's way to make all that are missing may try for ever (in /proc). */
function madeIn(above: string, name: string): string {
  const folder = join(above, name);
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return folder;
}
