/**
 * The helper with root's rights. It believes nothing of whoever asked: what is asked for is checked whole, looked at anew, and refused where the
 * person could not have it by these rights alone. It ends when its input does.
 */
import { mkdtempSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { toEngineError } from '../../core/engine-error.ts';
import { makeEnterable } from '../../machines/runtime-folder.ts';
import { spawnTool } from '../../tools/spawn-tool.ts';
import { personBehindRoot, type Person } from '../person.ts';
import { carryOutDeploys } from './helper-deploy.ts';
import { readRequest, withheld, type HelperRequest, type Say } from './helper-protocol.ts';
import { serveDisk } from './helper-read.ts';

/** The engine has it ready when it asks for rights. */
const REQUEST_MS = 10_000;
/** Where the catalog is seen by the part of the helper that works in it: set by the other part alone, since pkexec passes no variable on. */
const INSIDE = 'DISKPRESS_HELPER_CATALOG';
const PLACES = '/run/diskpress';

const say: Say = (message) => void process.stderr.write(`${JSON.stringify(message)}\n`);

/** @returns the exit code, which is never one of pkexec's own */
export async function runHelper(): Promise<number> {
  try {
    const person = personAsking();
    process.chdir('/');
    process.umask(0o077);
    const request = await readRequest(process.stdin, REQUEST_MS);
    const signal = endOfInput();
    const place = process.env[INSIDE];
    if (request.task === 'read') await serveDisk(request.place, say, signal);
    else if (place) await carryOutDeploys(request, person, place, say, signal);
    else await goInside(request, person, signal);
    return 0;
  } catch (error) {
    say({ say: 'refused', error: toEngineError(error).toView() });
    return 1;
  }
}

/** @throws EngineError `RIGHTS_WITHHELD` where it was not polkit that started this for a person, or where settings change what Node does */
function personAsking(): Person {
  const { env } = process;
  const tricks = Object.keys(env).filter((name) => /^(NODE_|LD_|ELECTRON_)/.test(name));
  if (tricks.length > 0 || process.execArgv.length > 0 || process.argv.length > 2) {
    throw withheld('start', [...tricks, ...process.execArgv, ...process.argv.slice(2)].join(' '));
  }
  const person = personBehindRoot({ PKEXEC_UID: env.PKEXEC_UID });
  if (!person) throw withheld('start', `PKEXEC_UID=${env.PKEXEC_UID ?? ''}`);
  return person;
}

/** Whoever asked has taken it back, or is gone. */
function endOfInput(): AbortSignal {
  const abort = new AbortController();
  const end = () => abort.abort();
  process.stdin.on('end', end).on('close', end).on('error', end).resume();
  return abort.signal;
}

/**
 * The rest is done by a process that sees the catalog in a place of its own, through a mount in which no link is followed: what the person puts
 * there leads root nowhere else.
 */
async function goInside(
  request: HelperRequest & { task: 'deploy' },
  person: Person,
  signal: AbortSignal,
): Promise<void> {
  makeEnterable(PLACES);
  // nobody but root enters this one
  const place = mkdtempSync(join(PLACES, 'catalog-'));
  try {
    const { child, kill } = spawnTool(
      'unshare',
      // mounts that come and go outside are seen inside, and not the other way round
      ['--mount', '--propagation', 'slave', '--', process.execPath, process.argv[1]],
      {
        stdio: ['pipe', 'ignore', 'inherit'],
        env: { PKEXEC_UID: String(person.uid), [INSIDE]: place },
      },
    );
    child.stdin!.on('error', () => {});
    child.stdin!.write(`${JSON.stringify(request)}\n`);
    const takeBack = () => child.stdin!.end();
    signal.addEventListener('abort', takeBack, { once: true });
    if (signal.aborted) takeBack();
    // however this process ends, that one's input does
    process.once('exit', kill);
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', () => resolve());
    });
    process.off('exit', kill);
  } finally {
    rmdirSync(place);
  }
}
