/** The system's clock is set back or ahead between commands: nothing is lost, nothing fails, the newest stays the newest. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeNoiseDisk } from '../support/disks.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const canFake = existsSync('/usr/bin/faketime');
if (!canFake) console.warn('SKIPPED: commands at other times need Debian’s faketime');
const built = process.env.DISKPRESS_WORKERS;
const main = built ? join(built, 'cli.js') : join(import.meta.dirname, '../../src-main/cli/main.ts');

/** The result of a command that a process of its own runs at a time. Fails where the command does. */
function at(time: string, ...args: string[]): Record<string, unknown> {
  const words = ['--catalog', bench.path('catalog'), '--lang', 'en', '--json', ...args];
  const out = run('faketime', `${time} UTC`, process.execPath, main, ...words);
  return (JSON.parse(out.trim().split('\n').at(-1)!) as { value: Record<string, unknown> }).value;
}

test.skipIf(!canFake)('versions, jobs and the bin of a year that is to come', () => {
  const [one, two] = ['one', 'two'].map((name) => makeNoiseDisk(bench, `${name}.img`, MIB / 2));
  at('2040-03-01 12:00:00', 'capture', one, '--format', 'raw', '--name', 'kept');
  at('2040-03-01 12:10:00', 'capture', two, '--format', 'raw', '--name', 'binned');
  at('2040-03-01 12:20:00', 'delete', 'binned');
  // the battery of the clock is empty
  at('1970-01-01 00:01:00', 'capture', two, '--format', 'raw', '--name', 'kept');
  const listed = at('2026-01-01 12:00:00', 'list') as unknown as { name: string; versions: { number: number }[] }[];
  expect(listed.map(({ name, versions }) => [name, versions.map(({ number }) => number)])).toEqual([['kept', [2, 1]]]);
  at('2026-01-01 12:00:00', 'undelete', 'binned');
  at('2026-01-01 12:00:00', 'repair');
  at('2026-01-01 12:00:00', 'prune');
  at('1999-12-31 23:59:59', 'verify');
  const jobs = at('2026-01-01 12:00:00', 'jobs') as unknown as { kind: string }[];
  expect(jobs.map(({ kind }) => kind)).toEqual(['verify', 'prune', 'repair', 'capture', 'capture', 'capture']);
  for (const [version, image] of [
    ['kept@1', one],
    ['kept', two],
    ['binned', two],
  ]) {
    const target = bench.path('target.img');
    rmSync(target, { force: true });
    at('2199-01-01 00:00:00', 'deploy', version, target);
    run('cmp', image, target);
  }
});
