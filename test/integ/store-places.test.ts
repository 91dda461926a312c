/** Where a catalog lies: places that may not be written to, and places where none is. Nothing is made or changed by who only looks. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { commandLine, lastLine, WITHOUT_OVERRIDE } from '../support/command-line.ts';
import { makeNoiseDisk } from '../support/disks.ts';
import { openEngine, resultOf } from '../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
/** Every path below a folder with its time, size and kind, as find(1) sees them. */
const tree = (folder: string) => run('find', folder, '-printf', '%p %T@ %s %y\n').split('\n').sort();

describe.skipIf(!canLoop)('a catalog that is mounted read-only', () => {
  let catalog: string;
  let source: string;
  beforeAll(async () => {
    const image = bench.file('catalog.ext4', 32 * MIB);
    run('mkfs.ext4', '-q', '-F', image);
    const point = bench.mount(image, 'loop');
    source = makeNoiseDisk(bench, 'one.img', MIB);
    const engine = await openEngine(join(point, 'catalog'));
    resultOf(await engine.capture(source, 'one'));
    await engine.close();
    bench.unmount(point);
    catalog = join(bench.mount(image, 'loop,ro'), 'catalog');
  });

  test('is listed, looked into, verified, deployed and exported', async () => {
    const diskpress = commandLine(catalog);
    for (const command of ['list', 'show one', 'files one', 'verify']) {
      expect([command, (await diskpress(...command.split(' '))).code]).toEqual([command, 0]);
    }
    expect((await diskpress('deploy', 'one', bench.path('deployed.img'))).code).toBe(0);
    run('cmp', source, bench.path('deployed.img'));
    const exported = bench.path('exported.qcow2');
    expect((await diskpress('export', 'one', exported, '--format', 'qcow2')).code).toBe(0);
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', source, exported);
  });

  test.each(['delete one', 'prune', 'capture SOURCE --format raw --name new'])(
    '%s is refused with the place',
    async (command) => {
      const args = command.split(' ').map((word) => (word === 'SOURCE' ? source : word));
      const ended = await commandLine(catalog)('--json', ...args);
      expect(ended.code).toBe(6);
      expect(lastLine(ended).error).toMatchObject({
        code: 'PERMISSION_DENIED',
        data: { path: expect.stringContaining(catalog) },
      });
    },
  );
});

describe.skipIf(!canLoop)('a catalog that may be read and not written', () => {
  let source: string;
  let made: string;
  beforeAll(async () => {
    source = makeNoiseDisk(bench, 'two.img', MIB);
    made = bench.path('made');
    const engine = await openEngine(made);
    resultOf(await engine.capture(source, 'two'));
    await engine.close();
  });

  /** A copy of it that nobody may write to. @param prepare of what may be written to still */
  function locked(name: string, prepare: (catalog: string) => void = () => {}): string {
    const catalog = bench.path(name);
    run('cp', '-a', made, catalog);
    prepare(catalog);
    run('chmod', '-R', 'a-w', catalog);
    return catalog;
  }

  /** What a process that was killed leaves: SQLite opens such a database for reading, and refuses what is written to it later. */
  function leaveLog(catalog: string): void {
    const script = `import sqlite3, os
db = sqlite3.connect('${join(catalog, 'catalog.db')}', isolation_level=None)
db.execute('PRAGMA wal_autocheckpoint=0')
db.execute('UPDATE template SET note=note')
os._exit(0)`;
    run('python3', '-c', script);
    expect(readdirSync(catalog)).toContain('catalog.db-wal');
  }

  const noFolder = { ...process.env, TMPDIR: bench.path('is', 'not', 'there') };
  const kinds: [string, () => string, NodeJS.ProcessEnv?][] = [
    ['without the rights', () => locked('rights')],
    ['without the rights, the log of a killed process beside it', () => locked('log', leaveLog)],
    ['without a folder for temporary files', () => locked('temporary'), noFolder],
    [
      'read-only, the log of a killed process beside it',
      () => {
        const image = bench.file('log.ext4', 32 * MIB);
        run('mkfs.ext4', '-q', '-F', image);
        const point = bench.mount(image, 'loop');
        run('cp', '-a', made, join(point, 'catalog'));
        leaveLog(join(point, 'catalog'));
        bench.unmount(point);
        return join(bench.mount(image, 'loop,ro'), 'catalog');
      },
    ],
  ];
  test.each(kinds)('%s: is read, and told what is not kept of it', async (what, make, env) => {
    const catalog = make();
    const before = tree(catalog);
    const diskpress = commandLine(catalog, env, WITHOUT_OVERRIDE);
    const out = bench.path(`out-${what}`);
    mkdirSync(out);
    const jobs = [
      ['deploy', 'two', join(out, 'deployed.img')],
      ['export', 'two', join(out, 'exported.qcow2'), '--format', 'qcow2'],
      ['verify'],
    ];
    const ends = await Promise.all(jobs.map((job) => diskpress('--json', ...job)));
    for (const ended of ends) {
      expect(ended).toMatchObject({ code: 0, err: '' });
      expect(lastLine(ended).value).toMatchObject({
        outcome: 'done',
        warnings: expect.arrayContaining([{ code: 'JOB_NOT_KEPT', data: { path: catalog } }]),
      });
    }
    run('cmp', source, join(out, 'deployed.img'));
    run('qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', source, join(out, 'exported.qcow2'));
    expect(tree(catalog)).toEqual(before);
  });

  test('refuses what would write before it is planned', async () => {
    const catalog = locked('refuses');
    const diskpress = commandLine(catalog, process.env, WITHOUT_OVERRIDE);
    const writers = [
      ['capture', source, '--format', 'raw', '--name', 'new'],
      ['import', source, '--format', 'raw', '--name', 'new'],
      ['prune'],
      ['edit', 'two', '--note', 'x'],
    ];
    const ends = await Promise.all(writers.map((writer) => diskpress('--json', ...writer)));
    for (const ended of ends) {
      expect(ended.code).toBe(6);
      // no plan and no job came before
      expect(ended.out.trim().split('\n')).toHaveLength(1);
      expect(lastLine(ended).error).toMatchObject({ code: 'PERMISSION_DENIED', data: { path: catalog } });
    }
  });

  test('a folder of it that may not be written to is told before a capture is planned', async () => {
    const catalog = bench.path('packs');
    run('cp', '-a', made, catalog);
    run('chmod', 'a-w', join(catalog, 'packs'));
    const ended = await commandLine(
      catalog,
      process.env,
      WITHOUT_OVERRIDE,
    )(...['--json', 'capture', source, '--format', 'raw', '--name', 'new']);
    expect(ended.out.trim().split('\n')).toHaveLength(1);
    expect(lastLine(ended).error).toMatchObject({ code: 'PERMISSION_DENIED', data: { path: join(catalog, 'packs') } });
  });
});

describe('no catalog', () => {
  const READING = ['list', 'verify', 'repair'];
  const kinds: [string, () => { place: string; reason: string }][] = [
    ['a file', () => ({ place: bench.file('file', 100), reason: 'it is a file' })],
    ['below a file', () => ({ place: join(bench.file('file', 100), 'catalog'), reason: 'it is a file' })],
    ['a mistyped path', () => ({ place: bench.path('no', 'such', 'folder'), reason: 'nothing is there' })],
    ['a place of the kernel’s', () => ({ place: '/proc/diskpress', reason: 'kernel' })],
    [
      'a folder with other things in it',
      () => {
        const place = bench.path('foreign');
        mkdirSync(join(place, 'photos'), { recursive: true });
        writeFileSync(join(place, 'photos', 'a.jpg'), 'a');
        return { place, reason: 'nothing is there' };
      },
    ],
  ];
  test.each(kinds)('%s: told at once, and nothing is made', async (_, make) => {
    const { place, reason } = make();
    const before = tree(bench.folder);
    for (const command of READING) {
      const ended = await commandLine(place)(...command.split(' '));
      expect([command, ended.code]).toEqual([command, 3]);
      expect(ended.err).toContain(place);
      expect(ended.err).toContain(reason);
    }
    expect(tree(bench.folder)).toEqual(before);
  });

  test('the reason is told in French too', async () => {
    const { err } = await commandLine(bench.file('file', 100))('--lang', 'fr', 'list');
    expect(err).toContain('c’est un fichier');
  });
});

test('a profile of a machine that a bit was flipped in is told, and hides no other', async () => {
  const catalog = bench.path('machines');
  mkdirSync(join(catalog, 'machines'), { recursive: true });
  const diskpress = commandLine(catalog);
  const exported = bench.path('machine.json');
  expect((await diskpress('machine', 'export', exported)).code).toBe(0);
  for (const name of ['sound', 'broken']) {
    expect((await diskpress('machine', 'import', exported, '--name', name)).code).toBe(0);
  }
  const broken = join(
    catalog,
    'machines',
    readdirSync(join(catalog, 'machines')).find((name) => /^broken/.test(name))!,
  );
  writeFileSync(broken, '}not JSON any more');
  const listed = await diskpress('machine', 'list');
  expect(listed).toMatchObject({ code: 0, out: expect.stringContaining(broken) });
  expect(listed.out).toContain('sound');
  const asked = await diskpress('--json', 'check', exported, '--machine', 'broken');
  expect(lastLine(asked).error).toMatchObject({ code: 'FORMAT_INVALID', data: { path: broken } });
  expect((await diskpress('--json', 'machine', 'list')).out).toContain('machines-refused');
  rmSync(broken);
  expect(existsSync(broken)).toBe(false);
});
