/** What takes a source or a template, where a template is called like a file; and what is told of a thing that is only recognised. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { MIB, workbench } from '../support/workbench.ts';

const bench = workbench();
const here = process.cwd();
let engine: TestEngine;

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
  const disk = bench.path('disk.img');
  writeFileSync(disk, '');
  truncateSync(disk, 16 * MIB);
  execFileSync('/usr/sbin/mkudffs', ['--utf8', '-b', '2048', '--label=Média', disk]);
  resultOf(await engine.capture(disk, 'lab'));
  mkdirSync(bench.path('here/folder'), { recursive: true });
  process.chdir(bench.path('here'));
});
afterAll(async () => {
  process.chdir(here);
  await engine.close();
});

const inspect = (source: string) => engine.client.call('source.inspect', { source });

test('a template is what its name means, and a file or folder of that name is told of', async () => {
  expect((await inspect('lab')).disk.warnings.map(({ code }) => code)).not.toContain('TEMPLATE_BEFORE_FILE');
  mkdirSync('lab');
  const { disk } = await inspect('lab');
  expect(disk.warnings).toContainEqual({ code: 'TEMPLATE_BEFORE_FILE', data: { name: 'lab' } });
  expect(disk.lengthBytes).toBe(16 * MIB);
  expect((await engine.client.call('template.show', { template: 'lab' })).name).toBe('lab');
});

test('what begins with a dot or has a slash is a path', async () => {
  expect(await refusal(inspect('./lab'))).toMatchObject({ code: 'BAD_REQUEST' });
  expect(await refusal(inspect(bench.path('here/lab')))).toMatchObject({ code: 'BAD_REQUEST' });
  writeFileSync('file', Buffer.alloc(MIB));
  expect((await inspect('file')).disk.lengthBytes).toBe(MIB);
});

test('a recognised thing has its label and UUID, in a template too', async () => {
  const uuid = execFileSync('/sbin/blkid', ['-p', '-o', 'value', '-s', 'UUID', bench.path('disk.img')], {
    encoding: 'utf8',
  });
  for (const source of [bench.path('disk.img'), 'lab']) {
    const [volume] = (await inspect(source)).disk.volumes;
    expect(volume).toMatchObject({ recognised: 'udf', recognisedLabel: 'Média', recognisedUuid: uuid.trim() });
  }
});
