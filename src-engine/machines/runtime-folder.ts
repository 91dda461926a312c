/** Where programs keep what is gone with this boot of the machine, and what nobody else may write to. Sources: hier(7), /run; XDG base directories. */
import { join } from 'node:path';
import { isRoot } from '../core/is-root.ts';

/** @returns null where this system has no such place for this person */
export function runtimeFolder(): string | null {
  const parent = isRoot() ? '/run' : process.env.XDG_RUNTIME_DIR;
  return parent && process.platform === 'linux' ? join(parent, 'diskpress') : null;
}
