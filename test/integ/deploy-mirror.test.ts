/** A partition that is one of a mirror (MD RAID 1) goes onto a larger disk: mdadm says what its superblock means then, e2fsck what is on the array. */
import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { extract, LIVE_MARKER, makeExt4, place } from '../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../support/engine.ts';
import { expectSoundGpt, occurrences } from '../support/judges.ts';
import { canLoop, MIB, run, workbench } from '../support/workbench.ts';
import { writeMember, type MdOptions } from '../unit/volumes/md-image.ts';

const START = MIB;
const MEMBER_BYTES = 48 * MIB;
const DISK_BYTES = 50 * MIB;
const LARGER_BYTES = 120 * MIB;
const INSIDE_BYTES = 40 * MIB;

describe.skipIf(!canLoop)('a partition of a mirror', () => {
  const bench = workbench();
  let engine: TestEngine;
  let ext4: string;

  beforeAll(async () => {
    engine = await openEngine(bench.path('catalog'));
    bench.atEnd(() => engine.close());
    ext4 = makeExt4(bench, 'inside.img', INSIDE_BYTES);
  });

  /** @returns where the array's bytes are on the partition */
  function makeDisk(name: string, options: MdOptions): { disk: string; dataStart: number } {
    const disk = bench.file(name, DISK_BYTES);
    run('sgdisk', '-n', `1:${START / 512}:+${MEMBER_BYTES / MIB}M`, '-t', '1:fd00', disk);
    const bytes = readFileSync(disk);
    const member = bytes.subarray(START, START + MEMBER_BYTES);
    const { startBytes } = writeMember(member, options);
    writeFileSync(disk, bytes);
    place(ext4, disk, START + startBytes);
    return { disk, dataStart: startBytes };
  }

  const memberOf = (disk: string, lengthBytes: number) =>
    extract(disk, { startBytes: START, lengthBytes }, bench.path('member.img'));
  const partitionBytes = (disk: string) =>
    512 * Number(/Partition size: (\d+)/.exec(run('sgdisk', '-i', '1', disk))![1]);
  const fields = (text: string) =>
    Object.fromEntries([...text.matchAll(/^ *(\S.*?) : (.*)$/gm)].map(([, name, value]) => [name, value]));

  const cases: [string, MdOptions][] = [
    ['0.90', { version: '0.90' }],
    ['1.0 with a bitmap and a list of bad blocks', { version: '1.0', withBitmap: true, withBadBlocks: true }],
    ['1.1', { version: '1.1' }],
    ['1.2 with a bitmap', { version: '1.2', withBitmap: true, withBadBlocks: true }],
  ];
  test.each(cases)('grows with its array and what is on it: version %s', async (name, options) => {
    // the array is as long as what is on it, as mdadm makes it
    const { disk, dataStart } = makeDisk(`${name}.img`, { ...options, dataBytes: INSIDE_BYTES });
    resultOf(await engine.capture(disk, name));
    const before = fields(run('mdadm', '--examine', memberOf(disk, MEMBER_BYTES)));
    const target = bench.path(`${name}-larger.img`);
    const { planId, volumes } = await engine.client.call('deploy.plan', {
      template: name,
      target,
      lengthBytes: LARGER_BYTES,
      identity: 'keep',
    });
    expect(volumes).toMatchObject([{ method: 'in-place', isMirror: true }]);
    resultOf(await engine.ended((await engine.client.call('deploy.start', { planId })).jobId));

    expectSoundGpt(target);
    const lengthBytes = partitionBytes(target);
    expect(lengthBytes).toBeGreaterThan(LARGER_BYTES - 3 * MIB);
    const grown = memberOf(target, lengthBytes);
    const after = fields(run('mdadm', '--examine', grown));
    for (const field of ['UUID', 'Array UUID', 'Events', 'Raid Devices', 'Raid Level', 'Device Role', 'State'])
      expect([field, after[field]]).toEqual([field, before[field]]);
    expect(after.Checksum).toMatch(/correct/);
    const [, kib] = /^(\d+)/.exec(after['Array Size'])!;
    const addedBytes = 1024 * (Number(kib) - Number(/^(\d+)/.exec(before['Array Size'])![1]));
    // version 0.90 counts in 64 KiB
    expect(addedBytes).toBeGreaterThanOrEqual(lengthBytes - MEMBER_BYTES - 64 * 1024);

    const arrayBytes = 1024 * Number(kib);
    const array = extract(target, { startBytes: START + dataStart, lengthBytes: arrayBytes }, bench.path('array.img'));
    run('e2fsck', '-fn', array);
    const said = run('dumpe2fs', '-h', array);
    const count = (field: string) => Number(new RegExp(`^${field}: +(\\d+)`, 'm').exec(said)![1]);
    const usedBytes = count('Block count') * count('Block size');
    expect(arrayBytes - usedBytes).toBeLessThan(8 * MIB);
    expect(occurrences(target, LIVE_MARKER)).toBe(2000);
    if (options.withBitmap) {
      const device = bench.attach(grown);
      const bitmap = fields(run('mdadm', '--examine-bitmap', device));
      bench.detach(device);
      expect(bitmap['Sync Size']).toContain(String(kib));
      expect(bitmap.Bitmap).toContain('0 dirty');
    }
    // nobody takes what stood at the old end for a superblock
    if (options.version === '1.0')
      expect(() => run('mdadm', '--examine', memberOf(target, MEMBER_BYTES))).toThrow(/No md superblock/);
  });

  test.each<[string, MdOptions]>([
    ['that was not stopped in order', { version: '1.2', isClean: false }],
    ['that stands by', { version: '1.2', role: 0xffff }],
    ['of another level', { version: '1.2', level: 0 }],
  ])('keeps its length where it is one %s', async (name, options) => {
    const { disk } = makeDisk(`${name}.img`, { ...options, dataBytes: INSIDE_BYTES });
    resultOf(await engine.capture(disk, name));
    const target = bench.path(`${name}-larger.img`);
    const { volumes } = await engine.client.call('deploy.plan', { template: name, target, lengthBytes: LARGER_BYTES });
    expect(volumes).toMatchObject([{ method: 'kept', lengthBytes: MEMBER_BYTES }]);
    expect(volumes[0].isMirror).toBeUndefined();
  });
});
