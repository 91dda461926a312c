/**
 * Files of a catalog that the disk does not give just now: told as such with their place, never as damage, and nothing is thrown away.
 * The disk is real to the kernel: ext4 over a file that answers some reads with EIO; what is written lies in an overlay.
 */
import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeNoiseDisk } from '../support/disks.ts';
import { openEngine, refusal, resultOf, type TestEngine } from '../support/engine.ts';
import { canFail, failingFile } from '../support/failing-file.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
const image = bench.path('catalog.ext4');
const canOverlay = canLoop && /\boverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'));
if (!canOverlay) console.warn('SKIPPED: what needs an overlay file system');

/** Paths in the catalog of one file of each kind that belongs to template `one`. */
const files = new Map<string, string>();
let source: string;

const list = async ({ client }: TestEngine) =>
  (await client.call('template.list', {}))
    .flatMap(({ name, versions }) => versions.map(({ number, health }) => `${name}@${number} ${health}`))
    .sort();
const ALL = ['one@1 verified', 'two@1 verified'];

/** Opens an engine on the catalog with a part of one file unreadable. */
async function withBad(path: string, work: (engine: TestEngine, catalog: string) => Promise<void>): Promise<void> {
  const [first] = run('debugfs', '-R', `blocks /catalog/${path}`, image).trim().split(' ').map(Number);
  const lower = bench.mount(await failingFile(bench, image, [[first * 4096, first * 4096 + 4096]]), 'loop,ro,noload');
  const [upper, workdir] = ['upper', 'work'].map((name) => bench.path(`${name}-${path.replaceAll('/', '-')}`));
  const layers = bench.path(`layers-${path.replaceAll('/', '-')}`);
  for (const folder of [upper, workdir, layers]) mkdirSync(folder);
  run('mount', '-t', 'overlay', '-o', `lowerdir=${lower},upperdir=${upper},workdir=${workdir}`, 'overlay', layers);
  try {
    const engine = await openEngine(join(layers, 'catalog'));
    try {
      await work(engine, join(layers, 'catalog'));
    } finally {
      await engine.close();
    }
  } finally {
    run('umount', layers);
    bench.unmount(lower);
  }
}

describe.skipIf(!canFail || !canOverlay)('a file of a catalog that cannot be read just now', () => {
  beforeAll(async () => {
    bench.file('catalog.ext4', 16 * MIB);
    run('mkfs.ext4', '-q', '-F', '-m', '0', '-b', '4096', image);
    const point = bench.mount(image, 'loop');
    const catalog = join(point, 'catalog');
    const engine = await openEngine(catalog);
    source = makeNoiseDisk(bench, 'one.img', MIB);
    resultOf(await engine.capture(source, 'one'));
    const names = () => readdirSync(catalog, { recursive: true, encoding: 'utf8' });
    for (const ending of ['.dpk', '.dpm', '.json'])
      files.set(
        ending,
        names().find((name) => name.endsWith(ending))!,
      );
    resultOf(await engine.capture(makeNoiseDisk(bench, 'two.img', MIB / 2), 'two'));
    resultOf(await engine.verify());
    await engine.close();
    bench.unmount(point);
  });
  afterAll(() => files.clear());

  test.each(['.dpk', '.dpm', '.json'])(
    '%s: verify tells it, repair keeps what is known, prune refuses',
    async (kind) => {
      const path = files.get(kind)!;
      await withBad(path, async (engine, catalog) => {
        const place = { path: join(catalog, path), reason: 'EIO' };
        expect((await engine.verify()).error).toMatchObject({ code: 'READ_FAILED', data: place });
        expect(await list(engine)).toEqual(ALL);
        const repaired = await engine.repair();
        resultOf(repaired);
        expect(repaired.warnings).toMatchObject([{ code: 'KEPT_UNREAD', data: place }]);
        expect(await list(engine)).toEqual(ALL);
        // what is not touched can still be had, and what is says why it cannot
        resultOf(await engine.deploy('two', bench.path(`two${kind}.img`)));
        run('cmp', bench.path('two.img'), bench.path(`two${kind}.img`));
        const again = await engine.verify();
        expect(again.error).toMatchObject({ code: 'READ_FAILED', data: { ...place, templates: ['one@1'] } });
        if (kind !== '.dpk') expect((await engine.prune()).error).toMatchObject({ code: 'READ_FAILED', data: place });
        const target = bench.path(`one${kind}.img`);
        if (kind === '.json') resultOf(await engine.deploy('one', target));
        else {
          const ended = await engine.deploy('one', target).then(
            (job) => job.error!,
            (error) => error.view,
          );
          expect(ended).toMatchObject({ code: 'READ_FAILED', data: place });
        }
      });
    },
  );

  test('the database: told as unreadable, and no repair puts it aside', async () => {
    await withBad('catalog.db', async () => expect.unreachable()).then(
      () => expect.unreachable(),
      (error) =>
        expect(error.view).toMatchObject({
          code: 'READ_FAILED',
          data: { path: expect.stringMatching(/catalog\.db$/) },
        }),
    );
  });
});

test.skipIf(!canLoop)('a catalog whose disk was unmounted while it was open is gone, not damaged', async () => {
  bench.file('lazy.ext4', 16 * MIB);
  run('mkfs.ext4', '-q', '-F', bench.path('lazy.ext4'));
  const point = bench.path('lazy');
  mkdirSync(point);
  run('mount', '-o', 'loop', bench.path('lazy.ext4'), point);
  bench.atEnd(() => run('sh', '-c', `umount -l ${point} 2>/dev/null || true`));
  const catalog = join(point, 'catalog');
  const engine = await openEngine(catalog);
  try {
    resultOf(await engine.capture(makeNoiseDisk(bench, 'lazy.img', MIB / 4), 'lazy'));
    run('umount', '-l', point);
    const gone = { code: 'CATALOG_NOT_FOUND', data: { path: catalog, reason: 'gone' } };
    expect(await refusal(engine.client.call('template.list', {}))).toMatchObject(gone);
    expect((await engine.verify()).error).toMatchObject(gone);
    expect(await refusal(engine.client.call('repair.start', {}))).toMatchObject(gone);
    // nothing is made in the folder that it was mounted on
    expect(readdirSync(point)).toEqual([]);
  } finally {
    await engine.close();
  }
  run('mount', '-o', 'loop', bench.path('lazy.ext4'), point);
  const back = await openEngine(catalog);
  try {
    expect(await list(back)).toEqual(['lazy@1 verified']);
    resultOf(await back.verify());
  } finally {
    await back.close();
  }
});
