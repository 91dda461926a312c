/** Subvolumes and snapshots of btrfs that hold a system: a fresh identity is none of theirs, which is said. btrfs-progs tells which there are. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recogniseFileSystem } from '../../../src-engine/filesystems/recognise.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

/** A system in `@`, and what snapper (in a subvolume of its own and in the system's), timeshift and a person make of it. */
function makeDisk(): string {
  const image = bench.file('snapshots.img', 160 * MIB);
  run('mkfs.btrfs', '-q', image);
  const point = bench.mount(image, 'loop');
  const btrfs = (...args: string[]) => run('btrfs', '-q', 'subvolume', ...args);
  const at = (path: string) => {
    mkdirSync(dirname(join(point, path)), { recursive: true });
    return join(point, path);
  };
  btrfs('create', at('@'));
  const etc = {
    'os-release': 'ID=debian\nVERSION_ID="13"\n',
    'machine-id': `${'0123456789abcdef'.repeat(2)}\n`,
    fstab: '',
  };
  mkdirSync(at('@/etc'), { recursive: true });
  for (const [name, text] of Object.entries(etc)) writeFileSync(at(`@/etc/${name}`), text);
  btrfs('create', at('@home'));
  btrfs('create', at('@/var-lib-portables'));
  btrfs('create', at('@snapshots'));
  btrfs('snapshot', '-r', at('@'), at('@snapshots/7/snapshot'));
  btrfs('snapshot', '-r', at('@'), at('@/.snapshots/2/snapshot'));
  btrfs('snapshot', at('@'), at('timeshift-btrfs/snapshots/2026-11-01_10-00-01/@'));
  btrfs('snapshot', at('@'), at('kept by hand/before the übergang'));
  btrfs('snapshot', at('@'), at('emptied'));
  writeFileSync(at('emptied/etc/machine-id'), '');
  btrfs('snapshot', at('@'), at('gone'));
  btrfs('delete', at('gone'));
  bench.unmount(point);
  return image;
}

const SYSTEMS = [
  '@snapshots/7/snapshot',
  '@/.snapshots/2/snapshot',
  'timeshift-btrfs/snapshots/2026-11-01_10-00-01/@',
  'kept by hand/before the übergang',
];

describe.skipIf(!canLoop)('snapshots of a system', () => {
  let image: string;
  beforeAll(() => {
    image = makeDisk();
  });

  test('are found wherever they lie', async () => {
    const point = bench.mount(image, 'loop,ro');
    const list = run('btrfs', 'subvolume', 'list', point);
    bench.unmount(point);
    const expected = [...list.matchAll(/ path (.*)$/gm)].map(([, path]) => path);
    const source = await openFileSource(image);
    const tree = await (await recogniseFileSystem(source))!.browse!();
    const found: string[] = [];
    for await (const { path, node } of tree.subvolumes!(new AbortController().signal)) {
      found.push(path);
      expect(node.kind).toBe('folder');
    }
    expect(found.toSorted()).toEqual(expected.toSorted());
    expect(found.length).toBe(9);
    await source.close();
  });

  test('are told by number and name in a plan with a fresh identity, and in none without', async () => {
    resultOf(await engine.capture(image, 'snapshots'));
    const plan = (identity: 'fresh' | 'keep') =>
      engine.client.call('deploy.plan', {
        template: 'snapshots',
        target: bench.path('target.img'),
        identity,
        overrides: ['end-of-life'],
      });
    const { checks, settingNotes } = await plan('fresh');
    const [{ level, data }] = checks.filter(({ code }) => code === 'OTHER_SYSTEMS_KEPT');
    expect({ level, count: data.count }).toEqual({ level: 'warn', count: 4 });
    expect(String(data.systems).split(', ').toSorted()).toEqual(SYSTEMS.toSorted());
    expect(settingNotes).toContainEqual(
      expect.objectContaining({ code: 'other-systems-keep', isPossible: true, data }),
    );
    expect((await plan('keep')).checks.map(({ code }) => code)).not.toContain('OTHER_SYSTEMS_KEPT');
  });
});
