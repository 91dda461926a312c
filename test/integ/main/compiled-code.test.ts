/** Compiled code is kept for the next start, and run from nobody's folder but one's own. */
import { chownSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commandLine } from '../../support/command-line.ts';
import { canLoop, workbench } from '../../support/workbench.ts';

const bench = workbench();
const OTHER_UID = 47_110;

const listIn = (more: NodeJS.ProcessEnv) => {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  return commandLine(bench.path('catalog'), { ...env, ...more })('list');
};

test('it lies in the cache of who runs it, for the threads too', async () => {
  const cache = bench.path('cache');
  mkdirSync(cache);
  expect(await listIn({ XDG_CACHE_HOME: cache })).toMatchObject({ code: 3 });
  const files = readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(3);
  expect(readdirSync(cache)).toEqual(['diskpress']);
  // read from there, nothing is made anew
  expect(await listIn({ XDG_CACHE_HOME: cache })).toMatchObject({ code: 3 });
  expect(readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())).toHaveLength(
    files.length,
  );
});

test.skipIf(!canLoop)('root keeps none in somebody else’s home, and reads none from there', async () => {
  const home = bench.path('home');
  mkdirSync(home);
  chownSync(home, OTHER_UID, OTHER_UID);
  expect(await listIn({ HOME: home, XDG_CACHE_HOME: '' })).toMatchObject({ code: 3 });
  expect(existsSync(`${home}/.cache`)).toBe(false);
});

test('a cache that cannot be written is no failure', async () => {
  expect(await listIn({ XDG_CACHE_HOME: '/proc' })).toMatchObject({ code: 3 });
});
