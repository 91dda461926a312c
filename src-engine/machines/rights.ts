/** Rights that a person does not have and may be given for one piece of work: polkit asks whoever sits at the machine. */
import { accessSync, constants } from 'node:fs';

/** Whether this process has root's rights. */
export const isRoot = (): boolean => process.geteuid?.() === 0;

/** Where every system has it: what is found by PATH might be anybody's. */
export const PKEXEC = '/usr/bin/pkexec';

/** @returns whether root's rights can be asked for: there is polkit's pkexec, and a display to ask on. Source: pkexec(1) */
export function canAskForRights(env: NodeJS.ProcessEnv = process.env): boolean {
  if (process.platform !== 'linux' || isRoot()) return false;
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) return false;
  try {
    accessSync(PKEXEC, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
