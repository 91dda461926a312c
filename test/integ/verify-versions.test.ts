/** Which versions a verification looks at, and what a deploy does with a link. */
import { lstatSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openEngine, resultOf } from '../support/engine.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();

function noise(name: string, megabytes: number): string {
  const image = bench.file(name, megabytes * MIB);
  run('dd', 'if=/dev/urandom', `of=${image}`, 'bs=1M', `count=${megabytes}`, 'status=none');
  return image;
}

it('a template is verified with all its versions, or one by its number', async () => {
  const engine = await openEngine(bench.path('catalog'));
  resultOf(await engine.capture(noise('first.img', 4), 'noise'));
  resultOf(await engine.capture(noise('second.img', 8), 'noise'));
  expect(resultOf(await engine.verify('noise')).verifiedBytes).toBe(12 * MIB);
  expect(resultOf(await engine.verify('noise@1')).verifiedBytes).toBe(4 * MIB);
  expect(resultOf(await engine.verify('noise@2')).verifiedBytes).toBe(8 * MIB);
  await engine.close();
});

it('a deploy onto a link replaces the file that it leads to, and the link stays', async () => {
  const engine = await openEngine(bench.path('catalog'));
  const file = bench.file('file.img', statSync(bench.path('first.img')).size, 0xff);
  symlinkSync(file, bench.path('link.img'));
  resultOf(await engine.deploy('noise@1', bench.path('link.img'), { overwrite: true }));
  expect(lstatSync(bench.path('link.img')).isSymbolicLink()).toBe(true);
  expect(readFileSync(file).equals(readFileSync(bench.path('first.img')))).toBe(true);
  await engine.close();
});
