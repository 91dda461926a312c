/** Shows a folder in the file manager of whoever sits at this machine. */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError, toEngineError } from '../core/engine-error.ts';
import { runTool } from '../tools/run-tool.ts';
import { findTool } from '../tools/tools.ts';
import { hasDisplay } from './rights.ts';

/** It hands over to the file manager, which goes on. */
const DEADLINE_MS = 10_000;

/** Whether there is a desktop, of the same person: root's file manager on somebody else's is none. */
export const canShowFolders = (env: NodeJS.ProcessEnv = process.env): boolean =>
  process.platform === 'linux' && hasDisplay(env) && !env.SUDO_UID && !env.PKEXEC_UID && findTool('xdg-open') !== null;

/** What tells programs which desktop they are on. Sources: X(7), "ENVIRONMENT"; the XDG base directory and desktop entry specifications. */
const OF_SESSION =
  /^(HOME|DISPLAY|XAUTHORITY|WAYLAND_DISPLAY|DBUS_SESSION_BUS_ADDRESS|DESKTOP_SESSION|XDG_\w+|(KDE|GNOME)_\w+)$/;

const sessionOf = (env: NodeJS.ProcessEnv): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter((one): one is [string, string] => OF_SESSION.test(one[0]) && one[1] !== undefined),
  );

/**
 * @param path of the folder, or of a file in it: a file itself is never opened
 * @throws EngineError `NOT_FOUND`, `UNSUPPORTED_PLATFORM` where there is no desktop, `TOOL_FAILED`
 */
export async function showFolder(path: string, signal: AbortSignal): Promise<void> {
  if (!canShowFolders()) throw new EngineError('UNSUPPORTED_PLATFORM', { platform: process.platform });
  try {
    const real = await realpath(path);
    const folder = (await stat(real)).isDirectory() ? real : dirname(real);
    await runTool('xdg-open', [folder], {
      signal,
      deadlineMs: DEADLINE_MS,
      isBound: false,
      env: sessionOf(process.env),
    });
  } catch (error) {
    throw toEngineError(error, path);
  }
}
