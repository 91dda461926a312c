/**
 * Brings a checkout into the state that a command needs: packages installed, sources built. Built-ins of Node 20 only:
 * this runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The application's own Node, from the npm package `node`: the system's may be older. */
export const node24 = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');

const readJson = (...path) => JSON.parse(readFileSync(join(root, ...path), 'utf8'));

/**
 * Whether every package of package-lock.json is there in its version. npm writes down what it installed when it is done,
 * so that an installation that was broken off counts as none. Optional packages may belong to other platforms.
 */
function isInstalled() {
  try {
    const wanted = readJson('package-lock.json').packages;
    const installed = readJson('node_modules', '.package-lock.json').packages;
    return (
      existsSync(node24) &&
      Object.entries(wanted).every(([path, entry]) => {
        if (path === '') return true;
        return installed[path] ? installed[path].version === entry.version : entry.optional;
      })
    );
  } catch {
    return false;
  }
}

/** Installs what package-lock.json says, where it is not there yet. Everything is told on standard error. */
export function ensureInstalled() {
  if (isInstalled()) return;
  console.error('Installing packages (npm ci)…');
  const options = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const npm = process.env.npm_execpath;
  const { status, error } = npm
    ? spawnSync(process.execPath, [npm, ...options], { cwd: root, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', options, { cwd: root, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (status === 0 && isInstalled()) return;
  console.error(`The packages could not be installed${error ? `: ${error.message}` : '.'} Is the network there?`);
  process.exit(1);
}

/** What the build is made from. Resources are read where they lie. */
const BUILD_INPUTS = [
  'src-engine',
  'src-main',
  'src-renderer',
  'electron.vite.config.ts',
  'tsconfig.json',
  'package.json',
  'package-lock.json',
];

function filesBelow(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path), { recursive: true })
    .map((name) => join(path, name))
    .filter((name) => statSync(join(root, name)).isFile())
    .sort();
}

function buildStamp() {
  const hash = createHash('sha256');
  for (const path of BUILD_INPUTS.flatMap(filesBelow)) {
    const bytes = readFileSync(join(root, path));
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest('hex');
}

/** Builds into out/ where sources changed since the last build. @returns false where the build failed, which was told */
export function ensureBuilt() {
  const stampPath = join(root, 'out', '.stamp');
  const stamp = buildStamp();
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === stamp) return true;
  console.error('Building…');
  const built = spawnSync(node24, [join('node_modules', 'electron-vite', 'bin', 'electron-vite.js'), 'build'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: appEnvironment(),
  });
  if (built.status !== 0) {
    console.error(built.stdout, built.stderr);
    console.error('The build failed.');
    return false;
  }
  mkdirSync(join(root, 'out'), { recursive: true });
  writeFileSync(stampPath, stamp);
  return true;
}

/** The environment in which programs that look for `node` find the application's own. */
export function appEnvironment() {
  const separator = process.platform === 'win32' ? ';' : ':';
  return { ...process.env, PATH: `${dirname(node24)}${separator}${process.env.PATH ?? ''}` };
}
