/** Diskpress's own Node, from the npm package `node`: the system's may be older. Runs on Node 20, so it imports little. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import en from '../../src-engine/words/cli.en.json' with { type: 'json' };
import fr from '../../src-engine/words/cli.fr.json' with { type: 'json' };

/** zstd in node:zlib, promises and iterators that older ones have not; what the tests run on. */
const NEEDED_MAJOR = 24;
/** UNSUPPORTED_PLATFORM of the contract, which an old Node is spared. */
const NOT_HERE = 10;
/** Set for what is started here: it does not start itself again. */
const MARK = 'DISKPRESS_OWN_NODE';

const majorOf = (version: string) => Number(version.split('.')[0]);

export const isOldNode = (version = process.versions.node) => majorOf(version) < NEEDED_MAJOR;

/** @param argv as in `process.argv` @returns the exit code */
export async function runInOwnNode(argv: readonly string[]): Promise<number> {
  const node = process.env[MARK] ? null : ownNode();
  const code = node === null ? null : await ended(node, argv.slice(1));
  return code ?? tellOldNode(argv);
}

function ownNode(): string | null {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    return join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    return null;
  }
}

/** @returns the exit code, or null where it could not be started */
function ended(node: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(node, [...args], { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } });
  // Ctrl-C goes to both by itself
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}

function tellOldNode(argv: readonly string[]): number {
  const { LC_ALL, LC_MESSAGES, LANG } = process.env;
  const isFrench =
    argv.includes('fr') || argv.includes('--lang=fr') || /^fr/i.test(LC_ALL || LC_MESSAGES || LANG || '');
  const fill = (text: string) =>
    text.replace('{needed}', String(NEEDED_MAJOR)).replace('{found}', process.versions.node);
  const [message, hint] = [fill(en['old-node'].what), fill(en['old-node'].todo)];
  if (argv.includes('--json')) {
    const data = { needed: NEEDED_MAJOR, found: process.versions.node };
    const error = { code: 'UNSUPPORTED_PLATFORM', message, hint, data };
    process.stdout.write(`${JSON.stringify({ type: 'result', ok: false, error })}\n`);
  } else {
    const words = (isFrench ? fr : en)['old-node'];
    process.stderr.write(`${fill(words.what)}\n${fill(words.todo)}\nUNSUPPORTED_PLATFORM\n`);
  }
  return NOT_HERE;
}
