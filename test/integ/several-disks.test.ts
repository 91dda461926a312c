/** A version of several disks: each has its manifest, its health and its files, and goes its own way; all of them stay together. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { VersionRecord } from '../../src-engine/catalog/records/index.ts';
import { makeNoiseDisk } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { storeTogether } from '../support/several-disks.ts';
import { exportTo, importFrom } from '../support/transfer.ts';
import { MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const catalog = bench.path('catalog');
const noise = makeNoiseDisk(bench, 'first.img', 3 * MIB);
/** An ext4 without a table, with a file, as mkfs makes it: every byte that a deploy leaves out was a zero. */
const files = bench.file('second.img', 8 * MIB);
let engine: TestEngine;
let stored: VersionRecord;

beforeAll(async () => {
  const tree = bench.path('tree');
  run('mkdir', tree);
  run('cp', '/etc/os-release', join(tree, 'named'));
  run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', '-d', tree, files);
  stored = await storeTogether(catalog, [noise, files], 'pair');
  engine = await openEngine(catalog);
});
afterAll(() => engine.close());

async function expectDisks(on: TestEngine, template: string): Promise<void> {
  for (const [i, source] of [noise, files].entries()) {
    const target = bench.path(`deployed-${i}.img`);
    const plan = await on.client.call('deploy.plan', { template, disk: i + 1, target });
    expect(plan).toMatchObject({ disk: i + 1, canRun: true, target: { lengthBytes: statSync(source).size } });
    resultOf(await on.ended((await on.client.call('deploy.start', { planId: plan.planId })).jobId));
    expect(readFileSync(target).equals(readFileSync(source)), `disk ${i + 1}`).toBe(true);
    rmSync(target);
  }
}

const shown = async (on: TestEngine, template: string) =>
  (await on.client.call('template.show', { template })).versions[0];

describe('a version of two disks', () => {
  test('is shown with both, and their sizes together', async () => {
    const version = await shown(engine, 'pair');
    expect(version.disks).toMatchObject([
      { role: 'boot', bus: 'sata', address: '0', source: { path: noise }, capacityBytes: 3 * MIB, health: 'verified' },
      { role: 'data', bus: 'sata', address: '1', source: { path: files }, capacityBytes: 8 * MIB, health: 'verified' },
    ]);
    expect(version.disks[1].layout.volumes[0].fileSystem?.kind).toBe('ext4');
    const used = version.disks.map(({ usedBytes }) => usedBytes);
    expect(version).toMatchObject({ capacityBytes: 11 * MIB, usedBytes: used[0] + used[1], health: 'verified' });
    const [listed] = await engine.client.call('template.list', {});
    expect(listed.versions[0].disks).toEqual(version.disks);
    expect(readdirSync(join(catalog, 'manifests')).filter((name) => name.endsWith('.dpm'))).toHaveLength(2);
  });

  test('asks which of them is meant', async () => {
    const target = bench.path('never.img');
    const asked = await refusal(engine.client.call('deploy.plan', { template: 'pair', target }));
    expect(asked).toMatchObject({ code: 'DISK_CHOICE_REQUIRED', data: { template: 'pair@1', count: 2 } });
    const third = await refusal(engine.client.call('deploy.plan', { template: 'pair', disk: 3, target }));
    expect(third).toMatchObject({ code: 'NO_SUCH_DISK', data: { name: 'pair@1', number: 3, count: 2 } });
    const error = await refusal(engine.client.call('files.volumes', { template: 'pair' }));
    expect(error.code).toBe('DISK_CHOICE_REQUIRED');
    const image = engine.client.call('export.plan', { template: 'pair', disk: 3, format: 'raw', path: target });
    expect((await refusal(image)).code).toBe('NO_SUCH_DISK');
    expect(existsSync(target)).toBe(false);
  });

  test('is deployed disk by disk, and shows the files of each', async () => {
    await expectDisks(engine, 'pair');
    const place = { template: 'pair', disk: 2, volume: '0', path: '/named' };
    const { base64 } = await engine.client.call('files.read', place);
    expect(Buffer.from(base64, 'base64').equals(readFileSync('/etc/os-release'))).toBe(true);
    const folder = `${bench.folder}/`;
    const { path } = await engine.client.call('export.plan', {
      template: 'pair',
      disk: 2,
      format: 'raw',
      path: folder,
    });
    expect(path).toBe(bench.path('pair-disk2.img'));
  });

  test('goes to another catalog whole, in one package', async () => {
    const package7z = bench.path('pair.7z');
    resultOf((await exportTo(engine, 'pair', 'package', package7z)).job);
    const there = await openEngine(bench.path('there'));
    try {
      resultOf(await importFrom(there, package7z, 'pair'));
      const [original, copy] = await Promise.all([engine, there].map((on) => shown(on, 'pair')));
      const told = ({ verifiedAt: _, ...disk }: (typeof original.disks)[number]) => disk;
      expect(copy.disks.map(told)).toEqual(original.disks.map(told));
      await expectDisks(there, 'pair');
      resultOf(await there.verify());
    } finally {
      await there.close();
    }
  });

  test('is kept by a prune, and comes back from its manifests alone', async () => {
    resultOf(await engine.capture(noise, 'gone'));
    await engine.client.call('template.delete', { template: 'gone' });
    resultOf(await engine.prune());
    await expectDisks(engine, 'pair');
    await engine.close();
    rmSync(join(catalog, 'catalog.db'));
    engine = await openEngine(catalog);
    resultOf(await engine.repair());
    expect(await shown(engine, 'pair')).toMatchObject({
      health: 'unverified',
      disks: [{ role: 'boot' }, { role: 'data', address: '1' }],
    });
    resultOf(await engine.verify('pair'));
    expect((await shown(engine, 'pair')).health).toBe('verified');
    await expectDisks(engine, 'pair');
  });

  test('of which a row is damaged is damaged, and mended by a repair', async () => {
    await engine.close();
    const db = new Database(join(catalog, 'catalog.db'));
    db.prepare('UPDATE disk SET place = 7 WHERE place = 1').run();
    db.close();
    engine = await openEngine(catalog);
    expect((await engine.client.call('template.list', {}))[0].versions[0].health).toBe('damaged');
    resultOf(await engine.repair());
    resultOf(await engine.verify('pair'));
    await expectDisks(engine, 'pair');
  });

  test('of which one disk is damaged says which, and the other can be deployed', async () => {
    const path = join(catalog, 'manifests', `${stored.disks[1].manifest}.dpm`);
    const sound = readFileSync(path);
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.from([sound[40] ^ 1]), 0, 1, 40);
    closeSync(file);
    const { error } = await engine.verify();
    expect(error).toMatchObject({ code: 'TEMPLATE_DAMAGED', data: { templates: ['pair@1 disk 2'] } });
    const version = await shown(engine, 'pair');
    expect(version).toMatchObject({ health: 'damaged', disks: [{ health: 'verified' }, { health: 'damaged' }] });
    const plans = await Promise.all(
      [1, 2].map((disk) =>
        engine.client.call('deploy.plan', { template: 'pair', disk, target: bench.path('never.img') }).then(
          ({ canRun }) => canRun,
          ({ view }: { view: { code: string } }) => view.code,
        ),
      ),
    );
    expect(plans[0]).toBe(true);
    expect([false, 'MANIFEST_DAMAGED']).toContain(plans[1]);
    run('cp', '/dev/null', path);
    writeSync(openSync(path, 'r+'), sound);
    resultOf(await engine.verify());
    expect((await shown(engine, 'pair')).health).toBe('verified');
  });

  test('is gone with all of its manifests', async () => {
    await engine.client.call('template.delete', { template: 'pair' });
    resultOf(await engine.prune());
    expect(readdirSync(join(catalog, 'manifests'))).toEqual([]);
    expect(readdirSync(join(catalog, 'packs')).flatMap((name) => readdirSync(join(catalog, 'packs', name)))).toEqual(
      [],
    );
  });
});
