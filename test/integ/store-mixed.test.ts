/**
 * Parts of a catalog that do not belong together: a database brought back over newer files, files brought back under a newer database,
 * two catalogs in one folder. It is told; nothing that is there is lost; a repair finds it again.
 */
import { cpSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { JobView } from '../../src-engine/contract/job.contract.ts';
import { commandLine, lastLine } from '../support/command-line.ts';
import { noise } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { sha256 } from '../support/judges.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
/** a catalog at three moments, and what became of a copy of it elsewhere; and one that has nothing to do with it */
const [lastWeek, binned, now, laptop, other] = ['last-week', 'binned', 'now', 'laptop', 'other'].map((name) =>
  bench.path(name),
);

function sourceOf(seed: string): string {
  const path = bench.path(`${seed}.img`);
  if (!existsSync(path)) writeFileSync(path, Buffer.concat([noise('common', MIB / 4), noise(seed, MIB / 2)]));
  return path;
}

async function changed(from: string | null, to: string, work: (engine: TestEngine) => Promise<void>): Promise<void> {
  if (from !== null) run('cp', '-a', from, to);
  const engine = await openEngine(to);
  try {
    await work(engine);
  } finally {
    await engine.close();
  }
}

/** The database as a copy has it that was made while nobody worked with it. */
function bringDatabase(from: string): void {
  for (const ending of ['', '-wal', '-shm']) rmSync(join(catalog, `catalog.db${ending}`), { force: true });
  cpSync(join(from, 'catalog.db'), join(catalog, 'catalog.db'));
}

function bringFiles(folder: string, from: string): void {
  cpSync(join(from, folder), join(catalog, folder), { recursive: true, force: false, errorOnExist: false });
}

function begin(from: string): void {
  rmSync(catalog, { recursive: true, force: true });
  run('cp', '-a', from, catalog);
}

const packFiles = () => readdirSync(join(catalog, 'packs'), { recursive: true, encoding: 'utf8' }).sort();
const codes = (job: JobView) => [job.error?.code ?? 'done', ...job.warnings.map(({ code }) => code)];

/** Deploys and compares. @param expected versions, and the seed of the disk that each was captured from */
async function expectVersions(engine: TestEngine, expected: Record<string, string>): Promise<void> {
  const target = bench.path('target.img');
  for (const [version, seed] of Object.entries(expected)) {
    rmSync(target, { force: true });
    resultOf(await engine.deploy(version, target));
    expect([version, await sha256(target)]).toEqual([version, await sha256(sourceOf(seed))]);
  }
}

async function opened(work: (engine: TestEngine) => Promise<void>): Promise<void> {
  const engine = await openEngine(catalog);
  try {
    await work(engine);
  } finally {
    await engine.close();
  }
}

beforeAll(async () => {
  await changed(null, lastWeek, async (engine) => {
    resultOf(await engine.capture(sourceOf('a'), 'one'));
    resultOf(await engine.capture(sourceOf('b'), 'two'));
  });
  await changed(lastWeek, binned, async ({ client }) => {
    await client.call('template.delete', { template: 'two' });
  });
  await changed(binned, now, async (engine) => {
    await engine.client.call('template.undelete', { template: 'two' });
    resultOf(await engine.capture(sourceOf('c'), 'one'));
    resultOf(await engine.capture(sourceOf('d'), 'three'));
    await engine.client.call('template.edit', { template: 'two', name: 'zwei', note: 'since' });
  });
  await changed(lastWeek, laptop, async (engine) => {
    resultOf(await engine.capture(sourceOf('e'), 'one'));
  });
  await changed(null, other, async (engine) => {
    resultOf(await engine.capture(sourceOf('f'), 'one'));
  });
});

test.each([
  ['last week’s', lastWeek],
  ['one with a template in the bin that was taken out of it since', binned],
])('the database is %s', async (_, from) => {
  begin(now);
  const before = packFiles();
  bringDatabase(from);
  const refused = await commandLine(catalog)('--json', 'prune');
  expect([refused.code, lastLine(refused).error.code]).toEqual([7, 'CATALOG_DAMAGED']);
  await opened(async (engine) => {
    expect(codes(await engine.repair())).toEqual(['done']);
    resultOf(await engine.verify());
    resultOf(await engine.prune());
    expect(packFiles()).toEqual(before);
    await expectVersions(engine, { 'one@1': 'a', 'one@2': 'c', 'three@1': 'd', 'zwei@1': 'b' });
    expect((await engine.client.call('template.show', { template: 'zwei' })).note).toBe('since');
  });
});

test('the database does not know what was only edited since: no edit of its own writes over that', async () => {
  begin(now);
  await opened(async ({ client }) => {
    await client.call('template.edit', { template: 'zwei', note: 'last' });
  });
  bringDatabase(now);
  await opened(async (engine) => {
    const { client } = engine;
    const old = { view: { code: 'CATALOG_DAMAGED', data: { reason: 'database is older' } } };
    await expect(client.call('template.edit', { template: 'zwei', note: 'mine' })).rejects.toMatchObject(old);
    await expect(client.call('template.delete', { template: 'zwei' })).rejects.toMatchObject(old);
    expect(await engine.capture(sourceOf('e'), 'zwei')).toMatchObject({ error: old.view });
    // that is no damage of any block
    expect(await engine.verify()).toMatchObject({ error: { code: 'CATALOG_DAMAGED' } });
    const listed = await client.call('template.list', {});
    expect(listed.flatMap(({ versions }) => versions.map(({ health }) => health))).not.toContain('damaged');
    expect(codes(await engine.prune())).toEqual(['CATALOG_DAMAGED']);
    expect(codes(await engine.repair())).toEqual(['done']);
    expect((await client.call('template.show', { template: 'zwei' })).note).toBe('last');
    resultOf(await engine.verify());
  });
});

test('packs, or packs and manifests, are last week’s: what lacks them is told, and nothing is removed', async () => {
  for (const folders of [['packs'], ['packs', 'manifests']]) {
    begin(now);
    for (const folder of folders) {
      rmSync(join(catalog, folder), { recursive: true });
      bringFiles(folder, lastWeek);
    }
    const before = packFiles();
    await opened(async (engine) => {
      const verified = await engine.verify();
      expect(verified).toMatchObject({
        error: { code: 'TEMPLATE_DAMAGED', data: { templates: ['one@2', 'three@1'] } },
      });
      expect(codes(await engine.prune())).toEqual([folders.length === 1 ? 'CHUNK_MISSING' : 'MANIFEST_DAMAGED']);
      expect(codes(await engine.repair())).toEqual(['done']);
      expect(packFiles()).toEqual(before);
      await expectVersions(engine, { 'one@1': 'a', 'zwei@1': 'b' });
      // given up, the rest is of use again; brought back instead, all of it is
      for (const version of ['one@2', 'three']) await engine.client.call('template.delete', { template: version });
      resultOf(await engine.prune());
      resultOf(await engine.verify());
      await expectVersions(engine, { one: 'a', zwei: 'b' });
    });
  }
});

test('the files of another catalog came in: both are there after a repair', async () => {
  begin(now);
  bringFiles('packs', other);
  bringFiles('manifests', other);
  const before = packFiles();
  expect((await commandLine(catalog)('list')).code).toBe(7);
  await opened(async (engine) => {
    expect(codes(await engine.repair())).toEqual(['done']);
    resultOf(await engine.verify());
    resultOf(await engine.prune());
    expect(packFiles()).toEqual(before);
    const names = (await engine.client.call('template.list', {})).map(({ name }) => name);
    const second = names.find((name) => name.startsWith('one ('))!;
    await expectVersions(engine, { 'one@1': 'a', 'one@2': 'c', 'three@1': 'd', 'zwei@1': 'b', [second]: 'f' });
  });
});

test('only packs of another catalog came in: neither prune nor repair and prune removes them', async () => {
  begin(now);
  bringFiles('packs', other);
  const before = packFiles();
  await opened(async (engine) => {
    expect(codes(await engine.prune())).toEqual(['done', 'UNKNOWN_FILES_KEPT']);
    expect(codes(await engine.repair())).toEqual(['done', 'PACKS_WITHOUT_VERSIONS']);
    expect(codes(await engine.prune())).toEqual(['done', 'UNKNOWN_FILES_KEPT']);
    expect(packFiles()).toEqual(before);
    // their manifests come after them
    bringFiles('manifests', other);
    expect(codes(await engine.repair())).toEqual(['done']);
    resultOf(await engine.verify());
    expect(await engine.client.call('template.list', {})).toHaveLength(4);
  });
});

test('the database is that of another catalog: told, and what is there comes back', async () => {
  begin(now);
  bringDatabase(other);
  const before = packFiles();
  await opened(async (engine) => {
    expect(codes(await engine.prune().catch((error) => ({ error: error.view, warnings: [] }) as never))).toEqual([
      'CATALOG_DAMAGED',
    ]);
    resultOf(await engine.repair());
    expect(await engine.verify()).toMatchObject({ error: { data: { templates: ['one@1'] } } });
    expect(codes(await engine.prune())).toEqual(['MANIFEST_DAMAGED']);
    expect(packFiles()).toEqual(before);
    const mine = (await engine.client.call('template.list', {})).find(({ name }) => name.startsWith('one ('))!;
    await expectVersions(engine, { [`${mine.id}@1`]: 'a', [`${mine.id}@2`]: 'c', 'three@1': 'd', 'zwei@1': 'b' });
  });
});

test('two copies of a catalog have each made a version of one number: both are kept', async () => {
  begin(now);
  bringFiles('packs', laptop);
  bringFiles('manifests', laptop);
  const before = packFiles();
  await opened(async (engine) => {
    const repaired = await engine.repair();
    expect(repaired.warnings).toEqual([
      { code: 'VERSION_RENUMBERED', data: { template: 'one', number: 2, newNumber: 3 } },
    ]);
    resultOf(await engine.verify());
    resultOf(await engine.prune());
    expect(codes(await engine.repair())).toEqual(['done']);
    expect(packFiles()).toEqual(before);
    await expectVersions(engine, { 'one@1': 'a', 'one@2': 'c', 'one@3': 'e', 'three@1': 'd' });
  });
  // without the database, too
  rmSync(join(catalog, 'catalog.db'));
  await opened(async (engine) => {
    resultOf(await engine.repair());
    await expectVersions(engine, { 'one@1': 'a', 'one@2': 'c', 'one@3': 'e' });
  });
});
