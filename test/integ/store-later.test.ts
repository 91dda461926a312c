/** What a later Diskpress wrote into a catalog is told, hides nothing else, and is never written over, taken for damage or removed. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commandLine, lastLine } from '../support/command-line.ts';
import { makeNoiseDisk } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { sha256 } from '../support/judges.ts';
import {
  laterJob,
  laterManifest,
  laterManifestRecord,
  laterRecord,
  laterVersions,
  manifestsOf,
} from '../support/later-formats.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const sound = bench.path('sound');
const catalog = bench.path('catalog');
const source = bench.path('one.img');

beforeAll(async () => {
  makeNoiseDisk(bench, 'one.img', MIB);
  const engine = await openEngine(sound);
  resultOf(await engine.capture(source, 'one'));
  resultOf(await engine.capture(makeNoiseDisk(bench, 'more.img', MIB), 'one'));
  resultOf(await engine.capture(makeNoiseDisk(bench, 'two.img', MIB), 'two'));
  await engine.close();
});

/** Paths and content of all packs and manifests. */
function files(): Record<string, string> {
  const names = ['packs', 'manifests'].flatMap((folder) =>
    readdirSync(join(catalog, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  return Object.fromEntries(names.map((path) => [path, readFileSync(path).toString('base64')]));
}

async function withLater(make: () => unknown, work: (engine: TestEngine) => Promise<void>): Promise<void> {
  rmSync(catalog, { recursive: true, force: true });
  run('cp', '-a', sound, catalog);
  make();
  const engine = await openEngine(catalog);
  try {
    await work(engine);
  } finally {
    await engine.close();
  }
}

async function expectOthersGoOn(engine: TestEngine): Promise<void> {
  const target = bench.path('two.deployed');
  rmSync(target, { force: true });
  resultOf(await engine.verify('two'));
  resultOf(await engine.deploy('two', target));
  expect(await sha256(target)).toBe(await sha256(bench.path('two.img')));
}

/** What the whole catalog says: each is refused, or done around what is of a later format, and nothing of it is changed. */
async function expectLeftAlone(engine: TestEngine): Promise<void> {
  const before = files();
  const verified = await engine.verify();
  expect(verified.error?.code).toBe('CATALOG_TOO_NEW');
  expect((await engine.prune()).error?.code).toBe('CATALOG_TOO_NEW');
  const repaired = await engine.repair();
  resultOf(repaired);
  expect(new Set(repaired.warnings.map(({ code }) => code))).toEqual(new Set(['KEPT_NEWER']));
  expect((await engine.prune()).error?.code).toBe('CATALOG_TOO_NEW');
  expect(files()).toEqual(before);
  const listed = await engine.client.call('template.list', {});
  expect(listed.flatMap(({ versions }) => versions.map(({ health }) => health))).not.toContain('damaged');
}

describe('a template’s record of a later format', () => {
  test.each(['same', 'other'] as const)('with %s sum: no edit of any face writes over it', async (sum) => {
    await withLater(
      () => laterRecord(catalog, 'one', sum),
      async (engine) => {
        const before = files();
        const edits =
          sum === 'same'
            ? ['edit one --name uno', 'edit one --tag t', 'delete one', 'delete one@1', `capture ${source} --name one`]
            : ['edit one --note x'];
        const ends = await Promise.all(edits.map((edit) => commandLine(catalog)('--json', ...edit.split(' '))));
        for (const [i, ended] of ends.entries()) {
          expect([edits[i], ended.code, lastLine(ended).error.code]).toEqual([edits[i], 7, 'CATALOG_TOO_NEW']);
          expect(lastLine(ended).error.data).toMatchObject({ path: expect.stringMatching(/\.json$/), version: 2 });
        }
        expect((await engine.client.call('template.show', { template: 'one' })).versions).toHaveLength(2);
        expect(files()).toEqual(before);
        const listed = await engine.client.call('template.list', {});
        expect(listed.map(({ name, versions }) => [name, versions.length])).toEqual([
          ['two', 1],
          ['one', 2],
        ]);
        await expectOthersGoOn(engine);
        await expectLeftAlone(engine);
      },
    );
  });

  test('in the bin: neither taken out nor emptied', async () => {
    await withLater(
      () => {},
      async (engine) => {
        const { client } = engine;
        await client.call('template.delete', { template: 'one' });
        laterRecord(catalog, 'one', 'same');
        const before = files();
        await expect(client.call('template.undelete', { template: 'one' })).rejects.toMatchObject({
          view: { code: 'CATALOG_TOO_NEW' },
        });
        expect((await engine.prune()).error?.code).toBe('CATALOG_TOO_NEW');
        resultOf(await engine.repair());
        expect(files()).toEqual(before);
        expect((await client.call('template.list', { deleted: true })).map(({ name }) => name)).toEqual(['one']);
      },
    );
  });
});

describe.each([
  ['a manifest of a later format', laterManifest],
  ['a manifest with a version of a later format', laterManifestRecord],
])('%s', (_, make) => {
  const makeAll = () => manifestsOf(catalog, 'one').forEach(make);

  test('that the database knows', async () => {
    await withLater(makeAll, async (engine) => {
      await expectLeftAlone(engine);
      expect((await engine.client.call('template.show', { template: 'one' })).versions).toHaveLength(2);
      expect((await engine.deploy('one', bench.path('none')).catch((error) => error.view))?.code ?? null).toBe(
        'CATALOG_TOO_NEW',
      );
      await expectOthersGoOn(engine);
    });
  });

  test('that the database does not know', async () => {
    const makeUnknown = () => {
      makeAll();
      for (const name of ['', '-wal', '-shm']) rmSync(join(catalog, `catalog.db${name}`), { force: true });
    };
    await withLater(makeUnknown, async (engine) => {
      resultOf(await engine.repair());
      expect((await engine.client.call('template.list', {})).map(({ name }) => name)).toEqual(['two']);
      await expectLeftAlone(engine);
      await expectOthersGoOn(engine);
    });
    // another process must not take it for the manifest of a lost version either
    expect((await commandLine(catalog)('list')).code).toBe(0);
  });
});

test('rows of versions of a later format: shown as what they are, and kept by a repair', async () => {
  await withLater(
    () => laterVersions(catalog, 'one'),
    async (engine) => {
      await expectLeftAlone(engine);
      const { client } = engine;
      const listed = await client.call('template.list', {});
      expect(listed.map(({ name, versions }) => [name, versions.map(({ health }) => health)])).toEqual([
        ['two', ['verified']],
        ['one', ['unknown', 'unknown']],
      ]);
      expect((await client.call('template.show', { template: 'one' })).versions.map(({ number }) => number)).toEqual([
        2, 1,
      ]);
      await expect(client.call('deploy.plan', { template: 'one', target: bench.path('none') })).rejects.toMatchObject({
        view: { code: 'CATALOG_TOO_NEW' },
      });
      await expectOthersGoOn(engine);
    },
  );
  expect((await commandLine(catalog)('show', 'one')).out).toContain('Written by a newer Diskpress');
});

test('a job of a later format is listed as unknown, and kept by a repair', async () => {
  let id = '';
  await withLater(
    () => (id = laterJob(catalog)),
    async (engine) => {
      resultOf(await engine.repair());
      const jobs = await engine.client.call('job.list', {});
      expect(jobs.find((job) => job.id === id)).toMatchObject({ kind: 'unknown', outcome: 'unknown', error: null });
      expect(await engine.client.call('job.show', { jobId: id })).toMatchObject({ kind: 'unknown' });
    },
  );
});
