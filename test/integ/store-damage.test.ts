/** Damage in a catalog: found, named, healed by a new capture or by a repair; never deployed. */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { beforeAll, describe, expect, test } from 'vitest';
import type { TemplateSummary } from '../../src-engine/contract/template.contract.ts';
import { isZeroHash } from '../../src-engine/store/manifest-format.ts';
import { ManifestReader } from '../../src-engine/store/manifest-reader.ts';
import { frameHeader, HASH_BYTES, packHeader } from '../../src-engine/store/pack-format.ts';
import { scanPack } from '../../src-engine/store/pack-scanner.ts';
import { storeLayout } from '../../src-engine/store/store-layout.ts';
import { makeExt4, makeNoiseDisk, scatter } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { recognised, sha256 } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const sound = bench.path('sound');
const source = bench.path('one.img');
/** the packs of template `one` */
let packs: string[];
let original: Catalogued;

interface Catalogued {
  live: TemplateSummary[];
  bin: TemplateSummary[];
}

const UNVERIFIED = { health: 'unverified', verifiedAt: null } as const;

/** Everything that people see of the templates, but for their health and the versions that wait in the bin alone. */
async function catalogued({ client }: TestEngine): Promise<Catalogued> {
  const list = async (deleted: boolean) =>
    (await client.call('template.list', { deleted }))
      .map((template) => ({
        ...template,
        versions: template.versions.map((version) => ({
          ...version,
          ...UNVERIFIED,
          disks: version.disks.map((disk) => ({ ...disk, ...UNVERIFIED })),
        })),
      }))
      .sort((a, b) => a.name.localeCompare(b.name));
  return { live: await list(false), bin: await list(true) };
}

/** Opens an engine on a copy of the sound catalog after `damage` has been done to it. */
async function withDamage(
  damage: (catalog: string) => unknown,
  work: (engine: TestEngine, catalog: string) => Promise<void>,
): Promise<void> {
  const catalog = bench.path('damaged');
  rmSync(catalog, { recursive: true, force: true });
  run('cp', '-a', sound, catalog);
  await damage(catalog);
  const engine = await openEngine(catalog);
  try {
    await work(engine, catalog);
  } finally {
    await engine.close();
  }
}

function flip(path: string, offset: number): void {
  const fd = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  expect(readSync(fd, byte, 0, 1, offset)).toBe(1);
  byte[0] ^= 0x10;
  writeSync(fd, byte, 0, 1, offset);
  closeSync(fd);
}

const find = (folder: string, ending: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .sort();
const manifestOf = (catalog: string, template: string, version: number) => {
  const db = new Database(join(catalog, 'catalog.db'), { readonly: true });
  const name = db
    .prepare('SELECT manifest FROM disk JOIN template ON template.id = template_id WHERE name = ? AND number = ?')
    .pluck()
    .get(template, version) as string;
  db.close();
  return join(catalog, 'manifests', `${name}.dpm`);
};
/** Chunks of a version of template `one`. */
async function hashesOf(catalog: string, version: number): Promise<Set<string>> {
  const name = basename(manifestOf(catalog, 'one', version), '.dpm');
  const manifest = await ManifestReader.open(storeLayout(catalog), name);
  const found = new Set<string>();
  for await (const { hashes } of manifest.records()) {
    for (let at = 0; at < hashes.length; at += HASH_BYTES) {
      if (!isZeroHash(hashes, at / HASH_BYTES)) {
        found.add(Buffer.from(hashes.subarray(at, at + HASH_BYTES)).toString('hex'));
      }
    }
  }
  await manifest.close();
  return found;
}
const soundDeploy = async (engine: TestEngine) => {
  const target = bench.path('deployed.img');
  rmSync(target, { force: true });
  resultOf(await engine.deploy('one@1', target));
  run('e2fsck', '-fn', target);
  expect(await sha256(target)).toBe(deployedSha256);
};
let deployedSha256: string;

describe.skipIf(!canLoop)('a damaged catalog', () => {
  beforeAll(async () => {
    makeExt4(bench, 'one.img', 24 * MIB);
    const engine = await openEngine(sound);
    resultOf(await engine.capture(source, 'one', { note: 'first\nnote', tags: ['a', 'é'] }));
    packs = find(join(sound, 'packs'), '.dpk');
    const changed = bench.path('one-changed.img');
    run('cp', source, changed);
    scatter(bench, changed);
    resultOf(await engine.capture(changed, 'one'));
    resultOf(await engine.capture(changed, 'one'));
    resultOf(await engine.capture(makeNoiseDisk(bench, 'two.img', 6 * MIB), 'two', { kind: 'standard' }));
    resultOf(await engine.capture(makeNoiseDisk(bench, 'three.img', 3 * MIB), 'three'));
    const { client } = engine;
    await client.call('template.edit', { template: 'one', note: 'edited', status: 'deprecated', visibility: 'public' });
    await client.call('template.edit', { template: 'one', status: 'active' });
    await client.call('template.delete', { template: 'one@2' });
    await client.call('template.delete', { template: 'three' });
    resultOf(await engine.verify());
    original = await catalogued(engine);
    expect(original.live.map(({ name, versions }) => [name, versions.map((version) => version.number)])).toEqual([
      ['one', [3, 1]],
      ['two', [1]],
    ]);
    expect(original.bin.map((template) => template.name)).toEqual(['three']);
    resultOf(await engine.deploy('one@1', bench.path('deployed.img')));
    deployedSha256 = await sha256(bench.path('deployed.img'));
    await engine.close();
  });

  /** One place in each part of a frame of template `one`: where a bit is flipped there, the frame is damaged. */
  const places: [string, (frame: { offset: number; tableBytes: number; storedBytes: number }) => number][] = [
    ['magic of a frame', ({ offset }) => offset + 1],
    ['length in the header of a frame', ({ offset }) => offset + 16],
    ['chunk table of a frame', ({ offset, tableBytes }) => offset + frameHeader.size + tableBytes - 10],
    ['first byte of a payload', ({ offset, tableBytes }) => offset + frameHeader.size + tableBytes],
    [
      'middle of a payload',
      ({ offset, tableBytes, storedBytes }) => offset + frameHeader.size + tableBytes + storedBytes / 2,
    ],
    [
      'last byte of a payload',
      ({ offset, tableBytes, storedBytes }) => offset + frameHeader.size + tableBytes + storedBytes - 1,
    ],
  ];

  test.each(places)('a bit flipped in the %s', async (_, offsetOf) => {
    const flipOne = async (catalog: string) => {
      const path = join(catalog, 'packs', packs[0]);
      const { frames } = await scanPack(path, '', new AbortController().signal);
      // which chunks come into which frame is for the presses to say
      const needed = await hashesOf(catalog, 1);
      const later = await hashesOf(catalog, 3);
      const both = [...needed].filter((hash) => later.has(hash)).map((hash) => Buffer.from(hash, 'hex'));
      const { offset, table, storedBytes } = frames.findLast((frame) =>
        both.some((hash) => Buffer.from(frame.table).includes(hash)),
      )!;
      flip(path, Math.floor(offsetOf({ offset, tableBytes: table.length, storedBytes })));
    };
    await withDamage(flipOne, expectDamageAndHealing);
  });

  test.each<[string, (path: string) => void]>([
    ['cut in half', (path) => truncateSync(path, Math.floor(statSync(path).size / 2))],
    ['emptied', (path) => truncateSync(path, 0)],
    ['gone', (path) => rmSync(path)],
    ['overwritten with zeros', (path) => writeFileSync(path, Buffer.alloc(statSync(path).size))],
  ])('a pack that is %s', async (_, damage) => {
    await withDamage((catalog) => damage(join(catalog, 'packs', packs[0])), expectDamageAndHealing);
  });

  async function expectDamageAndHealing(engine: TestEngine): Promise<void> {
    const target = bench.path('never.img');
    rmSync(target, { force: true });
    const planOrRun = await engine.deploy('one', target).then(
      (job) => ({ outcome: job.outcome, ...job.error! }),
      (error) => ({ outcome: 'failed', ...error.view }),
    );
    expect(planOrRun.outcome).toBe('failed');
    expect(['PACK_DAMAGED', 'CHUNK_MISSING']).toContain(planOrRun.code);
    expect(planOrRun.data.template).toBe('one');
    expect(existsSync(target)).toBe(false);
    expect(readdirSync(bench.folder).filter((name) => name.endsWith('.partial'))).toEqual([]);

    const found = await engine.verify();
    expect(found).toMatchObject({ outcome: 'failed', error: { code: 'TEMPLATE_DAMAGED' } });
    expect(found.error!.data.templates).toEqual(['one@1', 'one@3']);
    const health = async () =>
      (await engine.client.call('template.list', {}))
        .flatMap((template) =>
          template.versions.map((version) => `${template.name}@${version.number} ${version.health}`),
        )
        .sort();
    expect(await health()).toEqual(['one@1 damaged', 'one@3 damaged', 'two@1 verified']);
    const { checks } = await engine.client
      .call('deploy.plan', { template: 'one', target })
      .catch(() => ({ checks: [] }));
    if (checks.length > 0) expect(checks.map((check) => check.code)).toContain('TEMPLATE_DAMAGED');
    resultOf(await engine.deploy('two', target));
    rmSync(target);

    // what is still there is known; what is not is stored anew, for every version that needs it
    resultOf(await engine.capture(source, 'healer'));
    resultOf(await engine.verify());
    expect(await health()).toContain('one@1 verified');
    await soundDeploy(engine);
  }

  test('a device is not left looking finished', async () => {
    const damage = (catalog: string) => {
      const path = join(catalog, 'packs', packs[0]);
      flip(path, statSync(path).size - 100);
    };
    await withDamage(damage, async (engine) => {
      const device = bench.attach(bench.file('device.img', 30 * MIB, 0xff));
      // which chunks come last is for the presses to say; this version needs them all
      const { planId } = await engine.client.call('deploy.plan', { template: 'one@1', target: device });
      const { jobId } = await engine.client.call('deploy.start', { planId, confirm: device });
      const job = await engine.ended(jobId);
      expect(job).toMatchObject({ outcome: 'failed', error: { code: 'PACK_DAMAGED', data: { template: 'one' } } });
      expect(job.error!.data.path).toContain(packs[0]);
      expect(recognised(device)).toBe('');
      bench.detach(device);
    });
  });

  test('a flipped bit in the header of a pack, which nobody needs, is harmless', async () => {
    const damage = (catalog: string) => {
      flip(join(catalog, 'packs', packs[0]), 3);
      flip(join(catalog, 'packs', packs[0]), packHeader.size - 2);
    };
    await withDamage(damage, async (engine) => {
      resultOf(await engine.verify());
      await soundDeploy(engine);
      resultOf(await engine.repair());
      resultOf(await engine.verify());
    });
  });

  test.each<[string, (bytes: Buffer) => number]>([
    ['its magic', () => 2],
    ['its first record', () => 60],
    ['its description', (bytes) => Number(bytes.readBigUInt64LE(bytes.length - 56)) + 40],
    ['its index', (bytes) => Number(bytes.readBigUInt64LE(bytes.length - 40)) + 12],
    ['its end', (bytes) => bytes.length - 30],
    ['its last byte', (bytes) => bytes.length - 1],
  ])('a bit flipped in a manifest: %s', async (_, offsetOf) => {
    const damage = (catalog: string) => {
      const path = manifestOf(catalog, 'one', 1);
      flip(path, offsetOf(readFileSync(path)));
    };
    await withDamage(damage, async (engine, catalog) => {
      const { client } = engine;
      const target = bench.path('never.img');
      const deploy = await engine.deploy('one@1', target).then(
        (job) => job.error!,
        (error) => error.view,
      );
      expect(deploy).toMatchObject({ code: 'MANIFEST_DAMAGED', data: { template: 'one' } });
      expect(existsSync(target)).toBe(false);
      const found = await engine.verify();
      expect(found.error).toMatchObject({ code: 'TEMPLATE_DAMAGED', data: { templates: ['one@1'] } });
      expect(found.error!.data.path).toBe(manifestOf(catalog, 'one', 1));

      // nothing is reclaimed while nobody knows what the version needs
      const pruned = await engine.prune();
      expect(pruned.error).toMatchObject({ code: 'MANIFEST_DAMAGED', data: { template: 'one' } });
      resultOf(await engine.deploy('one@3', target));
      rmSync(target);
      await client.call('template.delete', { template: 'one@1' });
      resultOf(await engine.prune());
      resultOf(await engine.verify());
      resultOf(await engine.deploy('one@3', target));
      run('e2fsck', '-fn', target);
      rmSync(target);
    });
  });

  const databases: [string, (path: string) => void][] = [
    ['deleted', (path) => rmSync(path)],
    ['emptied', (path) => truncateSync(path, 0)],
    ['overwritten with garbage', (path) => writeFileSync(path, Buffer.alloc(50_000, 'garbage'))],
    ['cut off', (path) => truncateSync(path, 10_000)],
    ['damaged inside', (path) => writeInto(path, 4096, Buffer.alloc(statSync(path).size - 8192, 0x5a))],
  ];

  test.each(databases)('a database that was %s', async (_, damage) => {
    await withDamage(
      (catalog) => damage(join(catalog, 'catalog.db')),
      async (engine) => {
        const { client } = engine;
        expect(await refusal(client.call('template.list', {}))).toMatchObject({ code: 'CATALOG_DAMAGED' });
        expect(await refusal(client.call('capture.plan', { source, name: 'x' }))).toMatchObject({
          code: 'CATALOG_DAMAGED',
        });
        const repaired = await engine.repair();
        resultOf(repaired);
        expect(repaired.warnings).toEqual([]);
        expect(await catalogued(engine)).toEqual(original);
        resultOf(await engine.verify());
        await soundDeploy(engine);
        await client.call('template.undelete', { template: 'three' });
        await client.call('template.undelete', { template: 'one@2' });
        resultOf(await engine.verify());
        const again = resultOf(await engine.capture(source, 'one'));
        expect(again).toMatchObject({ versionNumber: 4, storedBytes: 0 });
        resultOf(await engine.prune());
        resultOf(await engine.verify());
      },
    );
    expect(readdirSync(bench.path('damaged')).filter((name) => name.includes('scratch/'))).toEqual([]);
  });

  test('a database that is damaged is put aside by a repair, not deleted', async () => {
    await withDamage(
      (catalog) => writeFileSync(join(catalog, 'catalog.db'), 'not a database, but somebody may want it'),
      async (engine, catalog) => {
        resultOf(await engine.repair());
        const aside = readdirSync(catalog).filter((name) => name.startsWith('catalog.db.damaged-'));
        expect(aside).toHaveLength(1);
        expect(readFileSync(join(catalog, aside[0]), 'utf8')).toContain('somebody may want it');
      },
    );
  });

  test('a database that lacks a version, as after a repair that did not end', async () => {
    const damage = (catalog: string) => {
      const db = new Database(join(catalog, 'catalog.db'));
      db.exec("DELETE FROM version WHERE number = 3; DELETE FROM template WHERE name = 'two'");
      db.close();
    };
    await withDamage(damage, async (engine) => {
      expect(await refusal(engine.client.call('template.list', {}))).toMatchObject({
        code: 'CATALOG_DAMAGED',
        data: { reason: 'unknown manifest' },
      });
      resultOf(await engine.repair());
      expect(await catalogued(engine)).toEqual(original);
      resultOf(await engine.verify());
    });
  });

  test('a database that is gone together with a manifest: the others come back, and the catalog is of use again', async () => {
    const damage = (catalog: string) => {
      flip(manifestOf(catalog, 'two', 1), 200);
      const path = manifestOf(catalog, 'one', 3);
      flip(path, statSync(path).size - 30);
      rmSync(join(catalog, 'catalog.db'));
    };
    await withDamage(damage, async (engine, catalog) => {
      const repaired = await engine.repair();
      resultOf(repaired);
      // the records of template `two` are damaged, which its description is not: it comes back, and verify finds it
      expect(repaired.warnings.map((warning) => warning.code)).toEqual(['VERSION_NOT_RECOVERED']);
      expect(find(join(catalog, 'manifests'), '.damaged')).toHaveLength(1);
      const { live } = await catalogued(engine);
      expect(live.map(({ name, versions }) => [name, versions.map((version) => version.number)])).toEqual([
        ['one', [1]],
        ['two', [1]],
      ]);
      expect((await engine.verify()).error).toMatchObject({ data: { templates: ['two@1'] } });
      await soundDeploy(engine);
      await engine.client.call('template.delete', { template: 'two' });
      resultOf(await engine.prune());
      resultOf(await engine.verify());
      await soundDeploy(engine);
    });
  });

  test('a healed pack stays healed when the database is lost', async () => {
    const damage = (catalog: string) => {
      const path = join(catalog, 'packs', packs[0]);
      flip(path, statSync(path).size - 100);
    };
    await withDamage(damage, async (engine) => {
      expect((await engine.verify()).error?.code).toBe('TEMPLATE_DAMAGED');
      resultOf(await engine.capture(source, 'healer'));
      resultOf(await engine.verify());
    });
    rmSync(bench.path('damaged', 'catalog.db'));
    const engine = await openEngine(bench.path('damaged'));
    try {
      resultOf(await engine.repair());
      resultOf(await engine.verify());
      await soundDeploy(engine);
    } finally {
      await engine.close();
    }
  });

  test('strange files in the catalog are left alone', async () => {
    const strange = ['packs/README', 'packs/ab/notes.txt', 'manifests/list.txt', 'packs/ab/x.dpk', 'scratch/mine'];
    const damage = (catalog: string) => {
      run('mkdir', '-p', join(catalog, 'packs/ab'));
      for (const name of strange) writeFileSync(join(catalog, name), 'text');
    };
    await withDamage(damage, async (engine, catalog) => {
      resultOf(await engine.repair());
      resultOf(await engine.prune());
      resultOf(await engine.verify());
      expect(await catalogued(engine)).toEqual({ live: original.live, bin: [] });
      for (const name of strange) expect(existsSync(join(catalog, name))).toBe(true);
    });
  });

  test('a catalog that a newer Diskpress made is left alone', async () => {
    const damage = (catalog: string) => {
      const db = new Database(join(catalog, 'catalog.db'));
      db.pragma('user_version = 999');
      db.close();
    };
    const opened = withDamage(damage, async () => {});
    expect(await refusal(opened)).toMatchObject({ code: 'CATALOG_TOO_NEW', data: { version: 999 } });
  });
});

function writeInto(path: string, offset: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
}
