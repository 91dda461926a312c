/** Rights that a command lacks: asked for where somebody can be asked, or the command that has them. */
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { CommandError, isDevicePath, type EngineClient, type ErrorView } from '../../src-engine/contract/index.ts';

/** More disks than a capture has: whoever is asked for one again and again is not asked any more. */
const MAX_DISKS_ASKED = 16;

/** @returns the client, which has rights asked for when a call takes them, and makes the call again */
export function askingForRights(client: EngineClient): EngineClient {
  return {
    ...client,
    async call(command, params, signal) {
      const asked = new Set<string>();
      for (;;) {
        try {
          return await client.call(command, params, signal);
        } catch (error) {
          const source =
            error instanceof CommandError && error.view.code === 'RIGHTS_NEEDED' ? error.view.data.path : null;
          if (typeof source !== 'string' || asked.has(source) || asked.size === MAX_DISKS_ASKED) throw error;
          asked.add(source);
          await client.call('rights.ask', { source }, signal);
        }
      }
    },
  };
}

/** What of the environment says where a catalog is, and sudo(8) does not pass on. */
const OF_CATALOG = ['DISKPRESS_CATALOG', 'XDG_DATA_HOME'];

/**
 * @param argv as in `process.argv` @param catalogPath of the person
 * @returns the same command with root's rights, for a shell; null: these are not what it lacks
 */
export function commandAsRoot(
  { code, data }: ErrorView,
  argv: readonly string[],
  catalogPath: string,
  env: NodeJS.ProcessEnv = process.env,
): string | null {
  const isOfDisk = isDevicePath(String(data.path));
  const lacks =
    ['RIGHTS_NEEDED', 'RIGHTS_REFUSED', 'RIGHTS_WITHHELD'].includes(code) ||
    (isOfDisk && (code === 'PERMISSION_DENIED' || data.check === 'TARGET_NOT_WRITABLE'));
  return lacks ? sameAsRoot(argv, catalogPath, env) : null;
}

/** @returns this command with root's rights, for a shell; null where it has them, and elsewhere than on Linux */
export function sameAsRoot(
  argv: readonly string[],
  catalogPath: string,
  env: NodeJS.ProcessEnv = process.env,
): string | null {
  if (process.platform !== 'linux' || process.geteuid?.() === 0) return null;
  const [node, main, ...args] = argv;
  // another terminal may be in another folder
  const others = args.filter(
    (arg, i) => arg !== '--catalog' && args[i - 1] !== '--catalog' && !arg.startsWith('--catalog='),
  );
  const isSaid = others.length < args.length || OF_CATALOG.some((name) => env[name]);
  const place = isSaid || !isOwnHome(env) ? ['--catalog', resolve(catalogPath)] : [];
  return ['sudo', node, main, ...place, ...others].map(inShell).join(' ');
}

/** Whether HOME is what the system knows of this person, which is all that is known of it behind sudo(8). */
function isOwnHome({ HOME }: NodeJS.ProcessEnv): boolean {
  try {
    return HOME !== undefined && resolve(HOME) === resolve(userInfo().homedir);
  } catch {
    // nobody whom the system knows
    return false;
  }
}

const inShell = (word: string) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);
