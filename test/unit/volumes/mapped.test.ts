/** Runs and stripes against a table of every single byte. */
import { expect, test } from 'vitest';
import type { Extent } from '../../../src-engine/disk/block-source.port.ts';
import { memorySource } from '../../../src-engine/disk/memory-source.ts';
import { readBytes } from '../../../src-engine/disk/read.ts';
import type { MappedRun } from '../../../src-engine/volumes/group.port.ts';
import { columnExtent, toMembers } from '../../../src-engine/volumes/mapped-extents.ts';
import { mappedSource } from '../../../src-engine/volumes/mapped-source.ts';
import { randomBelow } from '../../support/temporary.ts';

const MEMBERS = 3;
const MEMBER_BYTES = 6000;

interface Mapped {
  readonly runs: MappedRun[];
  readonly lengthBytes: number;
  /** member and offset of each byte */
  readonly places: [member: number, offset: number][];
}

/** Runs that lie anywhere on the members, disjoint. */
function randomRuns(below: (limit: number) => number): Mapped {
  const next = Array.from({ length: MEMBERS }, () => below(50));
  const runs: MappedRun[] = [];
  const places: Mapped['places'] = [];
  for (let count = 1 + below(5); count > 0; count--) {
    const width = 1 + below(MEMBERS);
    const stripeBytes = 1 + below(60);
    const rows = 1 + below(8);
    const columns = Array.from({ length: width }, (_, i) => {
      const member = (i + count) % MEMBERS;
      const startBytes = next[member];
      next[member] += rows * stripeBytes + below(40);
      return { member, startBytes };
    });
    runs.push({ startBytes: places.length, lengthBytes: rows * stripeBytes * width, stripeBytes, columns });
    for (let row = 0; row < rows; row++) {
      for (const { member, startBytes } of columns) {
        for (let byte = 0; byte < stripeBytes; byte++) places.push([member, startBytes + row * stripeBytes + byte]);
      }
    }
  }
  return { runs, places, lengthBytes: places.length };
}

const extentIn = (below: (limit: number) => number, lengthBytes: number): Extent => {
  const startBytes = below(lengthBytes);
  return { startBytes, lengthBytes: 1 + below(lengthBytes - startBytes) };
};

test('a volume reads as its bytes lie', async () => {
  for (let seed = 1; seed <= 200; seed++) {
    const below = randomBelow(seed);
    const { runs, places, lengthBytes } = randomRuns(below);
    const members = Array.from({ length: MEMBERS }, () =>
      Buffer.from(Array.from({ length: MEMBER_BYTES }, () => below(256))),
    );
    const volume = mappedSource(
      members.map((bytes) => memorySource(bytes)),
      runs,
      lengthBytes,
    );
    const expected = Buffer.from(places.map(([member, offset]) => members[member][offset]));
    expect((await readBytes(volume, 0, lengthBytes)).equals(expected)).toBe(true);
    for (let i = 0; i < 5; i++) {
      const { startBytes, lengthBytes: length } = extentIn(below, lengthBytes);
      const found = await readBytes(volume, startBytes, length);
      expect(found.equals(expected.subarray(startBytes, startBytes + length))).toBe(true);
    }
  }
});

test('bytes of a volume are found on its members, all of them, once', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const below = randomBelow(seed);
    const { runs, places, lengthBytes } = randomRuns(below);
    const extent = extentIn(below, lengthBytes);
    const key = (member: number, offset: number) => member * MEMBER_BYTES + offset;
    const found = toMembers(runs, extent).flatMap(({ member, startBytes, lengthBytes: length }) =>
      Array.from({ length }, (_, i) => key(member, startBytes + i)),
    );
    const expected = places.slice(extent.startBytes, extent.startBytes + extent.lengthBytes);
    expect(found.sort((a, b) => a - b)).toEqual(expected.map(([m, o]) => key(m, o)).sort((a, b) => a - b));
  }
});

test('ascending extents of a volume are ascending in a column', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const below = randomBelow(seed);
    const { runs, lengthBytes } = randomRuns(below);
    const extents: Extent[] = [];
    for (let at = below(20); at < lengthBytes;) {
      const length = 1 + below(90);
      extents.push({ startBytes: at, lengthBytes: Math.min(length, lengthBytes - at) });
      at += length + below(60);
    }
    for (const run of runs) {
      for (const [column] of run.columns.entries()) {
        let end = run.columns[column].startBytes;
        for (const extent of extents) {
          const found = columnExtent(run, column, extent);
          if (found.lengthBytes === 0) continue;
          expect(found.startBytes).toBeGreaterThanOrEqual(end);
          end = found.startBytes + found.lengthBytes;
        }
        expect(end).toBeLessThanOrEqual(run.columns[column].startBytes + run.lengthBytes / run.columns.length);
      }
    }
  }
});
