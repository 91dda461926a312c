/** The person who asked for root's rights: what is captured with them belongs to the person. */
import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { isRoot } from '../core/is-root.ts';

export interface Person {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** @returns the home of whoever asked, also where root's rights were asked for */
export const personalHome = (env: NodeJS.ProcessEnv = process.env): string => personBehindRoot(env)?.home ?? homedir();

const TIMEOUT_MS = 5_000;

/** @returns null for who is not root, is root itself, or cannot be told. Sources: sudo(8), pkexec(1), "ENVIRONMENT"; getent(1), passwd(5). */
export function personBehindRoot(env: NodeJS.ProcessEnv = process.env): Person | null {
  if (process.platform !== 'linux' || !isRoot()) return null;
  const id = env.SUDO_UID ?? env.PKEXEC_UID ?? '';
  if (!/^[1-9]\d{0,9}$/.test(id)) return null;
  try {
    const text = execFileSync('getent', ['passwd', id], {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [name, , uid, gid, , home] = text.split('\n')[0].split(':');
    if (!home?.startsWith('/')) return null;
    const folder = resolve(home);
    return folder === '/' ? null : { name, uid: Number(uid), gid: Number(gid), home: folder };
  } catch {
    return null;
  }
}
