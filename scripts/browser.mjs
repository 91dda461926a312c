/** Finds a browser that can show an address as a window of its own, without tabs and address bar. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

const { env, platform } = process;

function candidates() {
  if (platform === 'win32') {
    const folders = [env.PROGRAMFILES, env['PROGRAMFILES(X86)'], env.LOCALAPPDATA].filter(Boolean);
    const programs = [
      'Google\\Chrome\\Application\\chrome.exe',
      'Microsoft\\Edge\\Application\\msedge.exe',
      'Chromium\\Application\\chrome.exe',
    ];
    return folders.flatMap((folder) => programs.map((program) => join(folder, program)));
  }
  if (platform === 'darwin') {
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
      (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
    );
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];
  return (env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
}

/** @returns null where none is installed */
export function findBrowser() {
  return candidates().find((path) => existsSync(path)) ?? null;
}

function cacheFolder() {
  if (platform === 'win32') return env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  return env.XDG_CACHE_HOME || join(homedir(), '.cache');
}

/** Arguments for an application window, in a profile of its own: apart from the person's tabs, and ended with its window. */
export function windowArguments(address) {
  return [
    `--app=${address}`,
    `--user-data-dir=${join(cacheFolder(), 'diskpress', 'window')}`,
    '--window-size=1280,840',
    '--no-first-run',
    '--no-default-browser-check',
    // Chromium refuses to run as root with its sandbox; root is what opens disks. It shows nothing but our own pages.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  ];
}
