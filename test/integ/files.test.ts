/** Looking inside templates: what the kernel's mount shows of the source is what is listed, read, saved and compared. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FileEntryView } from '../../src-engine/contract/index.ts';
import { DELETED_MARKER, makeGptDisk, noise, place } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { fillTree } from '../support/trees.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
/** where the kernel shows the source's ext4 */
let point: string;
const START = 16 * MIB;

beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
  if (!canLoop) return;
  const disk = makeGptDisk(bench, 'disk.img');
  const ext4 = bench.file('ext4', disk.ext4.lengthBytes);
  run('mkfs.ext4', '-q', '-F', '-N', '4000', ext4);
  const filling = bench.mount(ext4, 'loop');
  fillTree(filling, { smallFiles: 60 });
  run('mknod', join(filling, 'device'), 'c', '1', '3');
  mkdirSync(join(filling, 'web'));
  symlinkSync('/names', join(filling, 'web', 'absolute'));
  symlinkSync('../names/.', join(filling, 'web', 'relative'));
  symlinkSync('loop', join(filling, 'loop'));
  bench.unmount(filling);
  place(ext4, disk.path, START);
  point = bench.mount(ext4, 'loop,ro,noload');
  resultOf(await engine.capture(disk.path, 'lab'));

  // a second version: one file more, one less, one changed, one with other permissions, one touched only
  const second = bench.path('ext4-2');
  run('cp', ext4, second);
  const changing = bench.mount(second, 'loop');
  writeFileSync(join(changing, 'new file'), 'new');
  mkdirSync(join(changing, 'new folder'));
  writeFileSync(join(changing, 'new folder', 'inside'), noise('inside', 5000));
  rmSync(join(changing, 'old'));
  rmSync(join(changing, 'deep', 'level 0'), { recursive: true });
  writeFileSync(join(changing, 'large'), noise('changed', 100), { flag: 'r+' });
  chmodSync(join(changing, 'written late'), 0o600);
  run('touch', join(changing, 'future'));
  run('mv', join(changing, 'names', 'héhé'), join(changing, 'names', 'moved'));
  bench.unmount(changing);
  place(second, disk.path, START);
  resultOf(await engine.capture(disk.path, 'lab'));
});
afterAll(() => engine.close());

const list = (path: string, more = {}) =>
  engine.client.call('files.list', { template: 'lab@1', volume: '2', path, limit: 10_000, ...more });

describe.skipIf(!canLoop)('inside a template', () => {
  test('the volumes that can be opened, and why the others cannot', async () => {
    const volumes = await engine.client.call('files.volumes', { template: 'lab' });
    expect(volumes.map(({ ref, kind, refusal: why }) => [ref, kind, why?.code ?? null])).toEqual([
      ['1', 'fat16', null],
      ['2', 'ext4', null],
      ['3', 'swap', 'NO_FILE_SYSTEM'],
      ['4', null, 'NO_FILE_SYSTEM'],
    ]);
    expect(volumes[1].usedBytes).toBeGreaterThan(MIB);
  });

  test('folders list as ls does: kinds, sizes, times, modes, owners, links', async () => {
    for (const folder of ['/', '/many', '/names', '/web', '/empty folder']) {
      const { entries, total, isCut } = await list(folder);
      const expected = readdirSync(join(point, folder));
      expect([entries.length, total, isCut]).toEqual([expected.length, expected.length, false]);
      for (const entry of entries) expectSameEntry(entry, join(point, folder, entry.name));
    }
  });

  function expectSameEntry(entry: FileEntryView, path: string): void {
    const stats = lstatSync(path);
    const kind = stats.isDirectory()
      ? 'folder'
      : stats.isSymbolicLink()
        ? 'link'
        : stats.isFile()
          ? 'file'
          : 'character-device';
    expect(entry, path).toMatchObject({
      kind,
      mode: stats.mode & 0o7777,
      ownerId: stats.uid,
      groupId: stats.gid,
      linkTarget: kind === 'link' ? readlinkSync(path) : null,
      ...(kind === 'file' && { lengthBytes: stats.size, linkCount: stats.nlink }),
    });
    expect(Math.abs(Date.parse(entry.modifiedAt!) - stats.mtimeMs)).toBeLessThan(2);
  }

  test('sorted as asked for, folders first, in pages', async () => {
    const names = (await list('/many')).entries.map(({ name }) => name);
    expect(names).toEqual([...names].sort((a, b) => Number(/\d+/.exec(a)) - Number(/\d+/.exec(b))));
    const sizes = (await list('/many', { sort: 'size', isDescending: true })).entries.map(
      ({ lengthBytes }) => lengthBytes,
    );
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    const kinds = (await list('/', { sort: 'modified' })).entries.map(({ kind }) => kind === 'folder');
    expect(kinds).toEqual([...kinds].sort((a, b) => Number(b) - Number(a)));
    const pages = [];
    for (let offset = 0; offset < 40; offset += 7) pages.push(...(await list('/many', { offset, limit: 7 })).entries);
    expect(pages.map(({ name }) => name)).toEqual(names.slice(0, pages.length));
  });

  test('paths go through links inside the volume, and no further', async () => {
    const direct = (await list('/names')).entries;
    for (const path of ['web/absolute', '/web/relative/', '//names/./']) {
      expect((await list(path)).entries).toEqual(direct);
    }
    expect((await list('/short link')).self).toMatchObject({ name: 'short link', kind: 'file' });
    expect((await list('/long link')).self).toMatchObject({ name: 'long link', kind: 'link' });
    expect((await list('/loop')).self.kind).toBe('link');
    expect(await refusal(list('/web/../names'))).toMatchObject({ code: 'BAD_REQUEST' });
    expect(await refusal(list('/names/nothing/here'))).toMatchObject({
      code: 'NOT_FOUND',
      data: { path: '/names/nothing' },
    });
    expect(await refusal(engine.client.call('files.list', { template: 'lab', volume: '9', path: '/' }))).toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('pieces of a file', async () => {
    const expected = readFileSync(join(point, 'fragmented'));
    for (const [offsetBytes, maxBytes] of [
      [0, 10],
      [100_000, 50_001],
      [expected.length - 5, 100],
      [expected.length + 5, 1],
    ]) {
      const piece = await engine.client.call('files.read', {
        template: 'lab@1',
        volume: '2',
        path: 'fragmented',
        offsetBytes,
        maxBytes,
      });
      expect(piece.lengthBytes).toBe(expected.length);
      expect(Buffer.from(piece.base64, 'base64').equals(expected.subarray(offsetBytes, offsetBytes + maxBytes))).toBe(
        true,
      );
    }
    expect(
      await refusal(engine.client.call('files.read', { template: 'lab', volume: '2', path: '/many' })),
    ).toMatchObject({ code: 'BAD_REQUEST' });
  });
});

describe.skipIf(!canLoop)('saved to a folder', () => {
  const save = async (path: string, destination: string, template = 'lab@1') =>
    engine.ended((await engine.client.call('files.extract', { template, volume: '2', path, destination })).jobId);

  test('the whole volume, as cp -a would: contents, times, modes, links, holes', async () => {
    const to = bench.path('saved');
    mkdirSync(to);
    const job = await save('/', to);
    resultOf(job);
    expect(readdirSync(to)).toEqual(['lab 2']);
    const copy = join(to, 'lab 2');
    run('diff', '-r', '--no-dereference', '-x', 'device', point, copy);
    expect(job.warnings).toContainEqual({ code: 'SPECIAL_FILES_LEFT_OUT', data: { count: 1 } });
    expect(existsSync(join(copy, 'device'))).toBe(false);
    expect(readlinkSync(join(copy, 'long link'))).toBe(readlinkSync(join(point, 'long link')));
    expect(statSync(join(copy, 'large')).ino).toBe(statSync(join(copy, 'names', 'second name of large')).ino);
    expect(statSync(join(copy, 'sparse')).blocks * 512).toBeLessThan(statSync(join(copy, 'sparse')).size / 2);
    // rights that a program lends are not taken along
    expect(statSync(join(copy, 'private')).mode & 0o7777).toBe(0o711);
    expect(statSync(join(copy, 'old')).mtimeMs).toBe(statSync(join(point, 'old')).mtimeMs);
    expect(statSync(join(copy, 'deep')).mtimeMs).toBeCloseTo(statSync(join(point, 'deep')).mtimeMs, -1);
  });

  test('one file; nothing that is there is overwritten', async () => {
    const to = bench.path('one');
    mkdirSync(to);
    resultOf(await save('/names/日本語の名前', to));
    expect(readFileSync(join(to, '日本語の名前'), 'utf8')).toBe('日本語の名前');
    writeFileSync(join(to, '日本語の名前'), 'mine');
    expect((await save('/names/日本語の名前', to)).error).toMatchObject({ code: 'DESTINATION_EXISTS' });
    expect(readFileSync(join(to, '日本語の名前'), 'utf8')).toBe('mine');
    expect((await save('/names', bench.path('nowhere', 'deeper'))).error).toMatchObject({ code: 'NOT_FOUND' });
    expect((await save('/nothing', to)).error).toMatchObject({ code: 'NOT_FOUND' });
    expect(readdirSync(to)).toEqual(['日本語の名前']);
  });

  test('cancelled: nothing is left behind', async () => {
    const to = bench.path('cancelled');
    mkdirSync(to);
    const { jobId } = await engine.client.call('files.extract', {
      template: 'lab@1',
      volume: '2',
      path: '/',
      destination: to,
    });
    await engine.client.call('job.cancel', { jobId });
    expect((await engine.ended(jobId)).outcome).toBe('aborted');
    expect(readdirSync(to)).toEqual([]);
  });
});

describe.skipIf(!canLoop)('compared', () => {
  test('what was added, changed and removed; what was only touched is unchanged', async () => {
    const { added, changed, removed, unchanged, changes, isCut, notCompared } = await engine.client.call(
      'files.compare',
      {
        before: 'lab@1',
        after: 'lab@2',
      },
    );
    const told = changes
      .filter(({ volume }) => volume === '2')
      .map(({ change, path, kind }) => `${change} ${kind} ${path}`);
    const deep = [];
    for (let level = 0, path = '/deep/level 0'; level < 19; path += `/level ${++level}`) {
      deep.push(`removed folder ${path}`, `removed file ${path}/here`);
    }
    expect(told.filter((line) => !line.includes('/deep/'))).toEqual([
      'changed file /large',
      'removed file /names/héhé',
      'added file /names/moved',
      'changed file /names/second name of large',
      'added file /new file',
      'added folder /new folder',
      'added file /new folder/inside',
      'removed file /old',
      'changed file /written late',
    ]);
    expect(new Set(told.filter((line) => line.includes('/deep/')))).toEqual(new Set(deep));
    expect(added).toEqual({ files: 3, lengthBytes: 3 + 5000 + Buffer.byteLength('héhé') });
    expect(changed.files).toBe(3);
    expect(removed.files).toBe(21);
    expect(unchanged.files).toBeGreaterThan(40);
    expect([isCut, notCompared]).toEqual([false, []]);
    expect(JSON.stringify(changes)).not.toContain(DELETED_MARKER);
  });

  test('a version with itself: nothing', async () => {
    const comparison = await engine.client.call('files.compare', { before: 'lab@2', after: 'lab@2' });
    expect(comparison).toMatchObject({
      changes: [],
      added: { files: 0 },
      changed: { files: 0 },
      removed: { files: 0 },
    });
  });
});

test.skipIf(!canLoop)('a prune while a template is looked into takes nothing away from it', async () => {
  await list('/');
  await engine.client.call('template.delete', { template: 'lab@2' });
  resultOf(await engine.prune());
  expect((await list('/many', { sort: 'size' })).total).toBe(40);
  const { base64 } = await engine.client.call('files.read', {
    template: 'lab@1',
    volume: '2',
    path: '/large',
    maxBytes: 1000,
  });
  expect(Buffer.from(base64, 'base64').equals(noise('large', 1000))).toBe(true);
});
