/** Superblocks of MD RAID that lie, with checksums made right again so that the lie is believed. */
import { expect, test } from 'vitest';
import { proves } from '../../support/matrix.ts';
import { randomBelow } from '../../support/temporary.ts';
import { writeGpt } from '../../unit/volumes/disks.ts';
import { seal0, seal1, superblockStart, writeMember, type MdOptions } from '../../unit/volumes/md-image.ts';
import { madeBy } from '../filesystems/harmless.ts';
import { inspectHostile, MUTATIONS } from './inspected.ts';

const MIB = 1024 * 1024;
const VERSIONS: MdOptions['version'][] = ['0.90', '1.0', '1.1', '1.2'];
const PART_BYTES = 2 * MIB;
const MAX_READ_BYTES = 64 * MIB;
const starts = VERSIONS.map((_, i) => MIB + i * PART_BYTES);
const ext4 = madeBy('mkfs.ext4', ['-q', '-F', '-b', '1024'], 512 * 1024);

/** A mirror for each version, with a file system in it. */
function disk(): Buffer {
  const bytes = Buffer.alloc(2 * MIB + VERSIONS.length * PART_BYTES);
  writeGpt(
    bytes,
    starts.map((start) => ({ first: start / 512, last: (start + PART_BYTES) / 512 - 1 })),
  );
  starts.forEach((start, i) => {
    const part = bytes.subarray(start, start + PART_BYTES);
    const data = writeMember(part, {
      version: VERSIONS[i],
      uuid: Buffer.alloc(16, i + 1),
      withBitmap: i > 0,
      withBadBlocks: i > 0,
    });
    ext4.copy(part, data.startBytes);
  });
  return bytes;
}

test('seeded mutations', async (context) => {
  proves(context, { subject: 'MD RAID', feature: 'superblocks', aspect: 'hostile', judge: 'seeded mutations' });
  const original = disk();
  const { view } = await inspectHostile(original, MAX_READ_BYTES);
  expect(view.groups.flatMap(({ volumes }) => volumes.map(({ captureAs }) => captureAs))).toEqual(
    VERSIONS.map(() => 'used-blocks'),
  );
  const bytes = Buffer.from(original);
  const extremes = [0, 1, 2, 7, 8, 16, 100, 4000, 4096, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];
  let readable = 0;
  for (let seed = 1; seed <= MUTATIONS; seed++) {
    const below = randomBelow(seed);
    const touched: [number, number][] = [];
    for (let count = 1 + below(5); count > 0; count--) {
      const i = below(VERSIONS.length);
      const at = starts[i] + superblockStart(VERSIONS[i], PART_BYTES);
      touched.push([i, at]);
      const header = VERSIONS[i] === '0.90' ? 0 : below(3) === 0 ? 8 * 512 : 0;
      const place = at + header + 4 * (below(8) === 0 ? below(1024) : below(66));
      const value = below(2) === 0 ? extremes[below(extremes.length)] : below(5000);
      if (place + 4 <= bytes.length) bytes.writeUInt32LE(value, place);
    }
    for (const [i, at] of touched) {
      if (below(8) === 0) continue;
      if (VERSIONS[i] === '0.90') seal0(bytes, at);
      else seal1(bytes, at);
    }
    const found = await inspectHostile(bytes, MAX_READ_BYTES);
    readable += found.view.volumes.filter(({ captureAs }) => captureAs === 'used-blocks').length;
    for (const [, at] of touched) original.copy(bytes, at, at, Math.min(at + 8192 + 4096, original.length));
  }
  expect(readable).toBeGreaterThan(MUTATIONS);
});
