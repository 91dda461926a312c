/** Starts the helper with root's rights, which polkit asks whoever sits at the machine for: for one thing, which is told whole and at once. */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../core/engine-error.ts';
import { canAskForRights, PKEXEC } from '../../machines/rights.ts';
import { workerEntry } from '../engine-thread.ts';
import { hearMessages, MAX_REQUEST_BYTES, type HelperMessage, type HelperRequest } from './helper-protocol.ts';

/** pkexec(1), "RETURN VALUE": whoever was asked has closed the dialogue; nobody could be asked, or it was no. */
const DISMISSED = 126;
const REFUSED = 127;

export interface Helper {
  /** Once it has ended, whatever it was asked for. @throws EngineError `RIGHTS_DISMISSED`, `RIGHTS_REFUSED`, `HELPER_LOST`, what it refused with */
  readonly ended: Promise<void>;
  /** It is not wanted any more. */
  takeBack(): void;
}

/**
 * @param request plan and place, no more: what is run is what lies beside this file
 * @param output a socket that becomes its standard output; null: it has none
 * @param hear is told what it says, but for why it does nothing
 * @throws EngineError `RIGHTS_REFUSED` where nobody can be asked; `BAD_REQUEST` for a request that is too long
 */
export function askForRights(
  request: HelperRequest,
  output: Socket | null,
  hear: (message: HelperMessage) => void,
): Helper {
  if (!canAskForRights()) throw new EngineError('RIGHTS_REFUSED', { said: '' });
  const text = `${JSON.stringify(request)}\n`;
  if (Buffer.byteLength(text) > MAX_REQUEST_BYTES)
    throw new EngineError('BAD_REQUEST', { field: 'settings', reason: `more than ${MAX_REQUEST_BYTES} bytes` });
  // a session of its own: Ctrl-C is for this process, which takes it back in order
  const child = spawn(PKEXEC, ['--disable-internal-agent', ownNode(), helperPath()], {
    stdio: ['pipe', output ?? 'ignore', 'pipe'],
    cwd: '/',
    detached: true,
  });
  let refusal: EngineError | null = null;
  let hasBegun = false;
  const said = hearMessages(child.stderr, (message) => {
    if (message.say === 'begun') hasBegun = true;
    if (message.say === 'refused') {
      refusal ??= EngineError.of(message.error);
    } else hear(message);
  });
  child.stdin.on('error', () => {});
  child.stdin.write(text);
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(new EngineError('RIGHTS_REFUSED', { said: error.message })));
    child.once('close', (code) => {
      if (refusal) reject(refusal);
      else if (hasBegun && code === 0) resolve();
      else if (!hasBegun && code === DISMISSED) reject(new EngineError('RIGHTS_DISMISSED'));
      else if (!hasBegun && code === REFUSED) reject(new EngineError('RIGHTS_REFUSED', { said: said() }));
      else reject(new EngineError('HELPER_LOST', { said: said() || `exit ${code}` }));
    });
  });
  // whoever asks for it later hears it then
  ended.catch(() => {});
  return {
    ended,
    takeBack() {
      child.stdin.end();
      try {
        // as long as somebody is asked, it is still ours; once it is root's, its input tells it
        if (!hasBegun) process.kill(child.pid!, 'SIGTERM');
      } catch {
        // it has the rights, or has ended
      }
    },
  };
}

const helperPath = () => fileURLToPath(workerEntry('./rights/helper-entry.ts', 'helper.js'));

/** The same Node that everything runs on; in the desktop, which is Electron's own, that of the npm package. */
function ownNode(): string {
  if (!process.versions.electron) return process.execPath;
  return join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
}
