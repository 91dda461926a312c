/** A disk with a volume group, captured and deployed: judged by the tools of the file systems and of LVM2 itself. */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DELETED_MARKER, LIVE_MARKER, makeExt4, noise, type Part } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { expectSameUsedBlocks, expectSoundGpt, occurrences } from '../../support/judges.ts';
import { proves } from '../../support/matrix.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { detachAll, lvmOn, type Lvm } from './lvm.ts';

const bench = workbench();
const PARTS: Part[] = [
  { startBytes: MIB, lengthBytes: 60 * MIB },
  { startBytes: 61 * MIB, lengthBytes: 60 * MIB },
];
const DISK_BYTES = 124 * MIB;

let engine: TestEngine;
beforeAll(async () => {
  engine = await openEngine(bench.path('catalog'));
});
afterAll(() => engine.close());

/** An XFS with a deleted file and a living one. */
function makeXfs(name: string, lengthBytes: number): string {
  const image = bench.file(name, lengthBytes);
  run('mkfs.xfs', '-q', '--unsupported', image);
  const point = bench.mount(image, 'loop');
  writeFileSync(join(point, 'living'), `${LIVE_MARKER}\n`.repeat(2000));
  writeFileSync(join(point, 'deleted'), `${DELETED_MARKER}\n`.repeat(20_000));
  for (let i = 0; i < 40; i++) writeFileSync(join(point, `scattered${i}`), noise(`xfs ${i}`, 30_000));
  run('sync', '-f', point);
  for (let i = 0; i < 40; i += 2) rmSync(join(point, `scattered${i}`));
  rmSync(join(point, 'deleted'));
  bench.unmount(point);
  return image;
}

describe.skipIf(!canLoop)('a disk with a group over two partitions', () => {
  let disk: string;
  let lvm: Lvm;

  beforeAll(() => {
    disk = bench.file('lvm.img', DISK_BYTES);
    run('sgdisk', '-n', '1:1M:+60M', '-t', '1:8e00', '-n', '2:61M:+60M', '-t', '2:8e00', disk);
    lvm = lvmOn(bench, disk, PARTS);
    lvm('vgcreate', '-y', '-s', '1M', 'lab', ...lvm.devices);
    // what an earlier volume held is nobody's any more
    lvm.create('-Wn', '-L', '4M', '-n', 'gone', 'lab', lvm.devices[0]);
    writeFileSync(bench.path('gone'), `${DELETED_MARKER}\n`.repeat(100_000));
    lvm.fill('lab/gone', bench.path('gone'));
    lvm.create('-Wn', '-L', '24M', '-n', 'root', 'lab', lvm.devices[0]);
    lvm.create('-Wn', '-i2', '-I', '64k', '-L', '34M', '-n', 'data', 'lab');
    lvm.create('-Wn', '-L', '8M', '-n', 'swap', 'lab', lvm.devices[1]);
    lvm('lvextend', '--driverloaded', 'n', '-L', '40M', 'lab/root', lvm.devices[1]);
    lvm('lvremove', '--driverloaded', 'n', '-y', 'lab/gone');
    lvm.fill('lab/root', makeExt4(bench, 'root.img', 40 * MIB));
    lvm.fill('lab/data', makeXfs('data.img', 34 * MIB));
    const swap = bench.file('swap.img', 8 * MIB, 0x53);
    run('mkswap', swap);
    lvm.fill('lab/swap', swap);
    expect(occurrences(disk, DELETED_MARKER)).toBeGreaterThan(50_000);
  });

  test('is captured by what the file systems inside use', async () => {
    resultOf(await engine.capture(disk, 'lvm'));
    const [version] = (await engine.client.call('template.show', { template: 'lvm' })).versions;
    expect(version.disks[0].layout.volumes).toMatchObject([
      { recognised: 'lvm2', captureAs: 'used-blocks', warnings: [] },
      { recognised: 'lvm2', captureAs: 'used-blocks', warnings: [] },
    ]);
    expect(version.disks[0].layout.groups).toMatchObject([
      {
        name: 'lab',
        members: [0, 1],
        volumes: [
          { ref: 'lab/root', fileSystem: { kind: 'ext4' }, captureAs: 'used-blocks' },
          { ref: 'lab/data', fileSystem: { kind: 'xfs' }, captureAs: 'used-blocks', mapping: 'striped' },
          { ref: 'lab/swap', fileSystem: { kind: 'swap' }, captureAs: 'header-only' },
        ],
      },
    ]);
    const inner = version.disks[0].layout.groups[0].volumes.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
    const members = version.disks[0].layout.volumes.reduce((sum, { usedBytes }) => sum + usedBytes, 0);
    expect(members - inner).toBeGreaterThan(2 * 4096);
    expect(members - inner).toBeLessThanOrEqual(2 * MIB);
  });

  test('is deployed onto a disk full of ones: every volume is sound, and nothing deleted is there', async (context) => {
    proves(
      context,
      { subject: 'LVM2', feature: 'linear volumes', aspect: 'deploy', judge: 'e2fsck, lvs' },
      { subject: 'LVM2', feature: 'volumes in several segments', aspect: 'deploy', judge: 'e2fsck, lvs' },
      { subject: 'LVM2', feature: 'striped volumes', aspect: 'deploy', judge: 'xfs_repair, lvs' },
    );
    const image = bench.file('target.img', DISK_BYTES, 0xff);
    const device = bench.attach(image);
    resultOf(await engine.deploy('lvm', device, { confirm: device }));
    expectSoundGpt(device);
    bench.detach(device);

    const ext4 = lvm.cut('lab/root', image, PARTS, bench.path('root.copy'));
    run('e2fsck', '-fn', ext4);
    expectSameUsedBlocks(bench, 'partclone.ext4', bench.path('root.img'), ext4);
    const xfs = lvm.cut('lab/data', image, PARTS, bench.path('data.copy'));
    run('xfs_repair', '-n', xfs);
    const points = [bench.path('data.img'), xfs].map((path) => bench.mount(path, 'ro,loop,nouuid'));
    run('diff', '-r', ...points);
    points.forEach((point) => bench.unmount(point));
    const swap = lvm.cut('lab/swap', image, PARTS, bench.path('swap.copy'));
    expect(run('blkid', '-p', '-o', 'value', '-s', 'TYPE', swap).trim()).toBe('swap');
    expect(
      readFileSync(swap)
        .subarray(4096)
        .every((byte) => byte === 0xff),
    ).toBe(true);
    expect(occurrences(image, DELETED_MARKER)).toBe(0);
    expect(occurrences(image, LIVE_MARKER)).toBeGreaterThan(3000);

    const told = lvm('lvs', '--noheadings', '-o', 'vg_uuid,lv_uuid,seg_pe_ranges', 'lab').replaceAll(/\/dev\/\w+/g, '');
    detachAll(bench, lvm);
    const copy = lvmOn(bench, image, PARTS);
    expect(
      copy('lvs', '--noheadings', '-o', 'vg_uuid,lv_uuid,seg_pe_ranges', 'lab').replaceAll(/\/dev\/\w+/g, ''),
    ).toBe(told);
    copy('vgck', 'lab');
    expect(statSync(image).size).toBe(DISK_BYTES);
  });
});
