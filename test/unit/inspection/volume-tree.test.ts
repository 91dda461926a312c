/** Volumes inside volumes, and those that only look like it. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../src-engine/core/engine-error.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { inspectDisk, openVolumes, warningsOf } from '../../../src-engine/inspection/disk-inspection.ts';
import { unreadable } from '../../../src-engine/inspection/volume-content.ts';
import { bitLocker } from '../filesystems/bitlocker-image.ts';
import { writeGpt } from '../volumes/disks.ts';
import { groupText, linear, PV_UUIDS, writePhysicalVolume } from '../volumes/lvm-image.ts';
import { writeMember } from '../volumes/md-image.ts';

const MIB = 1024 * 1024;
const PART = { start: MIB, length: 6 * MIB };

/** A disk of one partition. */
function disk(fill: (part: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(8 * MIB);
  writeGpt(bytes, [{ first: PART.start / 512, last: (PART.start + PART.length) / 512 - 1, name: 'outer' }]);
  fill(bytes.subarray(PART.start, PART.start + PART.length));
  return bytes;
}

const inspect = (bytes: Buffer) => inspectDisk(memorySource(bytes), new AbortController().signal);
const volumes = linear('secret', 0, 32) + linear('rest', 32, 2);
const physicalVolume = (part: Buffer) =>
  writePhysicalVolume(part, { uuid: PV_UUIDS[0], text: groupText({ extentCount: 34, volumes }) });

test('a group on a mirror: every level says what it is, and where it lies', async () => {
  const bytes = disk((part) => {
    const { startBytes, lengthBytes } = writeMember(part, { version: '1.2' });
    const inner = part.subarray(startBytes, startBytes + lengthBytes);
    physicalVolume(inner);
    bitLocker({ kind: 'windows7', protections: [0] }).copy(inner, MIB);
  });
  const { view, opened } = await inspect(bytes);
  expect(opened.map(({ ref, label, recognised }) => [ref, label, recognised])).toEqual([
    ['1', 'outer', 'md-raid'],
    ['host:0/array', 'array', 'lvm2'],
    ['lab/secret', 'secret', 'bitlocker'],
    ['lab/rest', 'rest', null],
  ]);
  const extent = { startBytes: 512, lengthBytes: 1024 };
  expect(opened.map(({ toDisk }) => toDisk(extent)[0].startBytes / 512)).toEqual([2049, 4097, 6145, 6145 + 32 * 128]);
  expect(view.groups.map(({ name, members }) => [name, members])).toEqual([
    ['host:0', [0]],
    ['lab', [0]],
  ]);
  expect(warningsOf(view).map(({ code, data }) => [code, data.volume])).toEqual([
    ['VOLUME_ENCRYPTED', 'lab/secret'],
    ['BITLOCKER_SUSPENDED', 'lab/secret'],
    ['FILESYSTEM_UNKNOWN', 'lab/rest'],
  ]);
  // superblock and what is before it, sector and area of the label, and both volumes
  expect(view.volumes[0].usedBytes).toBe(8192 + 2048 + 60 * 1024 + 34 * 64 * 1024);
  expect(await openVolumes(memorySource(bytes))).toMatchObject(
    opened.map(({ ref, recognised }) => ({ ref, recognised })),
  );
});

describe('what has two faces is captured whole', () => {
  /** The magic number of an ext superblock, with nothing to it. */
  const extFace = (part: Buffer) => void part.writeUInt16LE(0xef53, 1024 + 56);

  /** A master boot record with one partition, as a virtual machine writes it to a volume that it is given. */
  const mbrFace = (part: Buffer) => {
    part.writeUInt32LE(2, 446 + 8);
    part.writeUInt32LE(8, 446 + 12);
    part.writeUInt8(0x83, 446 + 4);
    part.writeUInt16LE(0xaa55, 510);
  };
  const volume = physicalVolume;
  const member = (part: Buffer) => void writeMember(part, { version: '1.2' });

  test.each([
    ['a physical volume', 'an ext4', volume, extFace],
    ['a physical volume', 'a disk', volume, mbrFace],
    ['a member of an array', 'an ext4', member, extFace],
    ['a member of an array', 'a disk', member, mbrFace],
  ])('%s that begins like %s', async (_what, _other, write, addFace) => {
    const whole = await inspect(
      disk((part) => {
        write(part);
        addFace(part);
      }),
    );
    expect(whole.view.groups).toEqual([]);
    expect(whole.view.volumes[0]).toMatchObject({
      captureAs: 'whole',
      usedBytes: PART.length,
      warnings: [{ code: 'GROUP_UNREADABLE' }],
    });
    expect((await inspect(disk(write))).view.volumes[0].captureAs).toBe('used-blocks');
  });
});

test('noise inside a group is told as noise', async () => {
  const bytes = disk((part) => {
    physicalVolume(part);
    for (let i = 0, state = 1; i < 34 * 64 * 1024; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      part[MIB + i] = state >>> 24;
    }
  });
  expect(warningsOf((await inspect(bytes)).view)).toMatchObject([
    { code: 'VOLUME_LOOKS_RANDOM', data: { volume: 'lab/secret', lengthBytes: 2 * MIB } },
    // too small to tell
    { code: 'FILESYSTEM_UNKNOWN', data: { volume: 'lab/rest' } },
  ]);
});

test.each([
  [
    { feature: 'several devices', devices: 3 },
    { code: 'SEVERAL_DEVICES', data: { devices: 3 } },
  ],
  [{ feature: 'several devices' }, { code: 'SEVERAL_DEVICES', data: { devices: '2+' } }],
  [{ feature: 'zoned' }, { code: 'FILESYSTEM_UNREADABLE', data: { reason: 'zoned' } }],
  [{ checksum: 'tree' }, { code: 'CHECKSUM_MISMATCH', data: { reason: 'tree' } }],
])('a file system that says %j', (data, warning) => {
  expect(unreadable('btrfs', new EngineError('FORMAT_UNSUPPORTED', data)).warnings).toEqual([warning]);
});
