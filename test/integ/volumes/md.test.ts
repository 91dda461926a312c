/** Members of MD arrays. The kernel here has no MD: superblocks are written from their specification, and mdadm judges them. */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { openFileSource } from '../../../src-engine/formats/raw/file-source.ts';
import { inspectDisk } from '../../../src-engine/inspection/disk-inspection.ts';
import { readArrays } from '../../../src-engine/volumes/md/arrays.ts';
import { DELETED_MARKER, GAP_MARKER, LIVE_MARKER, makeExt4, place, type Part } from '../../support/disks.ts';
import { openEngine, resultOf, type TestEngine } from '../../support/engine.ts';
import { expectSameUsedBlocks, expectSoundGpt, extractBoth, occurrences } from '../../support/judges.ts';
import { proves } from '../../support/matrix.ts';
import { canLoop, MIB, run, workbench } from '../../support/workbench.ts';
import { superblockStart, writeMember, type MdOptions } from '../../unit/volumes/md-image.ts';
import { detachAll, lvmOn } from './lvm.ts';

const bench = workbench();

const VERSIONS: MdOptions['version'][] = ['0.90', '1.0', '1.1', '1.2'];

test.each(VERSIONS)('a member of version %s bears the label and UUID that blkid says', async (version) => {
  const bytes = Buffer.alloc(16 * MIB);
  writeMember(bytes, { version, level: 5, devices: 4, role: 2, withBitmap: false });
  const image = bench.path('named.img');
  writeFileSync(image, bytes);
  const said = (tag: string) => run('sh', '-c', `blkid -p -o value -s ${tag} "$0" || true`, image).trim();
  const { view } = await inspectDisk(memorySource(bytes), new AbortController().signal);
  expect(said('TYPE')).toBe('linux_raid_member');
  const [recognisedLabel, recognisedUuid] = [said('LABEL'), said('UUID')];
  expect(view.volumes[0]).toMatchObject({ recognised: 'md-raid', recognisedLabel, recognisedUuid });
});

describe('superblocks', () => {
  const levels: [number, string][] = [
    [1, 'raid1'],
    [5, 'raid5'],
    [6, 'raid6'],
    [10, 'raid10'],
    [0, 'raid0'],
  ];
  test.each(VERSIONS.flatMap((version) => levels.map((level) => [version, ...level] as const)))(
    'version %s of a RAID %i are read as mdadm reads them',
    async (version, level, levelName) => {
      const bytes = Buffer.alloc(16 * MIB);
      writeMember(bytes, { version, level, devices: 4, role: 2, withBitmap: version !== '0.90' });
      const image = bench.path('member.img');
      writeFileSync(image, bytes);
      const told = run('mdadm', '--examine', image);
      const field = (name: string) => new RegExp(`${name} : (.*)`).exec(told)?.[1];
      expect(field('Checksum')).toMatch(/- correct$/);
      expect(field('Raid Level')).toBe(levelName);
      const { members, broken } = await readArrays([memorySource(bytes)]);
      expect(broken).toEqual([]);
      const [{ member }] = members;
      expect(member).toMatchObject({
        uuid: field('UUID'),
        level: String(level),
        deviceCount: Number(field('Raid Devices')),
        events: BigInt(field('Events')!),
        role: 2,
        isClean: field('State') === 'clean',
        isInStep: true,
      });
      if (version !== '0.90') {
        expect(member.name).toBe(field('Name'));
        expect(member.data.startBytes).toBe(512 * Number.parseInt(field('Data Offset') ?? '0'));
        expect(member.superblock.startBytes).toBe(512 * Number.parseInt(field('Super Offset')!));
        expect(field('Device Role')).toBe('Active device 2');
      }
    },
  );
});

test.each(['0.90', '1.0'] as const)(
  'a superblock %s that a new file system left behind is no reason to leave anything out',
  async (version) => {
    const image = makeExt4(bench, 'new.img', 24 * MIB);
    const bytes = readFileSync(image);
    writeMember(bytes, { version });
    const { view } = await inspectDisk(memorySource(bytes), new AbortController().signal);
    expect(view.groups[0].volumes).toMatchObject([
      { captureAs: 'whole', warnings: [{ code: 'FILESYSTEM_TRUNCATED' }] },
    ]);
    expect(view.usedBytes).toBeGreaterThan(bytes.length - 200 * 1024);
  },
);

describe.skipIf(!canLoop)('a disk with mirrors', () => {
  const PARTS = {
    left: { startBytes: MIB, lengthBytes: 34 * MIB },
    right: { startBytes: 35 * MIB, lengthBytes: 34 * MIB },
    group: { startBytes: 69 * MIB, lengthBytes: 30 * MIB },
    parity: { startBytes: 99 * MIB, lengthBytes: 4 * MIB },
  };
  const DISK_BYTES = 106 * MIB;
  const inside = { startBytes: 2 * MIB, lengthBytes: 32 * MIB };
  const uuids = ['01', '02', '03'].map((byte) => Buffer.from(byte.repeat(16), 'hex'));
  let disk: string;
  let groupPart: Part;
  let engine: TestEngine;

  beforeAll(async () => {
    engine = await openEngine(bench.path('catalog'));
    disk = bench.file('md.img', DISK_BYTES);
    const parts = Object.values(PARTS).flatMap(({ startBytes, lengthBytes }, i) => {
      return ['-n', `${i + 1}:${startBytes / MIB}M:+${lengthBytes / MIB}M`, '-t', `${i + 1}:fd00`];
    });
    run('sgdisk', ...parts, disk);

    const ext4 = makeExt4(bench, 'mirrored.img', inside.lengthBytes);
    const bytes = readFileSync(disk);
    const write = ({ startBytes, lengthBytes }: Part, options: MdOptions) => {
      return writeMember(bytes.subarray(startBytes, startBytes + lengthBytes), options);
    };
    const options = { version: '1.2', dataOffset: inside.startBytes, dataBytes: inside.lengthBytes } as const;
    write(PARTS.left, { ...options, uuid: uuids[0], role: 0, withBitmap: true, withBadBlocks: true });
    write(PARTS.right, { ...options, uuid: uuids[0], role: 1, withBitmap: true });
    const { lengthBytes } = write(PARTS.group, { version: '1.0', uuid: uuids[1], role: 1, name: 'lab:7' });
    write(PARTS.parity, { version: '1.2', uuid: uuids[2], level: 5, devices: 3, role: 2 });
    bytes.write(GAP_MARKER, PARTS.left.startBytes + MIB + MIB / 2);
    writeFileSync(disk, bytes);
    place(ext4, disk, PARTS.left.startBytes + inside.startBytes);
    place(ext4, disk, PARTS.right.startBytes + inside.startBytes);

    groupPart = { startBytes: PARTS.group.startBytes, lengthBytes };
    const lvm = lvmOn(bench, disk, [groupPart]);
    lvm('vgcreate', '-y', '-s', '1M', 'lab', ...lvm.devices);
    lvm.create('-Wn', '-L', '20M', '-n', 'files', 'lab');
    lvm.fill('lab/files', makeExt4(bench, 'files.img', 20 * MIB));
    detachAll(bench, lvm);
  });
  afterAll(() => engine.close());

  test('is captured by what is used of the mirrored volumes', async () => {
    const { readBytes } = await engine.client.call('capture.plan', { source: disk, name: 'md' });
    const result = resultOf(await engine.capture(disk, 'md'));
    const [version] = (await engine.client.call('template.show', { template: 'md' })).versions;
    expect(result.processedBytes).toBe(readBytes);
    expect(version.usedBytes).toBeLessThanOrEqual(readBytes);
    // as many bytes as were counted before
    const source = await openFileSource(disk);
    for (const { used, usedBytes } of (await inspectDisk(source, new AbortController().signal)).volumes) {
      let total = 0;
      for await (const batch of used(new AbortController().signal)) {
        for (const { lengthBytes } of batch) total += lengthBytes;
      }
      expect(total).toBe(usedBytes);
    }
    await source.close();
    expect(version.disks[0].layout.groups).toMatchObject([
      {
        kind: 'md-raid',
        name: 'host:0',
        members: [0, 1],
        missingMembers: 0,
        volumes: [{ ref: 'host:0/array', mapping: 'mirror', fileSystem: { kind: 'ext4' }, captureAs: 'used-blocks' }],
      },
      {
        kind: 'md-raid',
        name: 'lab:7',
        members: [2],
        missingMembers: 1,
        volumes: [{ ref: 'lab:7/array', mapping: 'mirror', recognised: 'lvm2', captureAs: 'used-blocks' }],
      },
      { kind: 'md-raid', members: [3], missingMembers: 2, volumes: [] },
      { kind: 'lvm2', name: 'lab', members: [2], volumes: [{ ref: 'lab/files', fileSystem: { kind: 'ext4' } }] },
    ]);
    expect(version.disks[0].layout.volumes.map(({ recognised, captureAs }) => [recognised, captureAs])).toEqual([
      ['md-raid', 'used-blocks'],
      ['md-raid', 'used-blocks'],
      ['md-raid', 'used-blocks'],
      ['md-raid', 'whole'],
    ]);
    expect(version.disks[0].layout.volumes.flatMap(({ warnings }) => warnings)).toEqual([
      { code: 'RAID_MEMBER', data: { volume: 4, level: '5', role: 3, devices: 3 } },
    ]);
  });

  test('is deployed onto a disk full of ones', async (context) => {
    proves(
      context,
      { subject: 'MD RAID', feature: 'RAID 1 members', aspect: 'deploy', judge: 'mdadm, e2fsck' },
      { subject: 'MD RAID', feature: 'LVM2 inside RAID 1', aspect: 'deploy', judge: 'mdadm, lvs, e2fsck' },
      { subject: 'MD RAID', feature: 'other levels (captured whole)', aspect: 'deploy', judge: 'mdadm' },
    );
    const image = bench.file('target.img', DISK_BYTES, 0xff);
    const device = bench.attach(image);
    resultOf(await engine.deploy('md', device, { confirm: device }));
    expectSoundGpt(device);
    bench.detach(device);
    expect(occurrences(image, DELETED_MARKER)).toBe(0);
    // between what the array takes and its data: nobody speaks of it, and it is little
    expect(occurrences(image, GAP_MARKER)).toBe(1);
    expect(occurrences(image, LIVE_MARKER)).toBe(3 * 2000);

    for (const part of Object.values(PARTS)) {
      const examined = extractBoth(bench, part, disk, image).map((file) => run('mdadm', '--examine', file));
      expect(examined[1].replace(/^.*:\n/, '')).toBe(examined[0].replace(/^.*:\n/, ''));
      expect(examined[1]).toMatch(/Checksum : \w+ - correct/);
    }
    for (const { startBytes } of [PARTS.left, PARTS.right]) {
      const [original, copy] = extractBoth(
        bench,
        { startBytes: startBytes + inside.startBytes, lengthBytes: inside.lengthBytes },
        disk,
        image,
      );
      run('e2fsck', '-fn', copy);
      expectSameUsedBlocks(bench, 'partclone.ext4', original, copy);
    }
    const lvm = lvmOn(bench, image, [groupPart]);
    const files = lvm.cut('lab/files', image, [groupPart], bench.path('files.copy'));
    run('e2fsck', '-fn', files);
    expectSameUsedBlocks(bench, 'partclone.ext4', bench.path('files.img'), files);
    expect(superblockStart('1.0', PARTS.group.lengthBytes)).toBeGreaterThan(groupPart.lengthBytes);
  });
});
