/** A deploy to a file whose process is killed: no file has the target's name, and the next start clears up what is left. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openEngine, resultOf } from '../support/engine.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const main = join(import.meta.dirname, '../../src-main/cli/main.ts');

it('leaves nothing behind', async () => {
  const source = bench.file('source.img', 600 * MIB);
  run('dd', 'if=/dev/urandom', `of=${source}`, 'bs=1M', 'count=600', 'status=none');
  const catalog = bench.path('catalog');
  const first = await openEngine(catalog);
  resultOf(await first.capture(source, 'noise'));
  await first.close();

  const folder = bench.path('targets');
  run('mkdir', folder);
  const child = spawn(
    process.execPath,
    [main, '--catalog', catalog, '--json', 'deploy', 'noise', join(folder, 'disk.img')],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (data) => String(data).includes('"phase":"writing"') && child.kill('SIGKILL'));
    child.on('close', () => resolve());
  });
  expect(child.signalCode).toBe('SIGKILL');
  expect(readdirSync(folder)).toEqual([expect.stringMatching(/^\.disk\.img\..*\.partial$/), '.disk.img.lock']);

  const next = await openEngine(catalog);
  const [job] = await next.client.call('job.list', {});
  expect(job).toMatchObject({ kind: 'deploy', outcome: 'lost' });
  await expect.poll(() => readdirSync(folder)).toEqual([]);
  await next.close();
});
