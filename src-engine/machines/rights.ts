/** Rights that a person does not have and may be given for one piece of work: polkit asks whoever sits at the machine. */
import { accessSync, constants } from 'node:fs';
import { isRoot } from '../core/is-root.ts';

/** Where every system has it: what is found by PATH might be anybody's. */
export const PKEXEC = '/usr/bin/pkexec';

/** Whether there is a display that somebody may sit at. Source: X(7), "ENVIRONMENT" */
export const hasDisplay = ({ DISPLAY, WAYLAND_DISPLAY }: NodeJS.ProcessEnv): boolean =>
  Boolean(DISPLAY || WAYLAND_DISPLAY);

/** @returns whether root's rights can be asked for: there is polkit's pkexec, and a display to ask on. Source: pkexec(1) */
export function canAskForRights(env: NodeJS.ProcessEnv = process.env): boolean {
  if (process.platform !== 'linux' || isRoot() || !hasDisplay(env)) return false;
  try {
    accessSync(PKEXEC, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
