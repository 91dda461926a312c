/** Frames that are kept unpacked: whatever is read of them, by however many at once, and whatever had to make room, is what was packed. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { FramePlace } from '../../../src-engine/store/frame-reader.ts';
import { frameHeader, MAX_FRAME_RAW_BYTES } from '../../../src-engine/store/pack-format.ts';
import { packPath } from '../../../src-engine/store/pack-path.ts';
import { UnpackedFrames } from '../../../src-engine/store/unpacked-frames.ts';
import { noise } from '../../support/disks.ts';
import { emptyStore, frameOf, sha256, writePack } from '../../support/store.ts';
import { randomBelow, temporaryFolder } from '../../support/temporary.ts';

const COUNT = 30;

async function frames() {
  const layout = emptyStore(temporaryFolder());
  const chunks = Array.from({ length: COUNT }, (_, i) => [
    // some that are large, some that do not shrink, some of both
    i % 3 === 0 ? noise(`n${i}`, 700_000) : Buffer.alloc(1_300_000, `text ${i} `),
    Buffer.alloc(20_000 + i, i + 1),
  ]);
  const pack = await writePack(
    layout,
    // some are stored as they are
    chunks.map((own, i) => frameOf(own, i % 5 !== 4)),
  );
  const path = packPath(layout, pack.name);
  const places = pack.frames.map(({ offset, table, storedBytes }): FramePlace => ({
    packPath: path,
    offset,
    headBytes: frameHeader.size + table.length,
    storedBytes,
  }));
  return { layout, chunks, places, path };
}

test.each([
  ['a file that takes all', 1000],
  ['a file that takes few', 3],
  ['memory alone', 0],
])('with %s', async (_, slots) => {
  const { layout, chunks, places } = await frames();
  const unpacked = await UnpackedFrames.open(layout.scratch, slots * MAX_FRAME_RAW_BYTES);
  expect(readdirSync(layout.scratch)).toEqual([]);
  const below = randomBelow(slots + 1);
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      for (let i = 0; i < 60; i++) {
        const [frame, chunk] = [below(COUNT), below(2)];
        const whole = chunks[frame][chunk];
        const from = below(whole.length);
        const into = Buffer.alloc(1 + below(whole.length - from));
        const offset = chunk === 0 ? 0 : chunks[frame][0].length;
        await unpacked.readInto(places[frame], offset, sha256(whole), from, into);
        expect(into.equals(whole.subarray(from, from + into.length))).toBe(true);
      }
    }),
  );
  await unpacked.close();
});

test('believes neither the index nor a pack that is damaged or gone', async () => {
  const { layout, chunks, places, path } = await frames();
  const into = Buffer.alloc(16);
  const open = () => UnpackedFrames.open(layout.scratch);
  const unpacked = await open();
  const [first] = chunks[0];
  for (const [offset, hash, from] of [
    [1, sha256(first), 0],
    [0, sha256(Buffer.of(1)), 0],
    [0, sha256(first), first.length - 8],
  ] as const) {
    await expect(unpacked.readInto(places[0], offset, hash, from, into)).rejects.toMatchObject({
      code: 'CATALOG_DAMAGED',
    });
  }
  await expect(
    unpacked.readInto({ ...places[6], storedBytes: 2 ** 40 }, 0, sha256(first), 0, into),
  ).rejects.toMatchObject({ code: 'PACK_DAMAGED' });
  await unpacked.close();

  const bytes = readFileSync(path);
  bytes[places[3].offset + places[3].headBytes + 100] ^= 1;
  writeFileSync(path, bytes);
  const damaged = await open();
  await expect(damaged.readInto(places[3], 0, sha256(chunks[3][0]), 0, into)).rejects.toMatchObject({
    code: 'PACK_DAMAGED',
  });
  await damaged.readInto(places[2], 0, sha256(chunks[2][0]), 0, into);
  rmSync(path);
  // what is kept needs no pack any more
  await damaged.readInto(places[2], 0, sha256(chunks[2][0]), 5, into);
  await damaged.close();
  const gone = await open();
  await expect(gone.readInto(places[2], 0, sha256(chunks[2][0]), 0, into)).rejects.toMatchObject({
    code: 'CHUNK_MISSING',
  });
  await gone.close();
});

test('who jumps about is known, and whoever reads in order is not', async () => {
  const { layout, chunks, places } = await frames();
  const unpacked = await UnpackedFrames.open(layout.scratch);
  const read = async (frame: number, length: number) => {
    const [whole] = chunks[frame];
    await unpacked.readInto(places[frame], 0, sha256(whole), 0, Buffer.alloc(length));
  };
  for (let i = 0; i < COUNT; i++) await read(i, chunks[i][0].length);
  expect(unpacked.isReadAtRandom).toBe(false);
  // those that are still in memory were read whole
  for (let i = 0; i < COUNT - 8; i++) await read(i, 100);
  expect(unpacked.isReadAtRandom).toBe(false);
  for (let i = COUNT - 8; i < COUNT; i++) await read(i, 100);
  for (let i = 0; i < 12; i++) await read(i, 100);
  expect(unpacked.isReadAtRandom).toBe(true);
  await unpacked.close();
});

test('what was unpacked ahead needs no pack any more; no more of it than there is room for', async () => {
  const { layout, chunks, places, path } = await frames();
  const unpacked = await UnpackedFrames.open(layout.scratch);
  for (const place of places) expect(await unpacked.unpackAhead(place)).toBe(true);
  rmSync(path);
  for (const [i, [whole]] of chunks.entries()) {
    const into = Buffer.alloc(whole.length);
    await unpacked.readInto(places[i], 0, sha256(whole), 0, into);
    expect(into.equals(whole)).toBe(true);
  }
  await unpacked.close();
  expect(await unpacked.unpackAhead(places[0])).toBe(false);

  const few = await UnpackedFrames.open(emptyStore(temporaryFolder()).scratch, 3 * MAX_FRAME_RAW_BYTES);
  const again = await frames();
  let taken = 0;
  while (await few.unpackAhead(again.places[taken])) taken++;
  expect(taken).toBeGreaterThanOrEqual(3);
  expect(taken).toBeLessThan(20);
  await few.close();
});
