/** Finds Electron's binary, which its package fetches only when it is first used. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appEnvironment, node24, root } from './ensure.mjs';

const FOLDER = join(root, 'node_modules', 'electron');
/** Long enough for 120 MB on a slow line. */
const FETCH_TIMEOUT_MS = 5 * 60 * 1000;
/** After a failure nobody waits for the next one until then. Removed with node_modules. */
const RETRY_AFTER_MS = 24 * 60 * 60 * 1000;
const FAILED = join(FOLDER, '.fetch-failed');

/** @returns null where it is not there */
export function electronBinary() {
  try {
    const name = readFileSync(join(FOLDER, 'path.txt'), 'utf8').trim();
    const path = join(process.env.ELECTRON_OVERRIDE_DIST_PATH ?? join(FOLDER, 'dist'), name);
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}

/** Lets Electron's package fetch its binary, quietly. @returns its path, or null where it cannot be fetched */
export function fetchElectron() {
  if (existsSync(FAILED) && Date.now() - statSync(FAILED).mtimeMs < RETRY_AFTER_MS) return null;
  console.error('Fetching Electron (once, about 120 MB)…');
  spawnSync(node24, [join(FOLDER, 'install.js')], {
    stdio: 'ignore',
    timeout: FETCH_TIMEOUT_MS,
    env: appEnvironment(),
  });
  const path = electronBinary();
  if (!path) writeFileSync(FAILED, '');
  return path;
}

/** Whether windows can be shown. */
export function hasDisplay() {
  if (process.platform === 'win32' || process.platform === 'darwin') return true;
  return Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}
