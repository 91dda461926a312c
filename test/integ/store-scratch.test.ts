/** An import that is killed while it unpacks leaves nothing for good; one that is at work loses nothing to a command beside it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { commandLine } from '../support/command-line.ts';
import { makeNoiseDisk } from '../support/disks.ts';
import { openEngine, resultOf } from '../support/engine.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const built = process.env.DISKPRESS_WORKERS;
const main = built ? join(built, 'cli.js') : join(import.meta.dirname, '../../src-main/cli/main.ts');

test.each([
  ['a packed image', ['gzip', '-1', '-k']],
  ['an image packed by blocks', ['xz', '-0', '-k']],
])('%s', async (name, [tool, ...options]) => {
  const catalog = bench.path(`catalog of ${name}`);
  const engine = await openEngine(catalog);
  resultOf(await engine.capture(makeNoiseDisk(bench, 'first.img', MIB / 2), 'first'));
  await engine.close();
  const image = makeNoiseDisk(bench, `${tool}.img`, 24 * MIB);
  run(tool, ...options, image);
  const packed = readdirSync(bench.folder).find((file) => file.startsWith(`${tool}.img.`))!;
  const words = [main, '--catalog', catalog, 'import', bench.path(packed), '--format', 'raw', '--name', 'packed'];
  const child = spawn(process.execPath, words, { stdio: 'ignore' });
  const gone = once(child, 'exit');
  const scratch = join(catalog, 'scratch');
  const unfinished = () => (existsSync(scratch) ? readdirSync(scratch, { recursive: true }) : []);
  while (unfinished().length < 2 && child.exitCode === null) await sleep(5);
  // it stands still, and holds what it holds
  child.kill('SIGSTOP');
  expect(unfinished().length).toBeGreaterThan(1);
  const before = unfinished();
  expect((await commandLine(catalog)('list')).code).toBe(0);
  expect(unfinished()).toEqual(before);
  child.kill('SIGKILL');
  await gone;
  expect(unfinished()).toEqual(before);
  expect((await commandLine(catalog)('capture', bench.path('first.img'), '--name', 'next')).code).toBe(0);
  expect(unfinished()).toEqual([]);
});
