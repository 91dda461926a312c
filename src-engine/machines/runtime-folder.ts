/** Where programs keep what is gone with this boot of the machine, and what nobody else may write to. Sources: hier(7), /run; XDG base directories. */
import { chmodSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../core/engine-error.ts';
import { isRoot } from '../core/is-root.ts';

/** @returns null where this system has no such place for this person */
export function runtimeFolder(): string | null {
  const parent = isRoot() ? '/run' : process.env.XDG_RUNTIME_DIR;
  return parent && process.platform === 'linux' ? join(parent, 'diskpress') : null;
}

/**
 * Makes a folder that others may enter and not list, for what is theirs in it; one that is there already becomes that, whoever made it and
 * under whatever umask.
 * @throws EngineError `PERMISSION_DENIED` where somebody else has put something there, or a link
 */
export function makeEnterable(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const stat = lstatSync(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.())
    throw new EngineError('PERMISSION_DENIED', { path: folder });
  chmodSync(folder, 0o711);
}
