/** Files of a catalog that go away and come back, or that nobody knows: nothing that lives is ever removed. */
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeNoiseDisk } from '../support/disks.ts';
import { openEngine, resultOf } from '../support/engine.ts';
import { commandLine } from '../support/command-line.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();

test('a pack that was away during a verify and is back is taken back, and outlives every prune', async () => {
  const catalog = bench.path('catalog');
  const source = makeNoiseDisk(bench, 'source.img', 2 * MIB);
  const engine = await openEngine(catalog);
  try {
    resultOf(await engine.capture(source, 'one'));
    resultOf(await engine.capture(makeNoiseDisk(bench, 'other.img', 1 * MIB), 'two'));
    const packs = readdirSync(join(catalog, 'packs'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.dpk'))
      .map((name) => join(catalog, 'packs', name));
    for (const pack of packs) {
      renameSync(pack, bench.path('away.dpk'));
      expect((await engine.verify()).error?.code).toBe('TEMPLATE_DAMAGED');
      expect((await engine.prune()).error?.code).toBe('CHUNK_MISSING');
      renameSync(bench.path('away.dpk'), pack);
      mkdirSync(join(catalog, 'packs/zz'), { recursive: true });
      writeFileSync(join(catalog, 'packs/zz/zz-of-somebody.dpk'), 'not ours');
      expect((await engine.prune()).warnings.map(({ code }) => code)).toEqual(['UNKNOWN_FILES_KEPT']);
      expect(existsSync(pack)).toBe(true);
      expect(existsSync(join(catalog, 'packs/zz/zz-of-somebody.dpk'))).toBe(true);
      resultOf(await engine.verify());
    }
    resultOf(await engine.deploy('one', bench.path('target.img')));
    run('cmp', source, bench.path('target.img'));
  } finally {
    await engine.close();
  }
});

test.each(['list', 'jobs', 'log', 'verify', 'prune', 'repair'])(
  '%s makes no catalog where there is none',
  async (command) => {
    const ended = await commandLine(bench.path('mistyped'))(command);
    expect(ended).toMatchObject({ code: 3, err: expect.stringContaining(bench.path('mistyped')) });
    expect(existsSync(bench.path('mistyped'))).toBe(false);
  },
);
