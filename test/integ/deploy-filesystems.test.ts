/** A disk with every family of file systems, captured and deployed onto a device full of 0xFF: each one's own checker finds nothing. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { extract, place, type Part } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { expectSoundGpt } from '../support/judges.ts';
import { proves } from '../support/matrix.ts';
import { fillTree } from '../support/trees.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';

const bench = workbench();
let engine: TestEngine;
beforeAll(async () => void (engine = await openEngine(bench.path('catalog'))));
afterAll(() => engine.close());

interface Family {
  readonly subject: string;
  readonly kind: string;
  readonly mib: number;
  readonly mkfs: string[];
  /** file system for mount, or null where no driver is at hand */
  readonly driver: string | null;
  readonly check: string[];
  readonly judge: string;
}

const FAMILIES: Family[] = [
  {
    subject: 'NTFS',
    kind: 'ntfs',
    mib: 40,
    mkfs: ['mkfs.ntfs', '-F', '-Q', '-q'],
    driver: 'ntfs-3g',
    check: ['ntfsfix', '-n'],
    judge: 'ntfsfix',
  },
  {
    subject: 'exFAT',
    kind: 'exfat',
    mib: 24,
    mkfs: ['mkfs.exfat'],
    driver: null,
    check: ['fsck.exfat', '-n'],
    judge: 'fsck.exfat',
  },
  {
    subject: 'XFS',
    kind: 'xfs',
    mib: 310,
    mkfs: ['mkfs.xfs', '-q', '-f'],
    driver: 'xfs',
    check: ['xfs_repair', '-n'],
    judge: 'xfs_repair',
  },
  {
    subject: 'Btrfs',
    kind: 'btrfs',
    mib: 130,
    mkfs: ['mkfs.btrfs', '-q', '-f'],
    driver: 'btrfs',
    check: ['btrfs', 'check', '--readonly', '--check-data-csum'],
    judge: 'btrfs check',
  },
];

describe.skipIf(!canLoop)('every family', () => {
  const parts = new Map<string, Part>();
  let target: string;

  beforeAll(async () => {
    let startBytes = MIB;
    for (const { kind, mib } of FAMILIES) {
      parts.set(kind, { startBytes, lengthBytes: mib * MIB });
      startBytes += (mib + 1) * MIB;
    }
    const disk = bench.file('disk.img', startBytes + MIB);
    const create = FAMILIES.flatMap(({ kind }, i) => {
      const { startBytes: start, lengthBytes } = parts.get(kind)!;
      return ['-n', `${i + 1}:${start / 512}:${(start + lengthBytes) / 512 - 1}`];
    });
    run('sgdisk', '-o', ...create, disk);
    for (const { kind, mib, mkfs, driver } of FAMILIES) {
      const volume = bench.file(`${kind}.part`, mib * MIB);
      run(mkfs[0], ...mkfs.slice(1), volume);
      if (driver) {
        const point = bench.mount(volume, 'loop');
        const isNtfs = driver === 'ntfs-3g';
        fillTree(point, { smallFiles: 60, largeBytes: 400_000, isPosix: !isNtfs, hasHoles: !isNtfs });
        bench.unmount(point);
      }
      place(volume, disk, parts.get(kind)!.startBytes);
      rmSync(volume);
    }
    resultOf(await engine.capture(disk, 'families'));
    target = bench.attach(bench.file('target', startBytes + 9 * MIB, 0xff));
    resultOf(await engine.deploy('families', target, { confirm: target, exact: true }));
    run('sync');
  });

  test('is captured by its used blocks alone, without a warning', async () => {
    const { versions } = await engine.client.call('template.show', { template: 'families' });
    expect(
      versions[0].disks[0].layout.volumes.map(({ fileSystem, captureAs }) => [fileSystem?.kind, captureAs]),
    ).toEqual(FAMILIES.map(({ kind }) => [kind, 'used-blocks']));
    expect(versions[0].warnings).toEqual([]);
    expect(versions[0].usedBytes).toBeLessThan(80 * MIB);
  });

  test.for(FAMILIES)('$subject is sound on the target', ({ subject, kind, check, judge }, context) => {
    proves(context, { subject, feature: 'deployed onto a device full of 0xFF', aspect: 'deploy', judge });
    expectSoundGpt(target);
    const copy = extract(target, parts.get(kind)!, bench.path(`${kind}.copy`));
    run(check[0], ...check.slice(1), copy);
    rmSync(copy);
  });

  test('its files are the same inside the template as on the target', async () => {
    for (const [i, { driver, kind }] of FAMILIES.entries()) {
      if (!driver) continue;
      const copy = extract(target, parts.get(kind)!, bench.path(`${kind}.copy`));
      const point = bench.mount(copy, 'loop,ro');
      const saved = bench.path(`saved-${kind}`);
      run('mkdir', saved);
      const { jobId } = await engine.client.call('files.extract', {
        template: 'families',
        volume: String(i + 1),
        path: '/many',
        destination: saved,
      });
      resultOf(await engine.ended(jobId));
      run('diff', '-r', `${point}/many`, `${saved}/many`);
      bench.unmount(point);
      rmSync(copy);
    }
  });
});
