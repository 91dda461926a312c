/** Where programs keep what is gone with this boot of the machine, and what nobody else may write to. Sources: hier(7), /run; XDG base directories. */
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isRoot } from '../core/is-root.ts';

/** @returns null where this system has no such place for this person */
export function runtimeFolder(): string | null {
  const parent = isRoot() ? '/run' : process.env.XDG_RUNTIME_DIR;
  return parent && process.platform === 'linux' ? join(parent, 'diskpress') : null;
}

/**
 * Makes a folder that others may enter and not list, for what is theirs in it; one that is there already becomes that, whoever made it and
 * under whatever umask.
 */
export function makeEnterable(folder: string): void {
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o711);
}
